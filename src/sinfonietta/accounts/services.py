"""Writes of accounts: each one transaction with its audit event."""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from sinfonietta.accounts import hooks, queries
from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.accounts.models import Group, Membership, Principal, Token, User
from sinfonietta.accounts.signin import TOKEN_PREFIX
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound
from sinfonietta.common.time import now

NAME = re.compile(r"[\w.@+-]{1,150}", re.ASCII)
"""ASCII: every database folds its case in the same way, and no two names look alike."""
LONGEST_EMAIL = 254
LONGEST_DAYS = 36500
GROUP_NAME = re.compile(r"[^\x00-\x1f\x7f/\ud800-\udfff]{1,150}")


def create_user(
    *,
    actor: Actor,
    name: str,
    email: str = "",
    full_name: str = "",
    password: str | None = None,
    is_admin: bool = False,
    is_reviewer: bool = False,
    is_auditor: bool = False,
) -> User:
    """A new account with its home collection. Without a password nobody can sign in to it with one.

    Raises Forbidden for who is not an administrator, Conflict when the name is taken, Invalid.
    """
    queries.require_admin(actor)
    if not NAME.fullmatch(name) or _is_id(name):
        raise Invalid("A sign-in name has letters, digits and . @ + - _ only.", errors={"name": ["not valid"]})
    _valid_email(email)
    _valid_text(full_name, "full_name")
    with transaction.atomic():
        principal = Principal.objects.create(kind=Principal.Kind.USER)
        user = User(
            principal=principal, name=name, email=email, full_name=full_name[:200],
            is_admin=is_admin, is_reviewer=is_reviewer, is_auditor=is_auditor,
        )  # fmt: skip
        _give_password(user, password)
        _save_new(user, f"There is already an account {name!r}.")
        audit.record(actor=actor, action="user.created", target=user.uid)
        hooks.user_created(user)
    return user


def _save_new(row: User | Group, taken: str) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(taken, errors={"name": ["taken"]}) from error


def _give_password(user: User, password: str | None) -> None:
    if password is None:
        user.set_unusable_password()
        return
    _valid(lambda value: validate_password(value, user), password, "password")
    user.set_password(password)


def _valid(check: object, value: str, field: str) -> None:
    try:
        check(value)  # type: ignore[operator]
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), errors={field: error.messages}) from error


def _valid_email(email: str) -> None:
    if email:
        _valid(validate_email, email, "email")
    if len(email) > LONGEST_EMAIL:
        raise Invalid("That mail address is too long.", errors={"email": ["too long"]})


def _valid_text(text: str, field: str) -> None:
    """Refuse what no database keeps in a text: NUL and halves of characters. Raises Invalid."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Invalid("That text has characters that are none.", errors={field: ["not valid"]})


def set_password(*, actor: Actor, user: User, password: str) -> None:
    """A new password; all sessions of the account end. Raises Forbidden for another's account, Invalid."""
    _own_or_admin(actor, user)
    _give_password(user, password)
    with transaction.atomic():
        user.save(update_fields=["password"])
        audit.record(actor=actor, action="user.password_changed", target=user.uid)


def set_profile(*, actor: Actor, user: User, full_name: str, email: str) -> None:
    """The name that others see, and the mail address. Raises Forbidden, Invalid."""
    _own_or_admin(actor, user)
    _valid_email(email)
    _valid_text(full_name, "full_name")
    with transaction.atomic():
        user.full_name, user.email = full_name[:200], email
        user.save(update_fields=["full_name", "email"])
        audit.record(actor=actor, action="user.profile_changed", target=user.uid)


def end_sessions(*, actor: Actor, user: User) -> None:
    """End every session of the account, on every device. Raises Forbidden."""
    _own_or_admin(actor, user)
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(sessions_valid_after=now())
        audit.record(actor=actor, action="user.sessions_ended", target=user.uid)


def set_active(*, actor: Actor, user: User, active: bool) -> None:
    """Open or close an account, at once on every door; closing ends its sessions for good, its tokens sleep.

    Raises Forbidden, Conflict for the last administrator.
    """
    queries.require_admin(actor)
    with transaction.atomic():
        if not active:
            _not_last_admin(user)
            user.sessions_valid_after = now()
        user.is_active = active
        user.save(update_fields=["is_active", "sessions_valid_after"])
        audit.record(actor=actor, action="user.opened" if active else "user.closed", target=user.uid)


def set_roles(*, actor: Actor, user: User, is_admin: bool, is_reviewer: bool, is_auditor: bool) -> None:
    """The site roles of an account. Raises Forbidden, Conflict for the last administrator."""
    queries.require_admin(actor)
    with transaction.atomic():
        if not is_admin:
            _not_last_admin(user)
        user.is_admin, user.is_reviewer, user.is_auditor = is_admin, is_reviewer, is_auditor
        user.save(update_fields=["is_admin", "is_reviewer", "is_auditor"])
        audit.record(
            actor=actor,
            action="user.roles_changed",
            target=user.uid,
            admin=is_admin,
            reviewer=is_reviewer,
            auditor=is_auditor,
        )


def _not_last_admin(user: User) -> None:
    """Lock the administrators' rows, so that two cannot remove each other. Raises Conflict."""
    admins = list(User.objects.select_for_update(no_key=True).filter(is_admin=True, is_active=True).order_by("pk"))
    if [admin.pk for admin in admins] == [user.pk]:
        raise Conflict("This is the last administrator; make another one first.")


def _all_scope(actor: Actor) -> None:
    if actor.scope < Scope.ADMIN:
        raise Forbidden("This needs a session, or a token of scope admin.")


