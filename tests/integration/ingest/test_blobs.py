"""Bytes: durable before their row, collected with a grace, verified."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import pytest
from django.conf import settings

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.audit.models import Event
from sinfonietta.blobs import services as blobs
from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, NotFound, OutOfStorage
from sinfonietta.ingest import services as ingest
from sinfonietta.ingest.media import media_type
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
OLD = "2020-01-01T00:00:00Z"


@pytest.fixture
def place(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Study")


def put(actor: Actor, place: Node, name: str, body: bytes, **more: object) -> Node:
    return ingest.put(actor=actor, parent_uid=place.uid, name=name, stream=io.BytesIO(body), **more).node  # type: ignore[arg-type]


def path_of(blob: Blob) -> Path:
    path = store.default().path(blob)
    assert path
    return path


def test_garbage_waits_for_its_grace_and_what_is_used_stays(alice: Actor, place: Node) -> None:
    kept, gone = put(alice, place, "kept", b"kept"), put(alice, place, "gone", b"gone")
    path = path_of(Blob.objects.get(id=gone.current.blob_id))  # type: ignore[union-attr]
    services.trash(actor=alice, uid=gone.uid)
    services.purge(actor=alice, uid=gone.uid)
    assert blobs.collect(actor=SYSTEM) == 0
    Blob.objects.update(touched=OLD)
    assert blobs.collect(actor=SYSTEM) == 1
    assert not path.exists()
    assert path_of(Blob.objects.get(id=kept.current.blob_id)).read_bytes() == b"kept"  # type: ignore[union-attr]


def test_the_same_bytes_filed_again_come_back_after_collection(alice: Actor, place: Node) -> None:
    node = put(alice, place, "a", b"again")
    services.trash(actor=alice, uid=node.uid)
    services.purge(actor=alice, uid=node.uid)
    Blob.objects.update(touched=OLD)
    blobs.collect(actor=SYSTEM)
    put(alice, place, "b", b"again")
    assert list(blobs.verify(actor=SYSTEM)) == []


def test_rotten_bits_are_found_and_never_served_short(alice: Actor, place: Node) -> None:
    node = put(alice, place, "a", b"0123456789")
    version = queries.version(actor=alice, uid=node.uid)
    path = path_of(version.blob)
    path.chmod(0o600)
    path.write_bytes(b"0123456788")
    assert [finding.problem for finding in blobs.verify(actor=SYSTEM)] == ["damaged"]
    path.write_bytes(b"012345")
    with pytest.raises(Damaged):
        store.default().open(version.blob)
    assert [finding.problem for finding in blobs.verify(actor=SYSTEM)] == ["missing or cut"]
    put(alice, place, "b", b"0123456789")  # the same bytes arriving again mend what was damaged
    assert list(blobs.verify(actor=SYSTEM)) == []


def test_what_no_row_speaks_of_is_named_and_removed(alice: Actor, place: Node) -> None:
    put(alice, place, "a", b"a")
    stray = settings.OPTIONS.data / "blobs" / "ab" / "cd" / ("ab" + "cd" + "0" * 60)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_bytes(b"stray")
    assert list(blobs.verify(actor=SYSTEM)) == []  # it may be on its way to a row
    os.utime(stray, (0, 0))
    assert [finding.problem for finding in blobs.verify(actor=SYSTEM)] == ["bytes without a row"]
    assert next(iter(blobs.verify(actor=SYSTEM, repair=True))).repaired
    assert not stray.exists()
    stray.write_bytes(b"stray")
    os.utime(stray, (0, 0))
    assert blobs.remove_strays(actor=SYSTEM) == 1
    assert not stray.exists()


def test_damage_that_was_found_is_not_served_until_the_right_bytes_come(alice: Actor, place: Node) -> None:
    node = put(alice, place, "a", b"0123456789")
    blob = queries.version(actor=alice, uid=node.uid).blob
    path_of(blob).write_bytes(b"0123456788")
    assert [finding.problem for finding in blobs.verify(actor=SYSTEM)] == ["damaged"]
    blob = queries.version(actor=alice, uid=node.uid).blob
    with pytest.raises(Damaged):
        store.default().path(blob)
    assert Event.objects.filter(action="blob.damaged").count() == 1
    put(alice, place, "b", b"0123456789")
    assert path_of(queries.version(actor=alice, uid=node.uid).blob).read_bytes() == b"0123456789"


def test_verify_is_quiet_about_what_is_deleted_or_filed_again_while_it_looks(alice: Actor, place: Node) -> None:
    for name in ("gone", "again"):
        put(alice, place, name, name.encode())
    gone, again = (Blob.objects.get(sha256=hashlib.sha256(name.encode()).hexdigest()) for name in ("gone", "again"))
    path_of(again).unlink()
    path_of(gone).unlink()
    looked = blobs._look(gone), blobs._look(again)
    assert all(looked)
    put(alice, place, "more", b"again")
    assert not blobs._mark(SYSTEM, again)
    assert blobs._mark(SYSTEM, gone)


def test_what_was_refused_late_is_collected_with_its_row(alice: Actor, place: Node) -> None:
    """The quota was passed by another while the bytes came: they are in the store, and must not stay for ever."""
    services.update_collection(actor=SYSTEM, uid=place.uid, quota_bytes=3)
    with pytest.raises(OutOfStorage):
        put(alice, place, "a", b"four", length=None)
    assert Blob.objects.filter(blobs.unused()).count() == 1
    Blob.objects.update(touched=OLD)
    assert blobs.collect(actor=SYSTEM) == 1
    assert Event.objects.get(action="blob.deleted").detail["size_bytes"] == 4
    assert [key for key, _ in store.default().kept() if key.endswith(hashlib.sha256(b"four").hexdigest())] == []


def test_a_full_quota_is_said_before_the_bytes_come_but_not_to_who_sends_the_same_again(
    alice: Actor, place: Node
) -> None:
    services.update_collection(actor=SYSTEM, uid=place.uid, quota_bytes=4)
    put(alice, place, "a", b"four", length=4, relative_path="x/a")

    class Untouched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise AssertionError("nothing is read")

    with pytest.raises(OutOfStorage):
        ingest.put(actor=alice, parent_uid=place.uid, name="b", stream=Untouched(), length=1)
    with pytest.raises(OutOfStorage):
        put(alice, place, "a", b"more", length=4, relative_path="x/a")
    put(alice, place, "a", b"four", length=4, relative_path="x/a")


def test_a_transfer_that_ends_early_or_lies_leaves_nothing(alice: Actor, place: Node, bob: Actor) -> None:
    for more in ({"length": 10}, {"digest": "0" * 64}):
        with pytest.raises(Invalid):
            put(alice, place, "a", b"abc", **more)
    with pytest.raises(NotFound):
        put(bob, place, "a", b"abc")
    assert list(store.default().staged()) == []
    assert Blob.objects.count() == 0


def test_memory_stays_flat(alice: Actor, place: Node) -> None:
    """A stream of 300 MiB passes without being held."""
    import resource

    class Zeros(io.RawIOBase):
        left = 300 << 20

        def read(self, size: int = -1) -> bytes:
            block = bytes(min(size, self.left))
            self.left -= len(block)
            return block

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ingest.put(actor=alice, parent_uid=place.uid, name="large", stream=Zeros(), length=300 << 20)  # type: ignore[arg-type]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [
        ("a.html", b"<script>", "text/html"),
        ("a.png", b"\x89PNG\r\n\x1a\nxxxx", "image/png"),
        ("a.txt", b"%PDF-1.4", "application/pdf"),
        ("a.csv", b"a,b\n1,2\n", "text/csv"),
        ("a.html", b"\x00\x01\x02binary", "application/octet-stream"),
        ("a.xlsx", b"PK\x03\x04....", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ("a.unknown", b"plain words", "text/plain"),
        ("a", b"", "application/octet-stream"),
    ],
)
def test_a_file_is_what_it_holds(tmp_path: Path, name: str, body: bytes, expected: str) -> None:
    path = tmp_path / "staged"
    path.write_bytes(body)
    assert media_type(path, name) == expected
