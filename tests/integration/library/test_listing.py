"""Pages: as many queries for one entry as for a hundred, every entry once, in order, whatever the order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.library.things import file

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.common.paging import encode_cursor
from sinfonietta.common.time import now
from sinfonietta.library import queries, services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db


def count(ask: Callable[[], object]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        ask()
    return len(captured)


def fill(actor: Actor, parent: UUID, many: int) -> None:
    for number in range(many):
        file(actor, parent, f"{many}-{number:03}.txt", bytes(number % 7))


READS: dict[str, Callable[[Actor, UUID], object]] = {
    "children": lambda actor, uid: queries.children(actor=actor, uid=uid, limit=500),
    "table": lambda actor, uid: queries.children(actor=actor, uid=uid, limit=500, offset=0),
    "count": lambda actor, uid: queries.count_children(actor=actor, uid=uid),
    "manifest": lambda actor, uid: list(queries.manifest(actor=actor, uid=uid)),
    "trash": lambda actor, uid: queries.trash(actor=actor, limit=500),
    "changes": lambda actor, uid: queries.changes(actor=actor, limit=500),
    "shared": lambda actor, uid: queries.shared(actor=actor, limit=500),
}


@pytest.mark.parametrize("read", READS)
def test_a_page_costs_the_same_queries_whatever_its_size(
    alice: Actor, bob: Actor, study: Node, folder: Node, read: str
) -> None:
    services.set_grants(actor=alice, uid=folder.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])

    def more(many: int) -> None:
        fill(bob, folder.uid, many)
        for number in range(many):
            thrown = file(bob, folder.uid, f"thrown {number}").node
            services.trash(actor=bob, uid=thrown.uid)
            inner = services.create_folder(actor=alice, parent=study.uid, name=f"{many} {number}")
            services.set_grants(actor=alice, uid=inner.uid, inherit=False, grants=[("user", "bob", Level.READ)])

    more(1)
    few = count(lambda: READS[read](bob, folder.uid))
    more(20)
    assert count(lambda: READS[read](bob, folder.uid)) == few <= 4


@pytest.mark.parametrize("order", ["name", "-name", "created", "-created", "modified", "-modified", "size", "-size"])
def test_pages_hold_every_entry_once_and_in_order(alice: Actor, folder: Node, order: str) -> None:
    fill(alice, folder.uid, 11)
    services.create_folder(actor=alice, parent=folder.uid, name="a folder among files")
    # moments that are equal, so that the tie is broken by id
    Node.objects.filter(parent=folder).update(created=now(), modified=now() - timedelta(days=1))
    seen: list[queries.Entry] = []
    cursor = None
    while True:
        page = queries.children(actor=alice, uid=folder.uid, order=order, limit=4, cursor=cursor)
        assert len(page.items) == 4 or page.next is None
        seen += page.items
        if page.next is None:
            break
        cursor = page.next
    keys = {
        "name": lambda entry: (entry.name, entry.id),
        "created": lambda entry: (entry.created, entry.id),
        "modified": lambda entry: (entry.modified, entry.id),
        "size": lambda entry: (entry.size_bytes or 0, entry.id),
    }
    assert len({entry.uid for entry in seen}) == 12
    assert seen == sorted(seen, key=keys[order.removeprefix("-")], reverse=order.startswith("-"))


def test_a_table_has_containers_first_and_can_be_leafed_through(alice: Actor, folder: Node) -> None:
    fill(alice, folder.uid, 5)
    services.create_folder(actor=alice, parent=folder.uid, name="z")
    first = queries.children(actor=alice, uid=folder.uid, limit=4, offset=0)
    rest = queries.children(actor=alice, uid=folder.uid, limit=4, offset=4)
    assert [entry.name for entry in first.items] == ["z", "5-000.txt", "5-001.txt", "5-002.txt"]
    assert ([entry.name for entry in rest.items], first.next, rest.next) == (["5-003.txt", "5-004.txt"], "4", None)


def test_a_filter_finds_parts_of_names_and_takes_signs_for_themselves(alice: Actor, folder: Node) -> None:
    for name in ("Scan 100%.txt", "scan_1.txt", "other"):
        file(alice, folder.uid, name)

    def found(part: str) -> list[str]:
        return [entry.name for entry in queries.children(actor=alice, uid=folder.uid, name=part).items]

    assert set(found("SCAN")) == {"Scan 100%.txt", "scan_1.txt"}
    assert found("%") == ["Scan 100%.txt"]
    assert found("_") == ["scan_1.txt"]
    assert found("\0") == found("\ud800") == []
    assert queries.count_children(actor=alice, uid=folder.uid, name="scan", kind="file") == 2
    assert queries.count_children(actor=alice, uid=folder.uid, kind="folder") == 0


MOMENTS = ("2020-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
HOSTILE = [
    "x", "\xff", "é", "[" * 5000, encode_cursor(1), encode_cursor(None, 1), encode_cursor("a\0b", 1),
    encode_cursor("\ud800", 1), *(encode_cursor(moment, 1) for moment in MOMENTS),
    encode_cursor("a", "b"), encode_cursor("a", None), "W1sxXSwxXQ", "e30", "W10", "W3siYSI6MX0sMV0",
]  # fmt: skip


@pytest.mark.parametrize("cursor", HOSTILE)
@pytest.mark.parametrize("order", ["created", "size", "name"])
def test_a_cursor_that_is_not_ours_is_refused(alice: Actor, folder: Node, cursor: str, order: str) -> None:
    if order == "name" and cursor in {encode_cursor(moment, 1) for moment in MOMENTS}:
        return  # a name like any other
    with pytest.raises(Invalid):
        queries.children(actor=alice, uid=folder.uid, order=order, cursor=cursor)


def test_numbers_beyond_the_database_s_are_no_error(alice: Actor, folder: Node) -> None:
    fill(alice, folder.uid, 1)
    huge = 10**40
    for cursor in (encode_cursor(huge, 1), encode_cursor(0, huge), encode_cursor(-huge, -huge)):
        assert queries.children(actor=alice, uid=folder.uid, order="size", cursor=cursor).next is None
    assert queries.changes(actor=alice, since=encode_cursor(huge)).items == []
    assert queries.trash(actor=alice, cursor=encode_cursor(huge)).items == []


@pytest.mark.parametrize("cursor", [*HOSTILE[:5], encode_cursor("1"), encode_cursor(1.5)])  # type: ignore[arg-type]
def test_cursors_of_the_feed_and_of_the_trash_are_checked_too(alice: Actor, cursor: str) -> None:
    if cursor == encode_cursor(1):
        return  # ours
    with pytest.raises(Invalid):
        queries.changes(actor=alice, since=cursor)
    with pytest.raises(Invalid):
        queries.trash(actor=alice, cursor=cursor)


def test_an_unknown_order_is_refused(alice: Actor, folder: Node) -> None:
    with pytest.raises(Invalid):
        queries.children(actor=alice, uid=folder.uid, order="acl_id")


@pytest.mark.parametrize(
    "path", ["", "/", "//", "/Study/absent", "/Study\0", "/\ud800", "/Study/Hospital A/x", "Hospital A"]
)
def test_a_path_without_a_node_is_not_found(alice: Actor, folder: Node, path: str) -> None:
    with pytest.raises(NotFound):
        queries.node_at(actor=alice, path=path)


def test_paths_find_names_in_either_normal_form(alice: Actor, study: Node) -> None:
    made = services.create_folder(actor=alice, parent=study.uid, name="Ba\u0308r")
    assert made.name == "B\u00e4r"
    for path in ("/Study/Ba\u0308r", "Study/B\u00e4r/", "//Study//B\u00e4r"):
        assert queries.node_at(actor=alice, path=path).uid == made.uid


def test_the_manifest_names_nothing_hidden(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    hidden = services.create_folder(actor=alice, parent=folder.uid, name="secret name")
    inner = services.create_folder(actor=alice, parent=hidden.uid, name="inner")
    file(alice, folder.uid, "a.txt", b"a")
    file(alice, hidden.uid, "b.txt", b"b")
    file(alice, inner.uid, "c.txt", b"c")
    file(alice, folder.uid, "q.txt", b"q", state="quarantined")
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    services.set_grants(actor=alice, uid=hidden.uid, inherit=False)
    services.set_grants(actor=alice, uid=inner.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    seen = [row.path for row in queries.manifest(actor=bob, uid=folder.uid)]
    assert sorted(seen) == ["a.txt", f"inner ({str(inner.uid)[:8]})/c.txt"]
    everything = [row.path for row in queries.manifest(actor=alice, uid=folder.uid)]
    assert sorted(everything) == ["a.txt", "q.txt", "secret name/b.txt", "secret name/inner/c.txt"]


def test_a_manifest_of_many_chunks_holds_every_file_once(
    alice: Actor, folder: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sinfonietta.library.queries.files.CHUNK", 3)
    inner = services.create_folder(actor=alice, parent=folder.uid, name="inner")
    for place in (folder, inner, folder):
        fill(alice, place.uid, 4 if place is inner else 5)
        fill(alice, place.uid, 2)
    paths = [row.path for row in queries.manifest(actor=alice, uid=folder.uid)]
    assert len(paths) == len(set(paths)) == 13
    assert [path.count("/") for path in paths] == [0] * 7 + [1] * 6
