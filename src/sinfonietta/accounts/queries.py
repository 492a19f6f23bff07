"""Reads of accounts. What an ordinary account learns of others is their name, full name and kind."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet

from sinfonietta.accounts.actor import Actor, Origin, Scope
from sinfonietta.accounts.models import EVERYONE, Group, Membership, Token, User
from sinfonietta.common.errors import Forbidden, Invalid, NotFound
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor

Row = TypeVar("Row", bound=Any)


def actor_for_user(user: User, origin: Origin, *, scope: Scope = Scope.ADMIN) -> Actor:
    """The account as it stands now: one query, for its groups. Site roles need a credential of admin scope."""
    groups = Membership.objects.filter(user=user.pk).values_list("group_id", flat=True)
    full = scope == Scope.ADMIN
    return Actor(
        user_id=user.pk,
        uid=user.uid,
        name=user.name,
        principals=(EVERYONE, user.pk, *groups),
        is_admin=user.is_admin and full,
        is_reviewer=user.is_reviewer and full,
        is_auditor=user.is_auditor and full,
        scope=scope,
        origin=origin,
    )


def actor_by_uid(uid: UUID, scope: Scope, origin: Origin) -> Actor:
    """The account of that id as an actor, for work it asked for. Raises NotFound when it is gone or closed."""
    user = User.objects.filter(uid=uid, is_active=True).first()
    if user is None:
        raise NotFound("The account is gone or closed.")
    return actor_for_user(user, origin, scope=scope)


def require_admin(actor: Actor) -> None:
    """Raises Forbidden for who does not run the site."""
    if not (actor.is_admin or actor.is_system):
        raise Forbidden("This is for administrators of the site.")


def own_user(*, actor: Actor) -> User:
    """The actor's own account."""
    return User.objects.get(pk=actor.user_id)


def own_groups(*, actor: Actor) -> list[Group]:
    """The groups that the actor belongs to."""
    return list(Group.objects.filter(memberships__user=actor.user_id).order_by("name"))


@dataclass(frozen=True)
class PrincipalRef:
    """Somebody to share with."""

    uid: UUID
    kind: str
    name: str
    full_name: str = ""


def find_principals(*, actor: Actor, text: str, limit: int = 20) -> list[PrincipalRef]:
    """Open accounts and groups with the text in a name, groups first."""
    text = _storable(text)
    named = Q(name__icontains=text) if text else Q()
    groups = Group.objects.filter(named).order_by("name")[:limit]
    full = Q(full_name__icontains=text) if text else Q()
    users = User.objects.filter(named | full, is_active=True).order_by("name")[:limit]
    found = [PrincipalRef(group.uid, "group", group.name) for group in groups]
    found += [PrincipalRef(user.uid, "user", user.name, user.full_name) for user in users]
    return found[:limit]


def principal_named(*, actor: Actor, kind: str, name: str) -> int | None:
    """The principal of a ``user`` or ``group``, by id or name; None where there is none."""
    model: type[User] | type[Group] = User if kind == "user" else Group
    found = model.objects.filter(_by_id_or_name(name)).values_list("pk", flat=True)
    return found.first()


def _by_id_or_name(name: str) -> Q:
    try:
        return Q(uid=UUID(name))  # no name looks like an id, so that none can stand in for another's
    except ValueError:
        return Q(name__iexact=_storable(name))


def _storable(text: str) -> str:
    """The text with U+FFFD, which no name has, for what PostgreSQL refuses even in a question: NUL, half characters."""
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def user_named(*, actor: Actor, name: str) -> User:
    """An open account by id or name. Raises NotFound."""
    user = User.objects.filter(_by_id_or_name(name), is_active=True).first()
    if user is None:
        raise NotFound(f"There is no account {name!r}.")
    return user


def users(*, actor: Actor, text: str = "") -> QuerySet[User]:
    """All accounts, for administrators. Raises Forbidden."""
    require_admin(actor)
    text = _storable(text)
    return User.objects.filter(Q(name__icontains=text) | Q(full_name__icontains=text)).order_by("name")


