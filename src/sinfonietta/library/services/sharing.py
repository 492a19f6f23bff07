"""Grants and owners. A change costs its entries; a node's own ACL re-points its subtree at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.db.models import QuerySet

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import EVERYONE, User
from sinfonietta.common.errors import Forbidden, Invalid
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.hooks import granted as tell_granted
from sinfonietta.library.models import Acl, AclEntry, Change, Level, Node, Owner, with_subtree
from sinfonietta.library.names import encodable
from sinfonietta.library.services import events

Grant = tuple[str, str, Level]
"""(``user`` or ``group``, id or name, level)."""


def set_grants(
    *, actor: Actor, uid: UUID, inherit: bool, everyone: str | None = None, grants: Sequence[Grant] = ()
) -> None:
    """Give a node its own ACL, exactly this, or let it inherit again.

    In one transaction and at once, however much lies below: no old right outlives the answer. Owners keep manage.
    Raises NotFound, Forbidden, Invalid (files always inherit, a collection never; an unknown name).
    """
    with writing():
        node = access.locked(actor, uid, Level.MANAGE)
        if node.kind == Node.Kind.FILE:
            raise Invalid(
                "A file has the rights of the place it lies in.", errors={"inherit": ["files always inherit"]}
            )
        if inherit:
            _inherit(node, bool(grants or everyone))
        else:
            given = _resolve(actor, node, grants, everyone)
            known = _named(node)
            _own(node, given)
            tell_granted(actor, node, {who: level for who, level in given.items() if who not in known})
        record(Change.What.CHANGED, Node.objects.get(id=node.id))
        events.record(actor, "grants.changed", node, inherit=inherit, entries=len(grants), everyone=everyone)


def _named(node: Node) -> set[int]:
    """The principals that the ACL which counts for a node names."""
    return set(AclEntry.objects.filter(acl=node.acl_id).values_list("principal_id", flat=True))


def _inherit(node: Node, has_grants: bool) -> None:
    if has_grants:
        raise Invalid("What inherits has no grants of its own.", errors={"grants": ["must be empty"]})
    if node.parent is None:
        raise Invalid("A collection has nothing to inherit from.", errors={"inherit": ["a collection has its own"]})
    own = Acl.objects.filter(node=node).first()
    if own is None:
        return
    Node.objects.filter(with_subtree(node), acl=own).update(acl=node.parent.acl_id)
    Change.objects.filter(acl=own).update(acl=node.parent.acl_id)
    own.delete()


def _own(node: Node, granted: Mapping[int, Level]) -> None:
    own = Acl.objects.filter(node=node).first()
    if own is None:
        own = Acl.objects.create(node=node)
        Node.objects.filter(with_subtree(node), acl=node.acl_id).update(acl=own)
    AclEntry.objects.filter(acl=own).delete()
    AclEntry.objects.bulk_create(
        AclEntry(acl=own, principal_id=principal, level=level, granted=level) for principal, level in granted.items()
    )
    fold_owners(Acl.objects.filter(id=own.id), node.collection_id)


def _resolve(actor: Actor, node: Node, grants: Iterable[Grant], everyone: str | None) -> dict[int, Level]:
    """Principals by id or name. Raises Invalid naming those that are not there.

    A closed account is there only for who finds it in the ACL that counts now: it can be kept, not found out.
    """
    if everyone not in (None, "read"):
        raise Invalid("Everyone may read, or has nothing.", errors={"everyone": ["null or read"]})
    known = _named(node)
    found: dict[int, Level] = {}
    errors: dict[str, list[str]] = {}
    for number, (kind, name, level) in enumerate(grants):
        principal = accounts.principal_named(actor=actor, kind=kind, name=name) if encodable(name) else None
        closed = User.objects.filter(pk=principal, is_active=False) if principal not in known else User.objects.none()
        if principal is None or closed.exists():
            errors[f"grants.{number}.{kind}"] = [f"There is no {kind} {name!r}."]
        else:
            found[principal] = max(level, found.get(principal, level))
    if errors:
        raise Invalid("Some of them are not known here.", errors=errors)
    return found | ({EVERYONE: Level.READ} if everyone else {})


def fold_owners(acls: QuerySet[Acl], collection_id: int) -> None:
    """Write the owners of a collection into ACLs: those who are owners no more keep what was granted to them."""
    if not acls.exists():
        return
    owners = list(Owner.objects.filter(collection=collection_id).values_list("user_id", flat=True))
    entries = AclEntry.objects.filter(acl__in=acls)
    entries.filter(granted=None).delete()
    for level in Level:
        entries.filter(granted=level).update(level=level)
    entries.filter(principal__in=owners).update(level=Level.MANAGE)
    AclEntry.objects.bulk_create(
        [AclEntry(acl=acl, principal_id=owner, level=Level.MANAGE) for acl in acls for owner in owners],
        ignore_conflicts=True,
        batch_size=500,
    )


def set_owners(*, actor: Actor, uid: UUID, users: Sequence[UUID]) -> None:
    """Exactly these owners of a collection, at least one; only an owner (or the system) says who.

    Raises NotFound, Forbidden, Invalid.
    """
    with writing():
        node = access.locked(actor, uid, Level.MANAGE)
        if node.kind != Node.Kind.COLLECTION:
            raise Invalid("Only a collection has owners.")
        before = Owner.objects.filter(collection=node.id)
        if not actor.is_system and not before.filter(user=actor.user_id).exists():
            raise Forbidden("Only an owner says who owns a collection.")
        found = {user.uid: user for user in User.objects.filter(uid__in=users, is_active=True)}
        missing = [str(user) for user in users if user not in found]
        if missing or not found:
            raise Invalid("An owner must be an account that is open.", errors={"owners": missing or ["at least one"]})
        known = _named(node)
        before.exclude(user__in=found.values()).delete()
        Owner.objects.bulk_create(
            [Owner(collection_id=node.id, user=user) for user in found.values()], ignore_conflicts=True
        )
        fold_owners(Acl.objects.filter(node__in=Node.objects.filter(with_subtree(node))), node.id)
        record(Change.What.CHANGED, node)
        tell_granted(actor, node, {user.pk: Level.MANAGE for user in found.values() if user.pk not in known})
        events.record(actor, "owners.changed", node, owners=sorted(map(str, found)))
