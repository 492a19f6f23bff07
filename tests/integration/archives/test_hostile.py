"""Archives of people who mean harm, and of programs that failed: shown as what they are, or refused in words."""

from __future__ import annotations

import io
import resource
import zipfile
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support import bad_archives as bad
from tests.support.archives import below, ended, put, work, zipped
from tests.support.archives import packed as pack
from tests.support.archives import tree as tree_of

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import index, queries, services
from sinfonietta.archives.errors import LimitPassed, NotAnArchive, Unreadable, WrongPassword
from sinfonietta.common.errors import Problem
from sinfonietta.jobs.models import Job

pytestmark = pytest.mark.django_db


def unpacked(
    alice: Actor, place: UUID, content: bytes, name: str = "a.zip", **how: Any
) -> tuple[Job, dict[str, bytes]]:
    """The job, and what is in the place then beside the archive."""
    archive = put(alice, place, name, content)
    job = ended(services.unpack(actor=alice, uid=archive, parent=place, **how))
    found = below(alice, place)
    del found[name]
    return job, found


def reasons(job: Job) -> dict[str, str]:
    return {one["name"]: one["reason"] for one in job.result["skipped"]}


def test_a_bomb_ends_at_the_limit(alice: Actor, place: UUID) -> None:
    job, found = unpacked(alice, place, bad.zeros(120 << 20))
    assert job.state == Job.State.FAILED
    assert "looks like a bomb" in job.detail
    assert found == {}


def test_what_is_small_may_be_compressed_well(alice: Actor, place: UUID) -> None:
    job, found = unpacked(alice, place, bad.zeros(8 << 20))
    assert (job.state, {name: len(content) for name, content in found.items()}) == ("succeeded", {"zeros.bin": 8 << 20})


@pytest.mark.parametrize("archive", [bad.overlapping(), bad.quoted()], ids=["same", "quoted"])
def test_entries_that_overlap_are_listed_and_not_unpacked(alice: Actor, place: UUID, archive: bytes) -> None:
    uid = put(alice, place, "a.zip", archive)
    job = ended(services.unpack(actor=alice, uid=uid, parent=place))  # nobody has looked into it before
    assert (job.state, "overlap" in job.detail) == ("failed", True)
    looked = queries.look(actor=alice, uid=uid)
    assert looked.about is not None
    assert "overlap" in looked.about.problem
    assert queries.entries(actor=alice, looked=looked).items
    with pytest.raises(Unreadable, match="overlap"):
        services.unpack(actor=alice, uid=uid, parent=place)


def test_the_quoted_bomb_is_one(alice: Actor, place: UUID) -> None:
    """The builder builds what it says: each of its entries can be read by itself."""
    with zipfile.ZipFile(io.BytesIO(bad.quoted(5))) as archive:
        assert len(archive.infolist()) == 5
        assert len(archive.read("004.bin")) == 1 << 20


@pytest.mark.parametrize("declared", [10, 1 << 30])
def test_a_size_that_is_a_lie(alice: Actor, place: UUID, declared: int) -> None:
    job, found = unpacked(alice, place, bad.lying(1 << 20, declared))
    assert found == {}
    assert "declares" in reasons(job)["zeros.bin"]


def test_names_that_climb_or_are_none(alice: Actor, place: UUID) -> None:
    names = (
        "../../evil",
        "a/../../b",
        "..\\..\\windows",
        "..",
        "good/..",
        ".. /x",
        "x\0.dcm",
        "a" * 300,
        "\n",
        "ok.txt",
    )
    job, found = unpacked(alice, place, bad.with_names(*names, link="link"))
    assert found == {"ok.txt": b"content 9"}
    assert len(reasons(job)) == len(names)  # all but the good one, and the link
    assert "link" in reasons(job)["link"]
    assert "climbs" in reasons(job)["../../evil"]


def test_absolute_names_lose_their_beginning(alice: Actor, place: UUID) -> None:
    job, found = unpacked(
        alice, place, bad.with_names("/etc/passwd", "C:\\Windows\\a.txt", "//server/share/b.txt", "./c")
    )
    assert set(found) == {"etc/passwd", "Windows/a.txt", "server/share/b.txt", "c"}
    assert {one["as"] for one in job.result["renamed"]} == set(found) - {"c"}


def test_links_and_devices_of_a_tar(alice: Actor, place: UUID) -> None:
    job, found = unpacked(alice, place, bad.nasty_tar(), "a.tar")
    assert found == {"good.txt": b"good", "link/through.txt": b"through the link", "absolute.txt": b"absolute"}
    assert set(reasons(job)) == {"link", "hard", "device", "pipe", "../climbs.txt"}


