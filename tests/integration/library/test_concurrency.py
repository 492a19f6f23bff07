"""Several at once, each with a connection of its own: whoever comes second finds what the first has done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from django.db import connection
from tests.integration.library.things import blob, file

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.common.errors import Conflict, Invalid, OutOfStorage, Problem
from sinfonietta.library import access, queries, services
from sinfonietta.library.changes import writing
from sinfonietta.library.models import AclEntry, Change, Level, Node

pytestmark = pytest.mark.django_db(transaction=True)


def together(*acts: Callable[[], object]) -> list[object]:
    """Do all acts at one time; what each answered, or the problem it raised."""
    results: list[object] = [None] * len(acts)
    gate = threading.Barrier(len(acts))

    def do(number: int) -> None:
        try:
            gate.wait()
            results[number] = acts[number]()
        except Exception as error:  # noqa: BLE001 - the main thread looks at it
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    unforeseen = [one for one in results if isinstance(one, Exception) and not isinstance(one, Problem)]
    assert not unforeseen
    return results


def problems(results: Sequence[object]) -> list[type]:
    return [type(one) for one in results if isinstance(one, Problem)]


def test_of_several_who_want_a_name_one_gets_it(alice: Actor, study: Node) -> None:
    results = together(*[lambda: services.create_folder(actor=alice, parent=study.uid, name="one")] * 6)
    assert problems(results) == [Conflict] * 5
    assert queries.count_children(actor=alice, uid=study.uid) == 1


def test_folders_on_the_way_are_made_once(alice: Actor, study: Node) -> None:
    def ensure() -> Node:
        with writing():
            place = access.locked(alice, study.uid, Level.WRITE)
            return services.ensure_folders(actor=alice, parent=place, parts=["a", "b", "c"])

    results = together(*[ensure] * 5)
    assert len({node.uid for node in results if isinstance(node, Node)}) == 1
    assert Node.objects.filter(kind="folder").count() == 3


def test_versions_of_one_file_are_numbered_without_a_gap(alice: Actor, study: Node) -> None:
    contents = [bytes([number]) for number in range(6)]
    for content in contents:
        blob(content)
    together(*[lambda content=content: file(alice, study.uid, "a.txt", content) for content in contents])  # type: ignore[misc]
    made = queries.node_at(actor=alice, path="/Study/a.txt")
    assert [version.number for version in queries.versions(actor=alice, uid=made.uid)] == [6, 5, 4, 3, 2, 1]
    assert queries.node(actor=alice, uid=study.uid).used_bytes == 6


def test_a_quota_is_not_passed_together(alice: Actor, study: Node) -> None:
    services.update_collection(actor=SYSTEM, uid=study.uid, quota_bytes=10)
    blob(b"1234")
    acts = [lambda name=f"{number}": file(alice, study.uid, name, b"1234") for number in range(5)]  # type: ignore[misc]
    assert problems(together(*acts)) == [OutOfStorage] * 3
    assert queries.node(actor=alice, uid=study.uid).used_bytes == 8


def test_two_folders_cannot_move_into_each_other(alice: Actor, study: Node) -> None:
    for number in range(5):
        one = services.create_folder(actor=alice, parent=study.uid, name=f"one {number}")
        two = services.create_folder(actor=alice, parent=study.uid, name=f"two {number}")
        results = together(
            lambda: services.move(actor=alice, uid=one.uid, parent=two.uid),  # noqa: B023
            lambda: services.move(actor=alice, uid=two.uid, parent=one.uid),  # noqa: B023
        )
        assert problems(results) == [Invalid]
    for node in Node.objects.exclude(parent=None).select_related("parent"):
        assert node.parent is not None
        assert node.ancestry == node.parent.below


def test_moves_between_collections_in_both_directions_do_not_block_each_other(alice: Actor) -> None:
    left, right = (services.create_collection(actor=alice, name=name) for name in ("left", "right"))
    for collection in (left, right):
        for number in range(4):
            folder = services.create_folder(actor=alice, parent=collection.uid, name=f"{collection.name} {number}")
            file(alice, folder.uid, "a.txt", b"12345")
    acts = [
        lambda uid=node.uid, to=right if node.parent_id == left.id else left: services.move(  # type: ignore[misc]
            actor=alice, uid=uid, parent=to.uid
        )
        for node in Node.objects.filter(parent__in=[left, right])
    ]
    assert problems(together(*acts)) == []
    assert {queries.node(actor=alice, uid=one.uid).used_bytes for one in (left, right)} == {20}
    for node in Node.objects.filter(kind="file").select_related("parent"):
        assert node.parent is not None
        assert (node.ancestry, node.acl_id) == (node.parent.below, node.parent.acl_id)


def test_what_is_added_while_a_folder_is_closed_is_closed_too(alice: Actor, bob: Actor, study: Node) -> None:
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    blob(b"some text")
    for number in range(4):
        folder = services.create_folder(actor=alice, parent=study.uid, name=f"{number}")
        closed, *_ = together(
            lambda: services.set_grants(actor=alice, uid=folder.uid, inherit=False),  # noqa: B023
            lambda: file(alice, folder.uid, "a.txt"),  # noqa: B023
            lambda: services.create_folder(actor=alice, parent=folder.uid, name="b"),  # noqa: B023
            lambda: services.trash(actor=alice, uid=folder.uid) if number == 3 else None,  # noqa: B023
        )
        folder.refresh_from_db()
        assert set(Node.objects.filter(parent=folder).values_list("acl_id", flat=True)) <= {folder.acl_id}
        assert closed is None or number == 3  # in the trash already
        assert AclEntry.objects.filter(acl=folder.acl_id, principal=bob.user_id).exists() == (closed is not None)


def test_who_follows_the_feed_misses_nothing(alice: Actor, study: Node) -> None:
    """A reader asks again and again while writers commit in any order: together its answers are the whole feed."""
    folders = [services.create_collection(actor=alice, name=f"{number}") for number in range(4)]
    done = threading.Event()
    since = queries.changes(actor=alice, limit=1000).since
    before = Change.objects.count()
    seen: list[int] = []

    def follow() -> None:
        at = since
        while True:
            last = done.wait(0.01)  # leaves the interpreter to the writers, too
            found = queries.changes(actor=alice, since=at, limit=1000)
            seen.extend(change.id for change in found.items)
            at = found.since
            if last:
                return

    def write(place: Node) -> None:
        for number in range(8):
            services.create_folder(actor=alice, parent=place.uid, name=f"{number}")

    def follow_in_thread() -> None:
        try:
            follow()
        finally:
            connection.close()

    reader = threading.Thread(target=follow_in_thread)
    reader.start()
    try:
        together(*[lambda place=place: write(place) for place in folders])  # type: ignore[misc]
    finally:
        done.set()
        reader.join()
    assert len(seen) == Change.objects.count() - before == 32
    assert seen == sorted(set(seen))
