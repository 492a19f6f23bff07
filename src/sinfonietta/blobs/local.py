"""Bytes in a local folder: ``ab/cd/<sha256>``, and ``staging`` beside them on the same file system.

The order of a commit: a name for the bytes that nothing has yet; bytes, name and folders durable; only then does a
database row speak of them. A name that is there already is only given to bytes that are durable. A process that dies
between two of these steps leaves bytes that nobody refers to, which garbage collection finds.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import structlog

from sinfonietta.blobs.errors import Busy, Damaged
from sinfonietta.blobs.models import Blob
from sinfonietta.blobs.store import BLOCK_BYTES, Hasher
from sinfonietta.common.errors import NotFound, OutOfStorage, Unavailable

log = structlog.get_logger("sinfonietta.blobs")
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
GONE = "The upload is not kept any more."
DURABLE_EVERY_BYTES = 64 << 20
"""Long transfers are made durable in steps, so that the end does not wait for all of it."""


class LocalStore:
    """A folder of this machine, or of a network file system."""

    name = "local"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.staging = root / "staging"
        self.staging.mkdir(parents=True, exist_ok=True, mode=0o700)

    # Staging
    def stage(self) -> str:
        """A new, empty place in staging."""
        key = secrets.token_hex(16)
        with _disk():
            os.close(os.open(self.staging / key, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return key

    def staged_path(self, staged: str) -> Path:
        """The staged file."""
        return self.staging / staged

    def append(
        self,
        staged: str,
        offset: int,
        stream: IO[bytes],
        *,
        limit: int | None,
        hasher: Hasher | None = None,
        durable: bool = True,
    ) -> int:
        """Append a stream at ``offset`` and make it durable; see ``store.Store.append``."""
        descriptor = self._open(staged, os.O_WRONLY)
        try:
            with _disk():
                if os.fstat(descriptor).st_size < offset:
                    raise NotFound(GONE)
                os.ftruncate(descriptor, offset)
                os.lseek(descriptor, offset, os.SEEK_SET)
            written = _pour(stream, descriptor, limit, hasher)
            if durable:
                with _disk():
                    os.fdatasync(descriptor)
            return written
        finally:
            os.close(descriptor)

    def _open(self, staged: str, how: int) -> int:
        try:
            return os.open(self.staging / staged, how)
        except FileNotFoundError as error:
            raise NotFound(GONE) from error

    def truncate(self, staged: str, size_bytes: int) -> None:
        """Forget what was staged beyond a size."""
        os.truncate(self.staging / staged, size_bytes)

    @contextmanager
    def hold(self, staged: str) -> Iterator[None]:
        """Be the only writer, by a lock of the kernel that ends with its holder. Raises Busy, NotFound."""
        descriptor = self._open(staged, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise Busy("Somebody else is writing to this upload at the moment.") from error
        finally:
            os.close(descriptor)

    def discard(self, staged: str) -> None:
        """Forget what was staged."""
        (self.staging / staged).unlink(missing_ok=True)

    # Kept
    @contextmanager
    def filing(self) -> Iterator[None]:
        """Many may file at one time; see ``store.Store.filing``."""
        with self._sweep(fcntl.LOCK_SH):
            yield

    @contextmanager
    def sweeping(self) -> Iterator[None]:
        """One sweeps, when nobody files."""
        with self._sweep(fcntl.LOCK_EX):
            yield

    @contextmanager
    def _sweep(self, how: int) -> Iterator[None]:
        descriptor = os.open(self.root / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def commit(self, staged: str, sha256: str, *, durable: bool = True) -> str:
        """Give staged bytes the name of their hash, durably.

        They keep their name in staging too, until whoever staged them discards it: a process that dies before its
        transaction commits has lost nothing.
        """
        key = f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
        source, target = self.staging / staged, self.root / key
        with _disk():
            # All names first, then the syncs: a file system that keeps a journal writes it once for all of them.
            changed = [*self._folders(target.parent), target.parent]
            try:
                os.link(source, target)
            except FileExistsError:
                if not durable:
                    _sync(source)
                self._replace(source, target)
                durable = True
            for path in changed if durable else [source, *changed]:
                _sync(path)
        return key

    def _replace(self, source: Path, target: Path) -> None:
        """Give the name to durable bytes: those that are there have the same hash, or are damaged and now mended."""
        twin = self.staging / f"{source.name}.{secrets.token_hex(4)}"
        os.link(source, twin)
        try:
            os.rename(twin, target)
        finally:
            twin.unlink(missing_ok=True)  # still there if both names were one file already (POSIX rename)

    def _folders(self, folder: Path) -> list[Path]:
        """Make a folder; those that have a new entry now."""
        if folder.is_dir():
            return []
        changed = [] if folder == self.root else self._folders(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        return [*changed, folder.parent]

    def path(self, blob: Blob) -> Path | None:
        """The file. Raises Damaged when it is missing, has another size, or was found to be damaged."""
        path = self.root / blob.key
        try:
            size = path.stat().st_size
        except FileNotFoundError:
            size = -1
        if size != blob.size_bytes or blob.damaged:
            log.error("stored bytes are damaged", sha256=blob.sha256, expected=blob.size_bytes, found=size)
            raise Damaged("The stored bytes are missing or damaged; an administrator can run `sinfonietta verify`.")
        return path

    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in blocks. Raises Damaged, before the first block or when they end too early."""
        path = self.path(blob)
        return _blocks(path, start, blob.size_bytes - start if length is None else length) if path else iter(())

    def read(self, blob: Blob, start: int, length: int) -> bytes:
        """Some bytes at once."""
        return b"".join(self.open(blob, start, length))

    def delete(self, key: str) -> None:
        """Remove bytes that no row speaks of."""
        (self.root / key).unlink(missing_ok=True)

    def kept(self) -> Iterator[tuple[str, float]]:
        """All that is kept, with the time of its last change (seconds since 1970)."""
        for first in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for second in sorted(first.iterdir()):
                for name, changed in _entries(second):
                    yield f"{first.name}/{second.name}/{name}", changed

    def staged(self) -> Iterator[tuple[str, float]]:
        """All that is in staging, with the time of its last change."""
        return _entries(self.staging)


def _entries(folder: Path) -> Iterator[tuple[str, float]]:
    for entry in folder.iterdir():
        with suppress(FileNotFoundError):  # gone meanwhile
            yield entry.name, entry.stat().st_mtime


@contextmanager
def _disk() -> Iterator[None]:
    """What a disk can answer: it is full, or it fails. Then nothing that was not durable before is believed to be."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise OutOfStorage("The server's disk is full; nothing was kept of this.") from error
        log.error("the disk fails", problem=str(error))
        raise Unavailable("The server cannot write to its disk at the moment; nothing was kept of this.") from error


def _pour(stream: IO[bytes], descriptor: int, limit: int | None, hasher: Hasher | None) -> int:
    written = since = 0
    while limit is None or written < limit:
        block = stream.read(BLOCK_BYTES if limit is None else min(BLOCK_BYTES, limit - written))
        if not block:
            break
        with _disk():
            _write(descriptor, block)
            since += len(block)
            if since >= DURABLE_EVERY_BYTES:
                os.fdatasync(descriptor)
                since = 0
        if hasher:
            hasher.update(block)
        written += len(block)
    return written


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]


def _blocks(path: Path, start: int, length: int) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as stream:
        stream.seek(start)
        while length > 0:
            block = stream.read(min(BLOCK_BYTES, length))
            if not block:
                raise Damaged("The stored bytes end too early.")
            length -= len(block)
            yield block


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
