"""A zip of what lies below a node, written while it is sent; memory holds only its directory."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator

from django.http import HttpResponse, StreamingHttpResponse
from zipstream import ZIP_STORED, ZipStream

from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.interfaces.http.content import disposition, hold
from sinfonietta.interfaces.http.streams import Slot
from sinfonietta.library.queries import ManifestRow


def zip_stream(rows: Iterable[ManifestRow]) -> Iterator[bytes]:
    """The bytes of the archive, one file after the other, stored (images do not shrink). Names are UTF-8.

    Raises Damaged in the middle, which breaks the transfer off: no archive that looks whole has wrong bytes in it.
    """
    archive = ZipStream(compress_type=ZIP_STORED)
    for row in rows:
        archive.add(_sound(row) if row.size_bytes else b"", _member(row), size=row.size_bytes)
        yield from archive.all_files()
    yield from archive.finalize()


def _sound(row: ManifestRow) -> Iterator[bytes]:
    """The bytes of a file; its hash is looked at in passing, for the CRC of the archive would bless any bytes."""
    digest = hashlib.sha256()
    for block in store.default().open(row.blob):
        digest.update(block)
        yield block
    if digest.hexdigest() != row.sha256:
        raise Damaged("The stored bytes of a file have another hash than they must have.")


def _member(row: ManifestRow) -> str:
    """The name inside. A backslash, a letter to us, is a separator to some who unpack: it must not climb there."""
    if "\\" not in row.path:
        return row.path
    stem, ending = posixpath.splitext(row.path.replace("\\", "_"))
    return f"{stem} ({str(row.uid)[:8]}){ending}"  # told apart from what has an underscore already


def zip_response(rows: Iterable[ManifestRow], name: str) -> StreamingHttpResponse:
    """The archive as a download. Raises Unavailable when too many long streams are under way."""
    slot = Slot()
    return hold(StreamingHttpResponse(zip_stream(rows), headers=_headers(name)), slot)


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
