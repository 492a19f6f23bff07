"""The library end to end: put in, share, look, move, trash, restore, purge."""

from __future__ import annotations

import hashlib
import io
from typing import Any
from uuid import UUID

import pytest

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.audit.models import Event
from sinfonietta.blobs import services as blobs
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, OutOfStorage
from sinfonietta.ingest import services as ingest
from sinfonietta.library import queries, services
from sinfonietta.library.models import Acl, AclEntry, Change, Level, Node

pytestmark = pytest.mark.django_db


def put(actor: Actor, parent: UUID, name: str, content: bytes = b"some text") -> Node:
    return ingest.put(actor=actor, parent_uid=parent, name=name, stream=io.BytesIO(content)).node


@pytest.fixture
def study(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Study")


@pytest.fixture
def folder(alice: Actor, study: Node) -> Node:
    return services.create_folder(actor=alice, parent=study.uid, name="Hospital A")


def names(page: object) -> list[str]:
    return [entry.name for entry in page.items]  # type: ignore[attr-defined]


def test_everyone_has_a_home_that_only_they_see(alice: Actor, bob: Actor) -> None:
    home = queries.home(actor=alice)
    assert home is not None
    assert names(queries.collections(actor=alice)) == ["alice"]
    with pytest.raises(NotFound):
        queries.node(actor=bob, uid=home)


def test_a_file_is_filed_with_its_hash_and_audited(alice: Actor, folder: Node) -> None:
    before = Event.objects.count()
    file = put(alice, folder.uid, "note.txt")
    entry = queries.node(actor=alice, uid=file.uid)
    assert entry.path == "/Study/Hospital A/note.txt"
    assert entry.sha256 == hashlib.sha256(b"some text").hexdigest()
    assert (entry.media_type, entry.version, entry.state) == ("text/plain", 1, "ready")
    assert Event.objects.count() == before + 1
    assert Event.objects.latest("id").action == "file.added"


def test_the_same_name_makes_a_version_and_the_same_content_changes_nothing(alice: Actor, folder: Node) -> None:
    file = put(alice, folder.uid, "note.txt", b"one")
    changes = Change.objects.count()
    again = ingest.put(actor=alice, parent_uid=folder.uid, name="note.txt", stream=io.BytesIO(b"one"))
    assert (again.created, Change.objects.count()) == (False, changes)
    put(alice, folder.uid, "note.txt", b"two")
    assert [version.number for version in queries.versions(actor=alice, uid=file.uid)] == [2, 1]
    services.restore_version(actor=alice, uid=file.uid, number=1)
    assert queries.node(actor=alice, uid=file.uid).sha256 == hashlib.sha256(b"one").hexdigest()
    assert Blob.objects.count() == 2


def test_a_folder_shared_deep_down_is_all_that_the_other_sees(alice: Actor, bob: Actor, folder: Node) -> None:
    inner = services.create_folder(actor=alice, parent=folder.uid, name="For Bob")
    put(alice, inner.uid, "seen.txt")
    put(alice, folder.uid, "hidden.txt")
    services.set_grants(actor=alice, uid=inner.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    assert names(queries.shared(actor=bob)) == ["For Bob"]
    entry = queries.node_at(actor=bob, path="/For Bob/seen.txt")
    assert (entry.path, entry.level) == ("/For Bob/seen.txt", Level.READ)
    assert [one.name for one in queries.breadcrumb(actor=bob, uid=entry.uid)] == ["For Bob", "seen.txt"]
    assert queries.node(actor=bob, uid=inner.uid).parent is None
    with pytest.raises(NotFound):
        queries.node(actor=bob, uid=folder.uid)
    with pytest.raises(Forbidden):
        put(bob, inner.uid, "mine.txt")
    with pytest.raises(Forbidden):
        services.trash(actor=bob, uid=inner.uid)


def test_inheriting_again_ends_what_was_granted(alice: Actor, bob: Actor, folder: Node) -> None:
    services.set_grants(actor=alice, uid=folder.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    file = put(bob, folder.uid, "b.txt")
    services.set_grants(actor=alice, uid=folder.uid, inherit=True)
    with pytest.raises(NotFound):
        queries.node(actor=bob, uid=file.uid)
    assert Acl.objects.filter(node=folder).count() == 0
    assert queries.node(actor=alice, uid=file.uid).level == Level.MANAGE


def test_owners_keep_manage_whatever_is_put(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    services.set_grants(actor=alice, uid=folder.uid, inherit=False, grants=[])
    assert queries.node(actor=alice, uid=folder.uid).level == Level.MANAGE
    services.set_owners(actor=alice, uid=study.uid, users=[bob.uid])  # type: ignore[list-item]
    assert queries.node(actor=bob, uid=folder.uid).level == Level.MANAGE
    with pytest.raises(NotFound):
        queries.node(actor=alice, uid=folder.uid)
    with pytest.raises(Invalid):
        services.set_owners(actor=bob, uid=study.uid, users=[])


def test_a_folder_moves_with_its_own_acl_and_takes_the_new_owners(alice: Actor, bob: Actor, folder: Node) -> None:
    inner = services.create_folder(actor=alice, parent=folder.uid, name="inner")
    file = put(alice, inner.uid, "deep.txt")
    services.set_grants(actor=alice, uid=inner.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    other = services.create_collection(actor=bob, name="Bob's")
    services.set_grants(actor=bob, uid=other.uid, inherit=False, grants=[("user", "alice", Level.WRITE)])
    services.move(actor=alice, uid=folder.uid, parent=other.uid)
    assert queries.node(actor=bob, uid=file.uid).path == "/Bob's/Hospital A/inner/deep.txt"
    assert queries.node(actor=bob, uid=inner.uid).level == Level.MANAGE  # as the owner of the collection
    assert queries.node(actor=alice, uid=folder.uid).level == Level.WRITE
    with pytest.raises(NotFound):
        queries.node(actor=alice, uid=inner.uid)  # its own ACL names Bob alone, and Alice owns it no more
    assert AclEntry.objects.filter(acl__node=inner, principal=alice.user_id).count() == 0


def test_usage_follows_a_move_between_collections(alice: Actor, study: Node, folder: Node) -> None:
    put(alice, folder.uid, "a.txt", b"12345")
    other = services.create_collection(actor=alice, name="Other")
    services.move(actor=alice, uid=folder.uid, parent=other.uid)
    assert queries.node(actor=alice, uid=study.uid).used_bytes == 0
    assert queries.node(actor=alice, uid=other.uid).used_bytes == 5


def test_a_quota_refuses_and_leaves_nothing_but_what_is_collected(alice: Actor, study: Node, settings: Any) -> None:
    services.update_collection(actor=SYSTEM, uid=study.uid, quota_bytes=4)
    with pytest.raises(OutOfStorage):
        put(alice, study.uid, "a.txt", b"12345")
    assert names(queries.children(actor=alice, uid=study.uid)) == []
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"blob_grace_h": 0})
    assert blobs.collect(actor=SYSTEM) == 1
    assert Blob.objects.count() == 0


def test_trash_restore_and_purge(alice: Actor, folder: Node, study: Node) -> None:
    file = put(alice, folder.uid, "a.txt", b"12345")
    services.trash(actor=alice, uid=file.uid)
    services.trash(actor=alice, uid=folder.uid)
    assert names(queries.children(actor=alice, uid=study.uid)) == []
    assert [row.entry.name for row in queries.trash(actor=alice).items] == ["Hospital A", "a.txt"]
    services.restore(actor=alice, uid=folder.uid)
    assert names(queries.children(actor=alice, uid=folder.uid)) == []  # it went by itself, before
    put(alice, folder.uid, "a.txt", b"another")
    with pytest.raises(Conflict):
        services.restore(actor=alice, uid=file.uid)
    services.purge(actor=alice, uid=file.uid)
    assert not Node.objects.filter(uid=file.uid).exists()
    assert queries.node(actor=alice, uid=study.uid).used_bytes == len(b"another")
    services.trash(actor=alice, uid=study.uid)
    services.purge(actor=alice, uid=study.uid)
    assert Node.objects.filter(uid__in=[study.uid, folder.uid]).count() == 0


def test_a_copy_shares_the_bytes_and_finds_a_free_name(alice: Actor, study: Node, folder: Node) -> None:
    inner = services.create_folder(actor=alice, parent=folder.uid, name="inner")
    put(alice, inner.uid, "a.txt")
    copied = services.copy(actor=alice, uid=folder.uid, parent=study.uid).node
    assert copied is not None
    assert copied.name == "Hospital A (2)"
    rows = list(queries.manifest(actor=alice, uid=copied.uid))
    assert [row.path for row in rows] == ["inner/a.txt"]
    assert Blob.objects.count() == 1


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\0b", "a\nb", "x" * 256, "\u2028"])
def test_names_that_would_break_something_are_refused(alice: Actor, study: Node, name: str) -> None:
    with pytest.raises(Invalid):
        services.create_folder(actor=alice, parent=study.uid, name=name)


def test_a_folder_cannot_go_into_itself(alice: Actor, folder: Node) -> None:
    inner = services.create_folder(actor=alice, parent=folder.uid, name="inner")
    with pytest.raises(Invalid):
        services.move(actor=alice, uid=folder.uid, parent=inner.uid)


def test_changes_come_in_order_and_within_rights(alice: Actor, bob: Actor, study: Node) -> None:
    start = queries.changes(actor=alice).since
    file = put(alice, study.uid, "a.txt")
    services.trash(actor=alice, uid=file.uid)
    found = queries.changes(actor=alice, since=start)
    assert [(change.what, change.node) for change in found.items] == [("added", file.uid), ("removed", file.uid)]
    assert {change.kind for change in queries.changes(actor=bob).items} == {"collection"}
    assert queries.changes(actor=alice, since=found.since).items == []


def test_metadata_is_typed(alice: Actor, study: Node) -> None:
    services.set_metadata(actor=alice, uid=study.uid, changes={"dose_gy": 2.5, "sites": ["A", "B"], "done": False})
    services.set_metadata(actor=alice, uid=study.uid, changes={"done": None, "dose_gy": 3})
    assert queries.metadata(actor=alice, uid=study.uid) == {"dose_gy": 3, "sites": ["A", "B"]}
    with pytest.raises(Invalid) as refused:
        services.set_metadata(actor=alice, uid=study.uid, changes={"x": {"nested": 1}, "y": float("nan")})
    assert set(refused.value.errors) == {"x", "y"}


def test_who_manages_a_collection_says_who_saw_what_in_it(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    """Owners of all of it; who manages without owning learns of the parts that they manage."""
    seen, hidden = put(alice, study.uid, "seen.txt"), put(alice, folder.uid, "hidden.txt")
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.MANAGE)])
    services.set_grants(actor=alice, uid=folder.uid, inherit=False, grants=[])
    for file in (seen, hidden):
        queries.note_read(actor=alice, action="file.read", node=file)

    def read(actor: Actor, node: UUID) -> set[UUID | None]:
        return {event.target for event in queries.audit_of(actor=actor, node=node, action="file.read").items}

    assert read(alice, study.uid) == {seen.uid, hidden.uid}
    assert read(bob, study.uid) == read(bob, seen.uid) == {seen.uid}
    assert read(alice, hidden.uid) == {hidden.uid}