def _own_or_admin(actor: Actor, user: User) -> None:
    _all_scope(actor)
    if actor.user_id != user.pk:
        queries.require_admin(actor)


def create_group(*, actor: Actor, name: str, description: str = "", members: Iterable[User] = ()) -> Group:
    """A new group. Its maker manages it; made by the system, its first member does.

    Raises Conflict, Invalid, Forbidden.
    """
    _writes(actor)
    name = _group_name(name)
    _valid_text(description, "description")
    people = list(members)
    with transaction.atomic():
        principal = Principal.objects.create(kind=Principal.Kind.GROUP)
        group = Group(principal=principal, name=name, description=description)
        _save_new(group, f"There is already a group {name!r}.")
        managers = {user.pk for user in people[:1]} if actor.is_system else {actor.user_id}
        Membership.objects.bulk_create(
            Membership(group=group, user_id=pk, is_manager=pk in managers)
            for pk in sorted({user.pk for user in people} | managers)
        )
        audit.record(actor=actor, action="group.created", target=group.uid)
    return group


def rename_group(*, actor: Actor, group: Group, name: str, description: str) -> None:
    """Another name and description. Raises Forbidden, Conflict, Invalid."""
    _require_manager(actor, group)
    name = _group_name(name)
    _valid_text(description, "description")
    with transaction.atomic():
        try:
            with transaction.atomic():
                Group.objects.filter(pk=group.pk).update(name=name, description=description)
        except IntegrityError as error:
            raise Conflict(f"There is already a group {name!r}.", errors={"name": ["taken"]}) from error
        audit.record(actor=actor, action="group.changed", target=group.uid)


def delete_group(*, actor: Actor, group: Group) -> None:
    """Delete a group; what was granted to it ends at once. Raises Forbidden."""
    _require_manager(actor, group)
    with transaction.atomic():
        audit.record(actor=actor, action="group.deleted", target=group.uid)
        principal = group.principal_id
        group.delete()
        Principal.objects.filter(pk=principal).delete()


def add_member(*, actor: Actor, group: Group, user: User, is_manager: bool | None = None) -> Membership:
    """Add a member, or change whether they manage the group; None leaves that as it is. Raises Forbidden."""
    _require_manager(actor, group)
    said = {} if is_manager is None else {"is_manager": is_manager}
    with transaction.atomic():
        membership, _ = Membership.objects.update_or_create(group=group, user=user, defaults=said)
        audit.record(
            actor=actor, action="group.member_added", target=group.uid, user=str(user.uid),
            manager=membership.is_manager,
        )  # fmt: skip
    return membership


def remove_member(*, actor: Actor, group: Group, user: User) -> None:
    """Remove a member; one may always leave. Raises Forbidden, NotFound."""
    _writes(actor)
    if user.pk != actor.user_id:
        _require_manager(actor, group)
    with transaction.atomic():
        if not Membership.objects.filter(group=group, user=user).delete()[0]:
            raise NotFound("They do not belong to the group.")
        audit.record(actor=actor, action="group.member_removed", target=group.uid, user=str(user.uid))


def _group_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name.strip())
    if not GROUP_NAME.fullmatch(name) or _is_id(name):
        raise Invalid("A group's name has 1 to 150 characters, no “/”, and is no id.", errors={"name": ["not valid"]})
    return name


def _is_id(name: str) -> bool:
    """Whether a name could be taken for the id of somebody else."""
    try:
        UUID(name)
    except ValueError:
        return False
    return True


def _writes(actor: Actor) -> None:
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")


def _require_manager(actor: Actor, group: Group) -> None:
    _writes(actor)
    if not queries.manages(actor, group):
        raise Forbidden("Only who manages the group, or an administrator, changes it.")


def create_token(
    *, actor: Actor, user: User, name: str, scope: str = Token.Scope.WRITE, days: int | None = None
) -> tuple[Token, str]:
    """A new token and its secret, which is kept nowhere. Raises Forbidden, for another's account too, Invalid."""
    _all_scope(actor)
    if actor.user_id != user.pk and not actor.is_system:  # an administrator would read as somebody else
        raise Forbidden("Everyone makes their own tokens.")
    if scope not in Token.Scope.values:
        raise Invalid("The scope is read, write or admin.", errors={"scope": ["not valid"]})
    if days is not None and not 0 < days <= LONGEST_DAYS:
        raise Invalid(f"A token expires in 1 to {LONGEST_DAYS} days, or never.", errors={"days": ["not valid"]})
    if not name.strip() or len(name) > 150:
        raise Invalid("Say what the token is for, in at most 150 characters.", errors={"name": ["1 to 150 characters"]})
    _valid_text(name, "name")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = Token.objects.create(
            user=user,
            name=name.strip(),
            scope=scope,
            digest=hashlib.sha256(secret.encode()).hexdigest(),
            hint=secret[:8],
            expires=now() + timedelta(days=days) if days is not None else None,
        )
        audit.record(actor=actor, action="token.created", target=token.uid, scope=scope, user=str(user.uid))
    return token, secret


def revoke_token(*, actor: Actor, uid: UUID) -> None:
    """End a token at once on every door. Raises NotFound for one that is not the actor's (administrators: any)."""
    _writes(actor)
    found = Token.objects.filter(uid=uid)
    if not (actor.is_admin or actor.is_system):
        found = found.filter(user=actor.user_id)
    with transaction.atomic():
        if not found.delete()[0]:
            raise NotFound("There is no such token.")
        audit.record(actor=actor, action="token.revoked", target=uid)
