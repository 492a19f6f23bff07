"""Files as a person sees them: one interface over the adapters, for files of the repository and for any bytes."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.library import queries as library
from sinfonietta.previews import cache, confined
from sinfonietta.previews.kinds import showable
from sinfonietta.previews.objects import reading

REFUSED = "refused"


@dataclass(frozen=True)
class Source:
    """Bytes in a local file, what they are called and what they are. ``sha256``: by what previews are kept."""

    name: str
    media_type: str
    size_bytes: int
    sha256: str
    path: Path
    state: str = "ready"

    @property
    def kinds(self) -> tuple[str, ...]:
        """By which kinds it can be shown, the best first. DICOM is shown by a page of its own."""
        if self.media_type == "application/dicom":
            return ()
        return showable(self.media_type, self.size_bytes, self.state, name=self.name).kinds


def of_file(*, actor: Actor, uid: UUID) -> Source:
    """A file's current version, noted as read. Raises NotFound, Forbidden for a quarantined one, Unavailable."""
    entry, version = library.node(actor=actor, uid=uid), library.version(actor=actor, uid=uid)
    library.note_read(actor=actor, action="file.previewed", node=entry)
    path = store.default().path(version.blob)
    if path is None:
        raise Unavailable("Files cannot be looked into in this store.")
    return Source(entry.name, version.media_type, version.size_bytes, version.blob.sha256, path, version.state)


@contextmanager
def of_bytes(data: bytes, *, name: str, media_type: str) -> Iterator[Source]:
    """Bytes that are no file of the repository, such as an entry of an archive."""
    with tempfile.NamedTemporaryFile(prefix="preview-") as stream:
        stream.write(data)
        stream.flush()
        yield Source(name, media_type, len(data), hashlib.sha256(data).hexdigest(), Path(stream.name))


def show(source: Source, kind: str, **asked: Any) -> cache.Shown:
    """A preview of that kind, kept or made now in the confined process.

    Raises NotFound where the source is not shown so, Invalid with the reason why it cannot be, Unavailable.
    """
    if kind not in source.kinds:
        raise NotFound("The file is not shown in this way.")
    key = cache.key_of(source.sha256, kind, source.name, asked)
    return accepted(cache.get(key) or _made(source, kind, key, asked))


def accepted(found: cache.Shown) -> cache.Shown:
    """It, where it is one. Raises Invalid with the reason that was kept instead."""
    if REFUSED in found.head:
        raise Invalid(found.head[REFUSED])
    return found


def _made(source: Source, kind: str, key: str, asked: dict[str, Any]) -> cache.Shown:
    with reading():
        try:
            head, body = confined.pool().ask(kind, source.path, name=source.name, **asked)
        except isolation.Undrawable as problem:
            return cache.put(key, {REFUSED: str(problem)})
    return cache.put(key, head, body)
