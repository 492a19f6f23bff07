"""Unpacking: what comes out, where it goes, what is left out, and how it ends."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from tests.support.archives import below, ended, packed, put, tree, zipped

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import services
from sinfonietta.archives.models import Unpacking
from sinfonietta.jobs.models import Job

pytestmark = pytest.mark.django_db
FILES = {"a/x.txt": b"hello", "a/b/numbers.csv": b"1,2\n" * 5000, "zero": b"", "a/ünïcode.txt": "ü".encode()}
PACKERS = {
    "a.zip": ("zip", "-qr", "../a.zip", "."),
    "a.tar": ("tar", "cf", "../a.tar", "."),
    "a.tar.gz": ("tar", "czf", "../a.tar.gz", "."),
    "a.tar.bz2": ("tar", "cjf", "../a.tar.bz2", "."),
    "a.tar.xz": ("tar", "cJf", "../a.tar.xz", "."),
    "a.tar.zst": ("tar", "--zstd", "-cf", "../a.tar.zst", "."),
    "a.7z": ("7zz", "a", "../a.7z", "."),
    "deflate64.zip": ("7zz", "a", "-tzip", "-mm=Deflate64", "../deflate64.zip", "."),
    "lzma.zip": ("7zz", "a", "-tzip", "-mm=LZMA", "../lzma.zip", "."),
    "bzip2.zip": ("7zz", "a", "-tzip", "-mm=BZip2", "../bzip2.zip", "."),
}


def packed_by(tmp_path: Path, name: str, *command: str) -> bytes:
    folder = tree(tmp_path / "files", FILES)
    (folder / "empty").mkdir()
    packed(folder, *command)
    return (tmp_path / name).read_bytes()


@pytest.mark.service
@pytest.mark.parametrize("name", PACKERS)
def test_what_the_real_programs_pack_comes_out_whole(tmp_path: Path, alice: Actor, place: UUID, name: str) -> None:
    archive = put(alice, place, name, packed_by(tmp_path, name, *PACKERS[name]))
    job = ended(services.unpack(actor=alice, uid=archive))
    assert job.state == Job.State.SUCCEEDED, job.detail
    assert below(alice, UUID(job.result["node"])) == FILES | {"empty/": b""}
    assert (job.result["files"], job.result["skipped"], job.result["renamed"]) == (len(FILES), [], [])
    assert not Unpacking.objects.exists()


def test_into_a_place_that_is_named(alice: Actor, place: UUID) -> None:
    archive = put(alice, place, "a.zip", zipped(FILES))
    job = ended(services.unpack(actor=alice, uid=archive, parent=place))
    assert job.result["node"] == str(place)
    found = below(alice, place)
    assert {name: found[name] for name in FILES} == FILES
