"""Zips that are written while they are sent; memory holds only their directory."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from django.http import HttpResponse, StreamingHttpResponse
from zipstream import ZIP_STORED, ZipStream

from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.blobs.models import Blob
from sinfonietta.dicom.queries import Medium
from sinfonietta.interfaces.http.content import disposition, hold
from sinfonietta.interfaces.http.streams import Slot
from sinfonietta.library.queries import ManifestRow


@dataclass(frozen=True)
class Member:
    """A file of an archive. ``blocks`` are read once, when its turn comes."""

    path: str
    size_bytes: int
    blocks: Iterable[bytes]


def zip_stream(members: Iterable[Member]) -> Iterator[bytes]:
    """The bytes of the archive, one file after the other, stored (images do not shrink). Names are UTF-8.

    Raises Damaged in the middle, which breaks the transfer off: no archive that looks whole has wrong bytes in it.
    """
    archive = ZipStream(compress_type=ZIP_STORED)
    for member in members:
        archive.add(iter(member.blocks) if member.size_bytes else b"", member.path, size=member.size_bytes)
        yield from archive.all_files()
    yield from archive.finalize()


def of_manifest(rows: Iterable[ManifestRow]) -> Iterator[Member]:
    """The files below a node."""
    return (Member(_name(row), row.size_bytes, _sound(row.blob)) for row in rows)


def of_medium(medium: Medium) -> Iterator[Member]:
    """The files of a medium, and its directory at the end, which is known only then."""
    for file in medium.files():
        blob = file.row.version.blob
        yield Member(file.path, len(file.head) + blob.size_bytes, chain((file.head,), _sound(blob)))
    yield Member("DICOMDIR", medium.directory.size_bytes, medium.directory.blocks())


def _sound(blob: Blob) -> Iterator[bytes]:
    """The bytes of a file; its hash is looked at in passing, for the CRC of the archive would bless any bytes."""
    digest = hashlib.sha256()
    for block in store.default().open(blob):
        digest.update(block)
        yield block
    if digest.hexdigest() != blob.sha256:
        raise Damaged("The stored bytes of a file have another hash than they must have.")


def _name(row: ManifestRow) -> str:
    """The name inside. A backslash, a letter to us, is a separator to some who unpack: it must not climb there."""
    if "\\" not in row.path:
        return row.path
    stem, ending = posixpath.splitext(row.path.replace("\\", "_"))
    return f"{stem} ({str(row.uid)[:8]}){ending}"  # told apart from what has an underscore already


def zip_response(members: Iterable[Member], name: str) -> StreamingHttpResponse:
    """The archive as a download. Raises Unavailable when too many long streams are under way."""
    slot = Slot()
    return hold(StreamingHttpResponse(zip_stream(members), headers=_headers(name)), slot)


def zip_head(name: str) -> HttpResponse:
    """The answer to HEAD: what GET would say before the bytes."""
    return HttpResponse(headers=_headers(name))


def _headers(name: str) -> dict[str, str]:
    return {
        "Content-Type": "application/zip",
        "Content-Disposition": disposition("attachment", f"{name}.zip"),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
