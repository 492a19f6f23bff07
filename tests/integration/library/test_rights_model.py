"""Random acts of random people, in the library and in a plain model of its rules: both must decide the same.

After every act each account must see exactly the nodes, at the levels, that the model says; and what the tree repeats
of itself (ancestry, ACLs, usage) must be what a climb from each node finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run
from tests.integration.library.tree_model import Refusals, Thing, Tree

from sinfonietta.accounts import queries as people
from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import NotFound, Problem
from sinfonietta.common.time import now
from sinfonietta.library import access, queries, services
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Collection, Level, Node, Version, subtree

NAMES = ("anna", "ben", "cleo")
PRINCIPALS = (*NAMES, "team")
WHO = st.sampled_from(NAMES)
LABEL = st.sampled_from(["a", "b", "c.txt"])
ANY = st.integers(0, 59)
"""Stands for a node (see ``Library.node``) or for a person (see ``Library.who``)."""
CONTENT = b"five!"


class Library(RuleBasedStateMachine):
    """Acts on both at once. People mostly try what they may; now and then anybody tries anything, also what is gone."""

    @initialize()
    def people_and_places(self) -> None:
        self.savepoint = transaction.atomic()
        self.savepoint.__enter__()
        self.tree = Tree()
        self.gone: list[UUID] = [uuid4()]
        self.users = {name: accounts.create_user(actor=SYSTEM, name=name) for name in NAMES}
        self.team = accounts.create_group(actor=SYSTEM, name="team")
        self.blob = Blob.objects.create(
            sha256=hashlib.sha256(CONTENT).hexdigest(), size_bytes=len(CONTENT), key="k", store="local", touched=now()
        )
        self.homes = set(Node.objects.values_list("uid", flat=True))
        for name in NAMES[:2]:
            uid = services.create_collection(actor=self.actor(name), name=f"of {name}").uid
            self.tree.things[uid] = Thing("collection", None, f"of {name}", own={}, owners={name})
        first = next(iter(self.tree.things))
        for name in ("a", "b"):
            uid = services.create_folder(actor=self.actor("anna"), parent=first, name=name).uid
            self.enter(Node.objects.get(uid=uid), "folder", first, name)
            first = uid

    def node(self, number: int) -> UUID:
        """One of the nodes that there are; rarely, or where all are purged, one that is gone."""
        known = list(self.tree.things)
        return known[number % len(known)] if known and number != 59 else self.gone[-1]

    def who(self, number: int, *nodes: UUID) -> str:
        """Mostly somebody who may write there."""
        known = [node for node in nodes if node in self.tree.things]
        able = [name for name in NAMES if all(self.tree.level(name, node) >= 2 for node in known)]
        return able[number % len(able)] if able and number < 48 else NAMES[number % len(NAMES)]

    def teardown(self) -> None:
        if hasattr(self, "savepoint"):
            transaction.set_rollback(True)
            self.savepoint.__exit__(None, None, None)

    def actor(self, name: str) -> Actor:
        return people.actor_for_user(self.users[name], Origin(door="test"))

    def act(self, expected: Refusals, act: Callable[[], object]) -> object | None:
        """Do it; the outcome must be one that the model foresaw. Absent and unseen always come first."""
        try:
            with transaction.atomic():
                done = act()
        except Problem as problem:
            refused = problem
        else:
            assert not expected, f"it was done, expected {expected}"
            return done or True
        assert type(refused) in expected, f"{refused!r}, expected {expected}"
        assert type(refused) is NotFound or NotFound not in expected
        return None

    # -- rules

    @rule(by=ANY, place=ANY, kind=st.sampled_from(["folder", "fileset"]), name=LABEL)
    def create(self, by: int, place: int, kind: str, name: str) -> None:
        parent = self.node(place)
        who = self.who(by, parent)
        make = services.create_folder if kind == "folder" else services.create_fileset
        expected = self.tree.create(who, parent, kind, name)
        made = self.act(expected, lambda: make(actor=self.actor(who), parent=parent, name=name))
        self.enter(made, kind, parent, name)

    @rule(by=ANY, place=ANY, name=LABEL)
    def put(self, by: int, place: int, name: str) -> None:
        parent = self.node(place)
        who = self.who(by, parent)
        existing = self.tree.children(parent).get(name)
        expected = self.tree.create(who, parent, "file", name)
        if existing and self.tree.things[existing].kind == "file" and NotFound not in expected:
            expected = self.tree.at(who, parent, 2)  # the same content again changes nothing
        filed = self.act(expected, lambda: self.file(who, parent, name))
        if not existing:
            self.enter(filed, "file", parent, name)

    def file(self, who: str, parent: UUID, name: str) -> Node:
        with writing():
            place = access.locked(self.actor(who), parent, Level.WRITE)
            return services.file_version(
                actor=self.actor(who), parent=place, name=name, blob=self.blob, media_type="text/plain"
            ).node

    def enter(self, made: object | None, kind: str, parent: UUID, name: str) -> None:
        if isinstance(made, Node):
            self.tree.things[made.uid] = Thing(kind, parent, name)

    @rule(by=ANY, at=ANY, name=LABEL)
    def rename(self, by: int, at: int, name: str) -> None:
        node = self.node(at)
        who = self.who(by, node)
        expected = self.tree.rename(who, node, name)
        if self.act(expected, lambda: services.rename(actor=self.actor(who), uid=node, name=name)):
            self.tree.things[node].name = name

    @rule(by=ANY, at=ANY, to=ANY)
    def move(self, by: int, at: int, to: int) -> None:
        node, parent = self.node(at), self.node(to)
        who = self.who(by, node, parent)
        expected = self.tree.move(who, node, parent)
        if self.act(expected, lambda: services.move(actor=self.actor(who), uid=node, parent=parent)):
            self.tree.things[node].parent = parent

    @rule(by=ANY, at=ANY, to=ANY)
    def copy(self, by: int, at: int, to: int) -> None:
        node, parent = self.node(at), self.node(to)
        who = self.who(by, parent)
        expected = self.tree.copy(who, node, parent)
        copied = self.act(expected, lambda: services.copy(actor=self.actor(who), uid=node, parent=parent))
        if isinstance(copied, services.Copied) and copied.node:
            self.tree.copied(who, node, copied.node.uid, parent, twin)

    @rule(by=ANY, at=ANY)
    def trash(self, by: int, at: int) -> None:
        node = self.node(at)
        who = self.who(by, node)
        if self.act(self.tree.trash(who, node), lambda: services.trash(actor=self.actor(who), uid=node)):
            self.tree.throw(node)

    @rule(by=ANY, at=ANY, to=st.none() | ANY)
    def restore(self, by: int, at: int, to: int | None) -> None:
        thrown = [uid for uid, thing in self.tree.things.items() if thing.trash]
        node = thrown[at % len(thrown)] if thrown and at < 55 else self.node(at)
        parent = None if to is None else self.node(to)
        who = self.who(by, node, *([parent] if parent else []))
        expected = self.tree.restore(who, node, parent)
        if self.act(expected, lambda: services.restore(actor=self.actor(who), uid=node, parent=parent)):
            self.tree.bring_back(node, parent)

    @rule(by=ANY, at=ANY)
    def purge(self, by: int, at: int) -> None:
        thrown = [uid for uid, thing in self.tree.things.items() if thing.trash == uid]
        node = thrown[at % len(thrown)] if thrown and at < 30 else self.node(at)
        who = self.who(by, node)
        if self.act(self.tree.purge(who, node), lambda: services.purge(actor=self.actor(who), uid=node)):
            self.tree.remove(node)
            self.gone.append(node)

    @rule(
        by=ANY,
        at=ANY,
        grants=st.none() | st.dictionaries(st.sampled_from(PRINCIPALS), st.integers(1, 3), max_size=3),
        everyone=st.booleans(),
    )
    def share(self, by: int, at: int, grants: dict[str, int] | None, everyone: bool) -> None:
        node = self.node(at)
        who = self.who(by, node)
        given = [("group" if name == "team" else "user", name, Level(level)) for name, level in (grants or {}).items()]
        opened = "read" if everyone and grants is not None else None
        if self.act(
            self.tree.share(who, node, grants is None),
            lambda: services.set_grants(
                actor=self.actor(who), uid=node, inherit=grants is None, grants=given, everyone=opened
            ),
        ):
            self.tree.things[node].own = None if grants is None else grants | ({"everyone": 1} if everyone else {})

    @rule(by=ANY, at=ANY, owners=st.sets(WHO, min_size=1))
    def set_owners(self, by: int, at: int, owners: set[str]) -> None:
        node = self.node(at)
        node = self.tree.collection(node) if node in self.tree.things and by < 40 else node
        who = self.who(by, node)
        uids = [self.users[name].uid for name in sorted(owners)]
        expected = self.tree.own(who, node)
        if self.act(expected, lambda: services.set_owners(actor=self.actor(who), uid=node, users=uids)):
            self.tree.things[node].owners = owners

    @rule(who=WHO, joins=st.booleans())
    def join_or_leave(self, who: str, joins: bool) -> None:
        if joins:
            accounts.add_member(actor=SYSTEM, group=self.team, user=self.users[who])
            self.tree.team.add(who)
        elif who in self.tree.team:
            accounts.remove_member(actor=SYSTEM, group=self.team, user=self.users[who])
            self.tree.team.discard(who)

    # -- what must hold after each

    @invariant()
    def everyone_sees_what_the_rules_say(self) -> None:
        for name in NAMES:
            nodes = (
                access.readable(self.actor(name))
                .exclude(uid__in=self.homes)
                .annotate(**access.highest(self.actor(name)))
            )
            assert {node.uid: node.highest for node in nodes} == self.tree.seen(name), name

    @invariant()
    def the_tree_is_true_to_itself(self) -> None:
        nodes = {node.id: node for node in Node.objects.select_related("own_acl")}
        for node in nodes.values():
            parent = nodes.get(node.parent_id or 0)
            assert node.ancestry == (parent.below if parent else "")
            own = getattr(node, "own_acl", None)
            assert node.acl_id == (own.id if own else parent.acl_id if parent else None)
            thing = self.tree.things.get(node.uid)
            assert thing is None or (thing.name, thing.kind) == (node.name, node.kind)
        assert set(self.tree.things) == {node.uid for node in nodes.values()} - self.homes

    @invariant()
    def usage_is_the_sum_of_all_versions(self) -> None:
        for collection in Collection.objects.select_related("node"):
            files = Node.objects.filter(subtree(collection.node))
            weight = Version.objects.filter(node__in=files).aggregate(total=Sum("size_bytes"))["total"] or 0
            assert collection.used_bytes == weight

    @invariant()
    def shared_is_what_has_no_visible_place(self) -> None:
        for name in NAMES:
            seen = self.tree.seen(name)
            deep = {uid for uid in seen if self.tree.things[uid].parent not in (None, *seen)}
            listed = {entry.uid for entry in queries.shared(actor=self.actor(name)).items if entry.kind != "collection"}
            assert listed == {uid for uid in deep if name not in self.tree.things[self.tree.collection(uid)].owners}


def twin(parent: UUID, name: str) -> UUID:
    """The id of a live child."""
    return Node.objects.values_list("uid", flat=True).get(parent__uid=parent, name=name, trash=None)


@pytest.mark.slow
@pytest.mark.django_db
def test_the_library_decides_as_its_rules_say() -> None:
    unhurried = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    run(Library, settings=settings(unhurried, max_examples=25, stateful_step_count=30))
