"""Where bytes live. A store keeps them under their hash and has a staging area for what is still arriving."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Protocol
from urllib.parse import unquote, urlsplit

from django.conf import settings

from sinfonietta.blobs.models import Blob

BLOCK_BYTES = 1 << 20


class Hasher(Protocol):
    """A running SHA-256."""

    def update(self, data: Any, /) -> None: ...
    def hexdigest(self) -> str: ...


class Store(Protocol):
    """Local folder today; an object store has the same words."""

    name: str

    def stage(self) -> str:
        """A new, empty place in staging; its key."""

    def append(
        self, staged: str, offset: int, stream: IO[bytes], *, limit: int | None, hasher: Hasher | None = None
    ) -> int:
        """Append a stream at ``offset``, at most ``limit`` bytes, and make it durable; how many came.

        Raises NotFound where less than ``offset`` is staged, OutOfStorage when the disk is full, Unavailable when it
        fails: then none of these bytes counts. What the stream raises passes through.
        """

    def hold(self, staged: str) -> AbstractContextManager[None]:
        """Be the only writer of a staged thing, over all processes; ends with the holder. Raises Busy."""

    def staged_path(self, staged: str) -> Path:
        """A local file with the staged bytes, to be read."""

    def truncate(self, staged: str, size_bytes: int) -> None:
        """Forget what was staged beyond a size."""

    def discard(self, staged: str) -> None:
        """Forget what was staged."""

    def filing(self) -> AbstractContextManager[None]:
        """Held from before ``commit`` until the row is committed: no garbage is collected meanwhile.

        Enter it before the transaction, never inside one.
        """

    def sweeping(self) -> AbstractContextManager[None]:
        """Held while a row and its bytes are deleted: nobody is filing meanwhile."""

    def commit(self, staged: str, sha256: str) -> str:
        """Give staged bytes, durably, the name of their hash; their key. They stay staged until discarded."""

    def path(self, blob: Blob) -> Path | None:
        """A local file with exactly the blob, for the kernel to send; None where there is none.

        Raises Damaged when it is missing, has another size, or ``verify`` found other bytes in it.
        """

    def open(self, blob: Blob, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes in blocks. Raises Damaged when they are not as long as they must be."""

    def read(self, blob: Blob, start: int, length: int) -> bytes:
        """Some bytes at once: one seek, one read."""

    def delete(self, key: str) -> None:
        """Remove bytes that no row speaks of."""

    def kept(self) -> Iterator[tuple[str, float]]:
        """All that is kept, with the time of its last change (seconds since 1970)."""

    def staged(self) -> Iterator[tuple[str, float]]:
        """All that is in staging, with the time of its last change."""


@lru_cache
def default() -> Store:
    """The store of this site (the setting ``blobs_url``)."""
    from sinfonietta.blobs.local import LocalStore  # noqa: PLC0415 - it is written in terms of this module

    url = urlsplit(settings.OPTIONS.blobs_url)
    return LocalStore(Path(unquote(url.path)) if url.scheme == "file" else settings.OPTIONS.data / "blobs")
