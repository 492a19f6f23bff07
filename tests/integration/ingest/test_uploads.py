"""Uploads among the faults of connections, disks and clocks."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import os
from datetime import timedelta

import pytest
from tests.integration.ingest.test_tus import UPLOADS, Tus, staged
from tests.support.rest import program_of

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.blobs import store
from sinfonietta.common.time import now
from sinfonietta.ingest import tasks, uploads
from sinfonietta.ingest.models import Upload
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
LONG_AGO = "2020-01-01T00:00:00Z"


@pytest.fixture
def client(alice: Actor) -> Tus:
    return Tus(program_of(alice))


@pytest.fixture
def study(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Study")


@pytest.mark.parametrize(
    "said",
    [
        {"filename": "x" * 300, "relativePath": "a/b.txt"},
        {"filename": "a", "other": "a\0b"},
        {"filename": "a", "modified": "0001-01-01T00:00:00+14:00"},
        {"filename": "a", "modified": "9999-12-31T23:59:59-14:00"},
        {"filename": "a", "relativePath": "/".join(["d"] * 200)},
        {"filename": "a", "relativePath": "x" * 300 + "/a"},
    ],
)
def test_no_metadata_is_an_error_of_ours(client: Tus, study: Node, said: dict[str, str]) -> None:
    assert client.create(1, b"x", parent=str(study.uid), **said).status_code in (201, 400, 422)
    pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in said.items())
    made = client.call("POST", UPLOADS, b"x", Upload_Length="1", Upload_Concat="partial", Upload_Metadata=pairs)
    assert made.status_code in (201, 400, 422)


def test_a_quota_is_said_before_the_bytes_come(client: Tus, study: Node) -> None:
    services.update_collection(actor=SYSTEM, uid=study.uid, quota_bytes=10)
    assert client.create(11, filename="a", parent=str(study.uid)).status_code == 507
    assert client.create(10, filename="a", parent=str(study.uid)).status_code == 201


class Torn(io.BytesIO):
    """A connection that breaks after its bytes."""

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        if not block:
            raise ConnectionResetError
        return block


def test_what_came_before_a_connection_broke_counts(client: Tus, alice: Actor, study: Node) -> None:
    url = client.create(6, filename="a", parent=str(study.uid))["Location"]
    found = Upload.objects.get()
    with pytest.raises(ConnectionResetError):
        uploads.append(actor=alice, uid=found.uid, offset=0, stream=Torn(b"abc"), length=6)
    assert client.call("HEAD", url)["Upload-Offset"] == "3"
    assert "Link" in client.patch(url, 3, b"def")
    assert queries.node_at(actor=alice, path="/Study/a").sha256 == hashlib.sha256(b"abcdef").hexdigest()


def test_what_a_failing_disk_took_does_not_count(client: Tus, study: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync the kernel forgets what it could not write: a second one that succeeds proves nothing."""
    url = client.create(6, filename="a", parent=str(study.uid))["Location"]
    client.patch(url, 0, b"ab")

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        refused = client.patch(url, 2, b"cdef")
    assert (refused.status_code, "Retry-After" in refused) == (503, True)
    assert client.call("HEAD", url)["Upload-Offset"] == "2"
    assert "Link" in client.patch(url, 2, b"cdef")


def test_staged_bytes_that_shrank_are_not_filled_with_zeros(client: Tus, study: Node) -> None:
    url = client.create(6, filename="a", parent=str(study.uid))["Location"]
    client.patch(url, 0, b"abc")
    store.default().truncate(Upload.objects.get().staged, 1)
    assert client.patch(url, 3, b"def").status_code == 404


def test_expiry_spares_who_writes_and_what_was_just_finished(client: Tus, study: Node) -> None:
    url = client.create(6, filename="a", parent=str(study.uid))["Location"]
    found = Upload.objects.get()
    Upload.objects.update(expires=LONG_AGO)
    with store.default().hold(found.staged):
        assert tasks._expire() == 0
    Upload.objects.update(expires=now() + timedelta(days=1))  # more bytes came since it was found to be over
    found.expires = now() - timedelta(days=1)
    assert not uploads.forget(actor=SYSTEM, found=found)
    Upload.objects.update(created=LONG_AGO)  # it took years, and its last bytes come now
    client.patch(url, 0, b"abcdef")
    tasks._expire()
    assert "Link" in client.patch(url, 6, b"")
    Upload.objects.update(expires=now() + timedelta(days=1))
    tasks._expire()
    assert Upload.objects.count() == 0


def test_what_a_dead_server_left_in_staging_is_removed(client: Tus, study: Node) -> None:
    client.create(6, filename="a", parent=str(study.uid))
    stray = store.default().stage()
    assert tasks._forget_staged() == 0  # somebody may be writing it
    for key in staged():
        os.utime(store.default().staged_path(key), (0, 0))
    assert tasks._forget_staged() == 1
    assert stray not in staged()
    assert len(staged()) == 1
