"""Who may what at a node, and why."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import EVERYONE, Principal, User
from sinfonietta.common.errors import NotFound
from sinfonietta.library import access
from sinfonietta.library.models import AclEntry, Level, Node, Owner


@dataclass(frozen=True)
class GrantRow:
    """One principal in an ACL. ``granted`` is None for an owner of the collection who was not granted anything."""

    uid: UUID
    kind: str
    name: str
    full_name: str
    level: Level
    granted: Level | None
    is_owner: bool


@dataclass(frozen=True)
class Grants:
    """The ACL that counts for a node. ``inherited_from`` is None where the node has its own."""

    inherit: bool
    inherited_from: UUID | None
    inherited_from_name: str
    everyone: str | None
    rows: list[GrantRow]

    @property
    def granted(self) -> list[GrantRow]:
        """What was granted; owners without a grant left out."""
        return [row for row in self.rows if row.granted]


def grants(*, actor: Actor, uid: UUID) -> Grants:
    """Who may what at a node, owners included. Raises NotFound, or Forbidden for who does not manage it."""
    node = access.require(actor, uid, Level.MANAGE)
    found = list(
        AclEntry.objects.filter(acl=node.acl_id)
        .select_related("principal__user", "principal__group")
        .order_by("principal_id")
    )
    owned_by = set(Owner.objects.filter(collection=node.collection_id).values_list("user_id", flat=True))
    source = Node.objects.get(own_acl=node.acl_id)
    everyone = next((entry for entry in found if entry.principal_id == EVERYONE), None)
    visible = source.id == node.id or access.readable(actor).filter(id=source.id).exists()
    return Grants(
        inherit=source.id != node.id,
        inherited_from=source.uid if source.id != node.id and visible else None,
        inherited_from_name=source.name if visible else "a place above",
        everyone="read" if everyone else None,
        rows=[_row(entry, entry.principal_id in owned_by) for entry in found if entry is not everyone],
    )


def _row(entry: AclEntry, is_owner: bool) -> GrantRow:
    who = entry.principal.user if entry.principal.kind == Principal.Kind.USER else entry.principal.group
    return GrantRow(
        uid=who.uid,
        kind=entry.principal.kind,
        name=who.name,
        full_name=getattr(who, "full_name", ""),
        level=Level(entry.level),
        granted=None if entry.granted is None else Level(entry.granted),
        is_owner=is_owner,
    )


def owners(*, actor: Actor, uid: UUID) -> list[User]:
    """The owners of a collection, for those who may read it. Raises NotFound."""
    node = access.require(actor, uid)
    if node.kind != Node.Kind.COLLECTION:
        raise NotFound("That is not a collection.")
    return list(User.objects.filter(owned__collection=node.id).order_by("name"))
