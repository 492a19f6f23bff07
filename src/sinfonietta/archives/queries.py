"""Looking into archives: by the file that they are, with the rights on it."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import index, reading, services
from sinfonietta.archives.errors import Unreadable
from sinfonietta.archives.index import About, Folder, Found
from sinfonietta.archives.limits import Limits, check_entry
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.ingest.media import HEAD_BYTES, media_type_of
from sinfonietta.jobs.models import Job
from sinfonietta.library import queries as library
from sinfonietta.library.models import Version

AT_ONCE_BYTES = 16 << 20
"""A compressed tar larger than this is read by a job: to list it, all of it has to be decompressed."""
PATIENCE_S = 5.0
"""What takes longer to read than this is left to a job as well."""
MEDIA_TYPES = {
    "application/zip", "application/x-zip-compressed", "application/x-7z-compressed", "application/x-tar",
    "application/gzip", "application/x-gzip", "application/x-bzip2", "application/x-bzip", "application/x-xz",
    "application/zstd", "application/x-zstd", "application/x-gtar", "application/x-compressed-tar",
}  # fmt: skip
SINGLE = {
    ".gz": (".tar.gz", ".tgz"), ".bz2": (".tar.bz2", ".tbz2", ".tbz"), ".xz": (".tar.xz", ".txz"),
    ".zst": (".tar.zst", ".tzst"),
}  # fmt: skip
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def may_be_archive(media_type: str, name: str) -> bool:
    """Whether a file is worth looking into, by its type and name: a single compressed file is not."""
    name = name.lower()
    if media_type not in MEDIA_TYPES and not name.endswith((".tar", ".tar.zst", ".tzst", ".tar.xz", ".tar.bz2")):
        return False
    return not any(name.endswith(ending) and not name.endswith(tars) for ending, tars in SINGLE.items())


@dataclass(frozen=True)
class Looked:
    """An archive that can be looked into, or the job that reads it first."""

    version: Version
    about: About | None = None
    job: Job | None = None


def look(*, actor: Actor, uid: UUID) -> Looked:
    """What an archive is as a whole; it is read where nobody has looked into these bytes before.

    Raises NotFound, Forbidden, and as ``index.build``.
    """
    version = library.version(actor=actor, uid=uid)
    if not index.exists(version.blob.sha256):
        path = local(version.blob)
        job = services.under_way(actor=actor, version=version)
        if job or _takes_long(path, version.size_bytes) or not _read_at_once(version.blob.sha256, path):
            return Looked(version, job=job or services.read_later(actor=actor, version=version))
    with index.opened(version.blob.sha256) as found:
        return Looked(version, found.about())


class _TakesLong(Exception):
    pass


def _read_at_once(sha256: str, path: Path) -> bool:
    """Make the index, if that can be done while somebody waits."""
    end = time.monotonic() + PATIENCE_S

    def step(at: float) -> None:
        if time.monotonic() > end:
            raise _TakesLong

    try:
        index.build(sha256, path, step)
    except _TakesLong:
        return False
    return True


def _takes_long(path: Path, size_bytes: int) -> bool:
    with path.open("rb") as stream:
        return size_bytes > AT_ONCE_BYTES and stream.read(8).startswith(COMPRESSED)


def local(blob: Blob) -> Path:
    """The archive as a file of this machine. Raises Damaged, Unavailable."""
    path = store.default().path(blob)
    if path is None:
        raise Unavailable("Archives cannot be looked into where the bytes are kept elsewhere.")
    return path


def entries(
    *, actor: Actor, looked: Looked, prefix: str = "", cursor: str | None = None, limit: int = 100
) -> Page[Found]:
    """Entries of an archive whose whole name begins so, in its order."""
    after = decode_cursor(cursor, 1)[0] if cursor else -1
    if not isinstance(after, int):
        raise Invalid("That is not a cursor of this list.", errors={"cursor": ["not valid"]})
    with index.opened(looked.version.blob.sha256) as found:
        rows = found.listing(prefix, after, limit + 1)
    return Page(rows[:limit], encode_cursor(rows[limit - 1].number) if len(rows) > limit else None)


@dataclass(frozen=True)
class Inside:
    """What is directly in a folder of an archive: folders first, then files, a page of them together."""

    folder: Folder
    folders: list[Folder]
    files: list[Found]
    next: str | None


def inside(*, actor: Actor, looked: Looked, folder: str = "", cursor: str | None = None, limit: int = 200) -> Inside:
    """A page of a folder of an archive. Raises NotFound, Invalid."""
    leaf, number = decode_cursor(cursor, 2) if cursor else (None, None)
    with index.opened(looked.version.blob.sha256) as found:
        at = found.folder(folder)
        if at is None:
            raise NotFound("The archive has no such folder.")
        folders = [] if number is not None else found.folders(at.id, _text(leaf), limit + 1)
        if len(folders) > limit:
            return Inside(at, folders[:limit], [], encode_cursor(folders[limit - 1].leaf, None))
        after = (_text(leaf) or "", number) if isinstance(number, int) else None
        files = found.files(at.id, after, limit + 1 - len(folders))
    room = limit - len(folders)
    more = encode_cursor(files[room - 1].leaf, files[room - 1].number) if len(files) > room > 0 else None
    if len(files) > room == 0:
        more = encode_cursor("", -1)
    return Inside(at, folders, files[:room], more)


def _text(part: str | int | None) -> str | None:
    return part if isinstance(part, str) else None


Blocks = Generator[bytes, None, None]
"""Closing it ends the process that reads."""


@dataclass
class Content:
    """The bytes of one entry on their way out."""

    entry: Found
    version: Version
    media_type: str
    modified: datetime | None
    blocks: Blocks


def entry(*, actor: Actor, looked: Looked, number: int) -> Found:
    """What an archive says of the entry at a place. Raises NotFound where there is no file."""
    with index.opened(looked.version.blob.sha256) as found:
        return _file(found.numbered(number))


def _file(found: Found | None) -> Found:
    if found is None or found.kind == reading.FOLDER:
        raise NotFound("The archive has no such file.")
    if found.kind != reading.FILE:
        raise Unreadable("That entry is a link or a device; it holds no bytes.")
    return found


def content(
    *, actor: Actor, looked: Looked, name: str | None = None, number: int | None = None, password: str = ""
) -> Content:
    """One entry, by its whole name (the last of that name) or its number in the archive.

    Its bytes are checked on their way: the last block comes only when all were right. Raises NotFound, NeedsPassword,
    WrongPassword, Unreadable, LimitPassed; those also in the middle of the bytes.
    """
    with index.opened(looked.version.blob.sha256) as found:
        entry = _file(found.numbered(number) if number is not None else found.named(name or ""))
    library.note_read(
        actor=actor, action="file.entry_read", node=looked.version.node, version=looked.version.number,
        entry=entry.number,
    )  # fmt: skip
    blocks = _limited(looked.version, entry, password)
    head = next(blocks, b"")
    return Content(
        entry, looked.version, media_type_of(head[:HEAD_BYTES], entry.leaf), when(entry), _from(head, blocks)
    )


def _from(head: bytes, blocks: Blocks) -> Blocks:
    with closing(blocks):
        yield head
        yield from blocks


def _limited(version: Version, entry: Found, password: str) -> Blocks:
    limits, seen = Limits.of_site(), 0
    compressed = version.size_bytes if entry.compressed_bytes is None else entry.compressed_bytes
    for block in reading.one(local(version.blob), entry.number, entry.locator, password):
        seen += len(block)
        check_entry(limits, entry.name, seen, compressed)
        yield block


def when(entry: Found) -> datetime | None:
    """The time of an entry, where it says one that a calendar knows."""
    return moment(entry.modified)


def moment(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as a time; None where no calendar knows it."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
