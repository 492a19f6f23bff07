"""Damaged archives: whatever is changed in one, reading it ends, in words, and gives no more than was declared."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sinfonietta.archives.formats.entries import Broken
from sinfonietta.archives.formats.opening import opened
from sinfonietta.archives.formats.tar import TarArchive
from sinfonietta.archives.formats.zip import ZipArchive

FILES = {"a/x.txt": b"hello " * 40, "b.bin": bytes(range(256)) * 8, "empty": b"", "ü.txt": b"u"}


def _zip(method: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tar(mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


SEEDS = {
    "stored": _zip(zipfile.ZIP_STORED), "deflated": _zip(zipfile.ZIP_DEFLATED), "bzip2": _zip(zipfile.ZIP_BZIP2),
    "lzma": _zip(zipfile.ZIP_LZMA), "tar": _tar("w"), "tar.gz": _tar("w:gz"), "tar.xz": _tar("w:xz"),
}  # fmt: skip


def in_a_file(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("archive")
    os.write(descriptor, content)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_all(content: bytes) -> dict[str, bytes]:
    """All that comes out whole. Raises Broken for the archive itself."""
    found: dict[str, bytes] = {}
    for descriptor in in_a_file(content):
        for _ in opened(descriptor, "", _silent).entries():
            pass
        for entry, blocks in opened(descriptor, "", _silent).contents(0):
            try:
                data = b"".join(blocks)
            except Broken:
                continue
            assert len(data) == entry.size_bytes or entry.kind != "file"
            found[entry.name] = data
    return found


def _silent(at: float) -> None:
    assert at >= 0


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_whole_is_read(seed: str) -> None:
    assert read_all(SEEDS[seed]) == FILES


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4),
    cut=st.integers(0, 1 << 16),
)
def test_what_is_damaged_is_refused_in_words(seed: str, changes: list[tuple[int, bytes]], cut: int) -> None:
    content = bytearray(SEEDS[seed])
    for at, new in changes:
        place = at % len(content)
        content[place : place + len(new)] = new
    if cut % 3 == 0:
        content = content[: cut % len(content)]
    try:
        found = read_all(bytes(content))
    except Broken:
        return
    if seed not in ("tar", "tar.gz", "tar.xz"):  # a tar has no checksums of contents
        assert all(data in FILES.values() for data in found.values())


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=3000))
@pytest.mark.parametrize("kind", [ZipArchive, TarArchive])
def test_any_bytes(kind: Callable[..., object], content: bytes) -> None:
    heads = {ZipArchive: b"PK\x05\x06", TarArchive: b""}
    for descriptor in in_a_file(content + heads[kind] + content[:18]):  # type: ignore[index]
        with suppress(Broken):
            list(kind(descriptor, "", _silent).entries())  # type: ignore[attr-defined]