def test_a_name_that_comes_twice_gets_a_number(alice: Actor, place: UUID) -> None:
    twins = ("a/scan.dcm", "a/scan.dcm", "A/scan.dcm", "caf\u00e9.txt", "cafe\u0301.txt")
    job, found = unpacked(alice, place, bad.with_names(*twins))
    assert found == {
        "a/scan.dcm": b"content 0", "a/scan (2).dcm": b"content 1", "A/scan.dcm": b"content 2",
        "caf\u00e9.txt": b"content 3", "caf\u00e9 (2).txt": b"content 4",
    }  # fmt: skip
    assert job.result["renamed_count"] == 2


def test_a_file_that_is_a_folder_too(alice: Actor, place: UUID) -> None:
    job, found = unpacked(alice, place, bad.with_names("a", "a/b"))
    assert found == {"a": b"content 0"}
    assert "already" in reasons(job)["a/b"]


def test_names_of_old_windows(alice: Actor, place: UUID) -> None:
    _, found = unpacked(alice, place, bad.raw_names("Übergröße.txt".encode("cp437")))
    assert set(found) == {"Übergröße.txt"}


def test_names_of_japanese_windows(alice: Actor, place: UUID) -> None:
    name = "胸部CT画像/検査ファイル.dcm"
    _, found = unpacked(alice, place, bad.raw_names(name.encode("cp932")))
    assert set(found) == {name}


def test_a_zip_behind_other_bytes(alice: Actor, place: UUID) -> None:
    job, found = unpacked(alice, place, b"#!/bin/sh\nexit\n" + zipped({"a.txt": b"a"}))
    assert (job.state, found) == ("succeeded", {"a.txt": b"a"})


@pytest.mark.parametrize("cut", [10, 100, -30, -3])
def test_a_zip_that_is_cut(alice: Actor, place: UUID, cut: int) -> None:
    uid = put(alice, place, "a.zip", zipped({"a.txt": b"a" * 500, "b.txt": bytes(range(256)) * 9})[:cut])
    with pytest.raises(Unreadable):
        queries.look(actor=alice, uid=uid)
    assert ended(services.unpack(actor=alice, uid=uid)).state == Job.State.FAILED


def test_what_came_whole_before_the_damage_is_filed(alice: Actor, place: UUID, tmp_path: Path) -> None:
    files = {"1.bin": b"1" * 5000, "2.bin": b"2" * 5000, "3.bin": b"3" * 90000}
    pack(tree_of(tmp_path / "files", files), "tar", "cf", "../a.tar", "1.bin", "2.bin", "3.bin")
    job, found = unpacked(alice, place, (tmp_path / "a.tar").read_bytes()[:40000], "a.tar")
    assert found == {name: files[name] for name in ("1.bin", "2.bin")}
    assert job.state in ("failed", "succeeded")
    assert job.state == "failed" or "too early" in reasons(job)["3.bin"] or "cut" in reasons(job)["3.bin"]


def test_damaged_bytes_are_not_filed(alice: Actor, place: UUID) -> None:
    raw = bytearray(zipped({"bad.bin": b"a" * 1000, "good.bin": b"b" * 1000}, zipfile.ZIP_STORED))
    raw[raw.index(b"aaaa") + 500] ^= 1
    job, found = unpacked(alice, place, bytes(raw))
    assert found == {"good.bin": b"b" * 1000}
    assert "checksum" in reasons(job)["bad.bin"]


