"""A zip of what lies below a node, written while it is sent; memory holds only its directory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.http import StreamingHttpResponse
from zipstream import ZIP_STORED, ZipStream

from sinfonietta.blobs import store
from sinfonietta.interfaces.http.content import disposition, hold
from sinfonietta.interfaces.http.streams import Slot
from sinfonietta.library.queries import ManifestRow


def zip_stream(rows: Iterable[ManifestRow]) -> Iterator[bytes]:
    """The bytes of the archive, one file after the other, stored (images do not shrink). Names are UTF-8."""
    archive = ZipStream(compress_type=ZIP_STORED)
    for row in rows:
        archive.add(store.default().open(row.blob) if row.size_bytes else b"", row.path)
        yield from archive.all_files()
    yield from archive.finalize()


def zip_response(rows: Iterable[ManifestRow], name: str) -> StreamingHttpResponse:
    """The archive as a download. Raises Unavailable when too many long streams are under way."""
    headers = {
        "Content-Disposition": disposition("attachment", f"{name}.zip"),
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    slot = Slot()
    return hold(StreamingHttpResponse(zip_stream(rows), content_type="application/zip", headers=headers), slot)
