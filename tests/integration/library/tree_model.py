"""The rules of the library once more, in the plainest way: dictionaries, and a climb for every question."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from uuid import UUID

from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from sinfonietta.library.models import Level
from sinfonietta.library.names import numbered

Refusals = set[type[Problem]]
WRITE, MANAGE = int(Level.WRITE), int(Level.MANAGE)


@dataclass
class Thing:
    """A node. ``own``: principal -> level where it has an ACL of its own; ``trash``: the node that was thrown away."""

    kind: str
    parent: UUID | None
    name: str
    own: dict[str, int] | None = None
    owners: set[str] = field(default_factory=set)
    trash: UUID | None = None


@dataclass
class Tree:
    """All nodes, and who belongs to the one group, ``team``."""

    things: dict[UUID, Thing] = field(default_factory=dict)
    team: set[str] = field(default_factory=set)

    def collection(self, uid: UUID) -> UUID:
        while (parent := self.things[uid].parent) is not None:
            uid = parent
        return uid

    def level(self, who: str, uid: UUID) -> int:
        if who in self.things[self.collection(uid)].owners:
            return MANAGE
        at: UUID | None = uid
        while at is not None:
            thing = self.things[at]
            if thing.own is not None:
                principals = {who, "everyone"} | ({"team"} if who in self.team else set())
                return max((thing.own.get(principal, 0) for principal in principals), default=0)
            at = thing.parent
        raise AssertionError("a collection has an ACL")

    def seen(self, who: str) -> dict[UUID, int]:
        """What an account sees, with its levels."""
        levels = {uid: self.level(who, uid) for uid, thing in self.things.items() if thing.trash is None}
        return {uid: level for uid, level in levels.items() if level}

    def inside(self, uid: UUID) -> Iterator[UUID]:
        """A node and all below."""
        yield uid
        for child in [child for child, thing in self.things.items() if thing.parent == uid]:
            yield from self.inside(child)

    def children(self, uid: UUID) -> dict[str, UUID]:
        return {
            thing.name: child for child, thing in self.things.items() if thing.parent == uid and thing.trash is None
        }

    # -- what stands against an act; empty: nothing

    def at(self, who: str, uid: UUID, level: int, *, trashed: bool = False) -> Refusals:
        if uid not in self.things or (self.things[uid].trash is not None) != trashed or not self.level(who, uid):
            return {NotFound}
        return {Forbidden} if self.level(who, uid) < level else set()

    def holds(self, parent: UUID, kind: str) -> Refusals:
        above = self.things[parent].kind
        return {Invalid} if above == "file" or (above == "fileset" and kind != "file") else set()

    def taken(self, parent: UUID | None, name: str, but: UUID | None = None) -> Refusals:
        found = self.children(parent).get(name) if parent else None
        return {Conflict} if found not in (None, but) else set()

    def reaches(self, who: str, uid: UUID, level: int) -> Refusals:
        return set() if all(self.level(who, one) >= level for one in self.inside(uid)) else {Forbidden}

    def create(self, who: str, parent: UUID, kind: str, name: str) -> Refusals:
        return self.at(who, parent, WRITE) or (self.holds(parent, kind) | self.taken(parent, name))

    def rename(self, who: str, uid: UUID, name: str) -> Refusals:
        return self.at(who, uid, WRITE) or self.taken(self.things[uid].parent, name, but=uid)

    def leaves(self, who: str, uid: UUID) -> Refusals:
        parent = self.things[uid].parent
        return {Forbidden} if parent is not None and self.level(who, parent) < WRITE else set()

    def placed(self, who: str, uid: UUID, parent: UUID) -> Refusals:
        thing = self.things[uid]
        found = {Invalid} if thing.kind == "collection" or parent in self.inside(uid) else set()
        found |= self.holds(parent, thing.kind) | self.taken(parent, thing.name, but=uid)
        return found | (self.reaches(who, uid, WRITE) if self.collection(uid) != self.collection(parent) else set())

    def move(self, who: str, uid: UUID, parent: UUID) -> Refusals:
        seen = self.at(who, uid, WRITE) | self.at(who, parent, WRITE)
        return seen or (self.leaves(who, uid) | self.placed(who, uid, parent))

    def trash(self, who: str, uid: UUID) -> Refusals:
        needed = MANAGE if uid in self.things and self.things[uid].kind == "collection" else WRITE
        return self.at(who, uid, needed) or self.leaves(who, uid)

    def restore(self, who: str, uid: UUID, parent: UUID | None) -> Refusals:
        seen = self.at(who, uid, WRITE, trashed=True) | (self.at(who, parent, WRITE) if parent else set())
        if seen:
            return seen
        thing = self.things[uid]
        if thing.trash != uid:
            return {Conflict}
        if parent:
            return self.placed(who, uid, parent)
        gone = thing.parent is not None and bool(self.at(who, thing.parent, WRITE))
        return {Conflict} if gone else self.taken(thing.parent, thing.name)

    def purge(self, who: str, uid: UUID) -> Refusals:
        seen = self.at(who, uid, MANAGE, trashed=True)
        return seen or ({Conflict} if self.things[uid].trash != uid else self.reaches(who, uid, MANAGE))

    def copy(self, who: str, uid: UUID, parent: UUID) -> Refusals:
        seen = self.at(who, uid, 1) | self.at(who, parent, WRITE)
        if seen:
            return seen
        thing = self.things[uid]
        into_itself = parent in self.inside(uid)
        return ({Invalid} if thing.kind == "collection" or into_itself else set()) | self.holds(parent, thing.kind)

    def share(self, who: str, uid: UUID, inherit: bool) -> Refusals:
        seen = self.at(who, uid, MANAGE)
        if seen:
            return seen
        kind = self.things[uid].kind
        return {Invalid} if kind == "file" or (inherit and kind == "collection") else set()

    def own(self, who: str, uid: UUID) -> Refusals:
        seen = self.at(who, uid, MANAGE)
        if seen:
            return seen
        thing = self.things[uid]
        return ({Invalid} if thing.kind != "collection" else set()) | (set() if who in thing.owners else {Forbidden})

    # -- what an act does

    def throw(self, uid: UUID) -> None:
        for one in self.inside(uid):
            self.things[one].trash = self.things[one].trash or uid

    def bring_back(self, uid: UUID, parent: UUID | None) -> None:
        for one in self.inside(uid):
            if self.things[one].trash == uid:
                self.things[one].trash = None
        self.things[uid].parent = parent or self.things[uid].parent

    def remove(self, uid: UUID) -> None:
        for one in list(self.inside(uid)):
            del self.things[one]

    def free_name(self, parent: UUID, name: str) -> str:
        taken = self.children(parent)
        return next(one for one in (name, *(numbered(name, n) for n in range(2, 99))) if one not in taken)

    def copied(self, who: str, uid: UUID, twin: UUID, parent: UUID, find: object) -> None:
        """Enter a copy, child by child as far as the actor sees; ``find(parent, name)`` answers the id of a twin."""
        seen = [(name, child) for name, child in self.children(uid).items() if self.level(who, child)]
        name = self.free_name(parent, self.things[uid].name)
        self.things[twin] = replace(self.things[uid], parent=parent, name=name, own=None, trash=None)
        for child_name, child in seen:
            self.copied(who, child, find(twin, child_name), twin, find)  # type: ignore[operator]