def test_bytes_that_are_no_archive(alice: Actor, place: UUID) -> None:
    uid = put(alice, place, "a.zip", b"this is a text")
    with pytest.raises(NotAnArchive):
        queries.look(actor=alice, uid=uid)


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("archive_max_entries", 3, "3 entries"),
        ("archive_max_bytes", 50, "50 bytes"),
        ("max_file_bytes", 15, "15 bytes"),
    ],
)
def test_limits_of_the_site(
    alice: Actor, place: UUID, settings: Any, setting: str, value: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = put(alice, place, "a.zip", zipped({f"{number}.txt": b"x" * 20 for number in range(5)}))
    job = services.unpack(actor=alice, uid=uid)
    monkeypatch.setattr(settings.OPTIONS, setting, value)
    assert ended(job).state == Job.State.FAILED
    assert says in job.detail
    assert len(below(alice, place)) == 2  # the archive, and the empty folder


def test_too_many_entries_are_not_listed(
    alice: Actor, place: UUID, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid = put(alice, place, "a.zip", zipped({f"{number}.txt": b"x" for number in range(5)}))
    monkeypatch.setattr(settings.OPTIONS, "archive_max_entries", 3)
    with pytest.raises(LimitPassed):
        queries.look(actor=alice, uid=uid)
    assert not [path for path in index.folder().iterdir() if path.suffix == ".new"]


def test_archives_in_archives_on_request(alice: Actor, place: UUID) -> None:
    inner = zipped({"deep/x.txt": b"x", "broken.zip": b"PK\x03\x04 no"})
    archive = zipped({"in/inner.zip": inner, "table.csv.gz": b"\x1f\x8b no", "y.txt": b"y"})
    _, found = unpacked(alice, place, archive)
    assert set(found) == {"in/inner.zip", "table.csv.gz", "y.txt"}
    job, found = unpacked(alice, place, archive, "b.zip", nested=True)
    assert found["in/inner/deep/x.txt"] == b"x"
    assert {"in/inner.zip", "in/inner/broken.zip"} <= set(found)
    assert list(reasons(job)) == ["in/inner/broken.zip/"]


def test_archives_are_not_unpacked_for_ever(alice: Actor, place: UUID) -> None:
    """What a quine does: an archive in an archive in an archive ..."""
    content = zipped({"x.txt": b"x"})
    for _ in range(9):
        content = zipped({"again.zip": content})
    job, found = unpacked(alice, place, content, nested=True)
    assert job.state == Job.State.SUCCEEDED
    assert sorted(found) == ["again.zip", "again/again.zip", "again/again/again.zip"]


def test_nested_bombs_share_one_limit(
    alice: Actor, place: UUID, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = zipped({"x.bin": bytes(1 << 20)})
    job = services.unpack(
        actor=alice, uid=put(alice, place, "a.zip", zipped({f"{n}.zip": inner for n in range(16)})), nested=True
    )
    monkeypatch.setattr(settings.OPTIONS, "archive_max_bytes", 4 << 20)
    assert ended(job).state == Job.State.FAILED
    assert "unpacks to more" in job.detail


@pytest.mark.service
@pytest.mark.parametrize("name", ["old.zip", "aes.zip", "a.7z", "names.7z"])
def test_encrypted_archives_ask_for_their_password(alice: Actor, place: UUID, tmp_path: Path, name: str) -> None:
    how = {
        "old.zip": ("zip", "-qrP", "sécret", "../old.zip", "."),
        "aes.zip": ("7zz", "a", "-tzip", "-mem=AES256", "-psecret", "../aes.zip", "."),
        "a.7z": ("7zz", "a", "-psécret", "../a.7z", "."),
        "names.7z": ("7zz", "a", "-psécret", "-mhe=on", "../names.7z", "."),
    }
    files = {"a.txt": b"a" * 3000, "b/c.txt": b"c"}
    right = "secret" if name == "aes.zip" else "sécret"  # 7-Zip refuses others in a zip
    pack(tree_of(tmp_path / "files", files), *how[name])
    content = (tmp_path / name).read_bytes()
    job, found = unpacked(alice, place, content, name)
    assert (job.state, found) == ("failed", {})
    assert "password" in job.detail
    job, found = unpacked(alice, place, content, name, password="wrong")
    assert (job.state, found) == ("failed", {})
    assert "password is wrong" in job.detail
    job, found = unpacked(alice, place, content, name, password=right)
    assert (job.state, found) == ("succeeded", files)
    if name == "names.7z":
        return
    looked = queries.look(actor=alice, uid=put(alice, place, name, content))
    with pytest.raises(Problem, match="password"):
        b"".join(queries.content(actor=alice, looked=looked, name="a.txt").blocks)
    with pytest.raises(WrongPassword):
        b"".join(queries.content(actor=alice, looked=looked, name="a.txt", password="wrong").blocks)
    found_content = queries.content(actor=alice, looked=looked, name="a.txt", password=right)
    assert b"".join(found_content.blocks) == files["a.txt"]


def test_memory_is_flat_over_a_large_entry(alice: Actor, place: UUID) -> None:
    uid = put(alice, place, "a.zip", bad.zeros(90 << 20))
    job = services.unpack(actor=alice, uid=uid)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    job.refresh_from_db()
    assert job.state == Job.State.SUCCEEDED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40 << 10  # KiB
