"""Who may what at a node, and why."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import EVERYONE, Principal, User
from sinfonietta.common.errors import NotFound
from sinfonietta.library import access
from sinfonietta.library.models import AclEntry, Level, Node, Owner, subtree

MOST_COUNTED = 10_000
MOST_NAMED = 5


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


@dataclass(frozen=True)
class Difference:
    """What the own ACL of a node changes for one principal; None is no right."""

    name: str
    above: Level | None
    here: Level | None


@dataclass(frozen=True)
class Reach:
    """How far the ACL of a node reaches: what lies below and has it too.

    Counted up to ``MOST_COUNTED``; ``apart`` names places below with an ACL of their own, as far as the actor sees
    them; ``differences`` compares a node's own ACL with what it would inherit.
    """

    files: int
    places: int
    is_more: bool
    apart: list[str]
    differences: list[Difference]


def reach(*, actor: Actor, uid: UUID) -> Reach:
    """What those will see who are granted something at a node. Raises NotFound, Forbidden below manage."""
    node = access.require(actor, uid, Level.MANAGE)
    kinds = list(
        Node.objects.filter(subtree(node), acl=node.acl_id, trash=None).values_list("kind", flat=True)[
            : MOST_COUNTED + 1
        ]
    )
    apart = access.heads(actor).filter(subtree(node)).order_by("name")
    files = kinds[:MOST_COUNTED].count(Node.Kind.FILE)
    return Reach(
        files=files,
        places=len(kinds[:MOST_COUNTED]) - files,
        is_more=len(kinds) > MOST_COUNTED,
        apart=list(apart.values_list("name", flat=True)[:MOST_NAMED]),
        differences=_differences(node),
    )


def _differences(node: Node) -> list[Difference]:
    if node.parent is None or node.parent.acl_id == node.acl_id:
        return []
    entries = AclEntry.objects.filter(acl__in=[node.acl_id, node.parent.acl_id])
    here: dict[str, Level] = {}
    above: dict[str, Level] = {}
    for entry in entries.select_related("principal__user", "principal__group").order_by("principal_id"):
        (here if entry.acl_id == node.acl_id else above)[_name_of(entry)] = Level(entry.level)
    names = [name for name in {**above, **here} if above.get(name) != here.get(name)]
    return [Difference(name, above.get(name), here.get(name)) for name in names]


def _name_of(entry: AclEntry) -> str:
    if entry.principal_id == EVERYONE:
        return "everyone"
    who = entry.principal.user if entry.principal.kind == Principal.Kind.USER else entry.principal.group
    return getattr(who, "full_name", "") or who.name


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