def user(*, actor: Actor, uid: UUID) -> User:
    """One account, for administrators. Raises Forbidden, NotFound."""
    require_admin(actor)
    found = User.objects.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such account.")
    return found


def groups(*, actor: Actor, cursor: str | None = None, limit: int | None = None) -> Page[Group]:
    """The groups that the actor belongs to; all for administrators. Raises Invalid for a cursor that is not ours."""
    return _by_name(_visible_groups(actor), "name", cursor, limit)


def _visible_groups(actor: Actor) -> QuerySet[Group]:
    found = Group.objects.all()
    return found if actor.is_admin or actor.is_system else found.filter(memberships__user=actor.user_id)


def group(*, actor: Actor, uid: UUID) -> Group:
    """One of the groups that the actor sees. Raises NotFound."""
    found = _visible_groups(actor).filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such group, or you do not belong to it.")
    return found


def group_named(*, actor: Actor, name: str) -> Group:
    """One of the groups that the actor sees, by id or name. Raises NotFound."""
    found = _visible_groups(actor).filter(_by_id_or_name(name)).first()
    if found is None:
        raise NotFound(f"There is no group {name!r}.")
    return found


def members(*, actor: Actor, uid: UUID, cursor: str | None = None, limit: int | None = None) -> Page[Membership]:
    """Who belongs to a group that the actor sees. Raises NotFound, Invalid for a cursor that is not ours."""
    found = Membership.objects.filter(group=group(actor=actor, uid=uid))
    return _by_name(found.select_related("user"), "user__name", cursor, limit)


def _by_name(rows: QuerySet[Row], field: str, cursor: str | None, limit: int | None) -> Page[Row]:
    """A page in the order of a name, which is unique; without a limit all."""
    if cursor:
        last = decode_cursor(cursor, 1)[0]
        if not isinstance(last, str):
            raise Invalid("The cursor is not one of this list.", errors={"cursor": ["not valid"]})
        rows = rows.filter(**{f"{field}__gt": _storable(last)})
    found = list(rows.order_by(field)[: None if limit is None else limit + 1])
    if limit is None or len(found) <= limit:
        return Page(found, None)
    return Page(found[:limit], encode_cursor(attrgetter(field.replace("__", "."))(found[limit - 1])))


def member(*, actor: Actor, group: Group, uid: UUID) -> Membership:
    """Somebody who belongs to the group, also when their account is closed. Raises NotFound."""
    found = Membership.objects.filter(group=group, user__uid=uid).select_related("user").first()
    if found is None:
        raise NotFound("They do not belong to the group.")
    return found


def manages(actor: Actor, group: Group) -> bool:
    """Whether the actor may add and remove members."""
    if actor.is_admin or actor.is_system:
        return True
    return Membership.objects.filter(group=group, user=actor.user_id, is_manager=True).exists()


def tokens(*, actor: Actor) -> list[Token]:
    """The actor's own tokens, newest first."""
    return list(Token.objects.filter(user=actor.user_id).order_by("-created"))


def token(*, actor: Actor, uid: UUID) -> Token:
    """One of the actor's own tokens. Raises NotFound."""
    found = Token.objects.filter(user=actor.user_id, uid=uid).first()
    if found is None:
        raise NotFound("There is no such token.")
    return found


def tokens_of(*, actor: Actor, user: User) -> list[Token]:
    """The tokens of an account, newest first, for administrators. Raises Forbidden."""
    require_admin(actor)
    return list(Token.objects.filter(user=user.pk).order_by("-created"))


def token_id(secret: str) -> UUID:
    """The id of the token with that secret. Raises NotFound."""
    found = Token.objects.filter(digest=hashlib.sha256(secret.encode()).hexdigest()).first()
    if found is None:
        raise NotFound("There is no such token.")
    return found.uid
