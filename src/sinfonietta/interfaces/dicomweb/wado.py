"""WADO-RS: metadata, instances, frames and bulk data (DICOM PS3.18 10.4)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import partial

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.blobs import store
from sinfonietta.dicom import queries
from sinfonietta.dicom.errors import NotAcceptable
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.packing import dataset_blocks
from sinfonietta.interfaces.dicomweb import media
from sinfonietta.interfaces.dicomweb.doors import Call, absolute, door
from sinfonietta.interfaces.dicomweb.media import syntax_of
from sinfonietta.interfaces.dicomweb.parts import Part, multipart, plain
from sinfonietta.interfaces.dicomweb.pixels import bulk_of, frames_of
from sinfonietta.interfaces.http.content import serve_blob
from sinfonietta.interfaces.http.encodings import takes_gzip
from sinfonietta.library.models import Node

TAGS = {"study": "0020000D", "series": "0020000E", "instance": "00080018"}


def keys_of(path: dict[str, str]) -> dict[str, str]:
    """The UIDs of a path as keys of a query."""
    return {TAGS[name]: uid for name, uid in path.items()}


def _one(call: Call, study: str, series: str, instance: str) -> DicomInstance:
    return queries.instance(actor=call.actor, root=call.root, study=study, series=series, uid=instance)


@door("GET", "HEAD")
def metadata(call: Call, **path: str) -> HttpResponseBase:
    """All attributes of a study, a series or an instance, bulk data by address (PS3.18 10.4.1.1.2)."""
    content_type = media.require_json(call.request)
    if "instance" in path:
        row = _one(call, **path)
        call.audit("dicom.metadata", row.node)
        return _answer(call, [row], content_type)
    keys = keys_of(path)
    for container in queries.containers(actor=call.actor, root=call.root, keys=keys):
        call.audit("dicom.metadata", container)
    return _answer(call, queries.datasets(actor=call.actor, root=call.root, keys=keys), content_type)


def _answer(call: Call, rows: Iterable[DicomInstance], content_type: str) -> HttpResponseBase:
    headers = {"Cache-Control": "private, no-cache"}
    if call.request.method == "HEAD":
        return HttpResponse(content_type=content_type, headers=headers)
    content = _json(call, rows)
    if takes_gzip(call.request):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        content = _gzipped(content)
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _json(call: Call, rows: Iterable[DicomInstance]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
        yield before
        yield from absolute(dataset_blocks(row.header.dataset), url)
        before = b","
    yield b"]"


def _gzipped(content: Iterator[bytes]) -> Iterator[bytes]:
    """Metadata of a series is the same text many times over: a tenth or less remains (RFC 1952)."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for block in content:
        if packed := compressor.compress(block):
            yield packed
    yield compressor.flush()


@door("GET", "HEAD")
def retrieve(call: Call, **path: str) -> HttpResponseBase:
    """The files of a study, a series or an instance as they are stored (PS3.18 10.4.1.1.1)."""
    return retrieved(call, **path)


def retrieved(call: Call, **path: str) -> HttpResponseBase:
    """As ``retrieve``."""
    if "instance" in path:
        rows = [_one(call, **path)]
    else:
        rows = queries.files(actor=call.actor, root=call.root, keys=keys_of(path))
    single = _single(call, rows, alone="instance" in path)
    _audit(call, rows)
    if single:
        version = rows[0].version
        name = f"{rows[0].sop_uid}.dcm"
        return serve_blob(call.request, version.blob, name=name, media_type=media.DICOM, modified=version.created)
    return multipart(call.request, [_file_part(call, row) for row in rows], media.DICOM)


def _single(call: Call, rows: list[DicomInstance], *, alone: bool) -> bool:
    """Whether the one file goes without parts around it. Raises NotAcceptable."""
    for one in media.accepted(call.request):
        if one.inner not in {media.DICOM, "application/*", "*/*"}:
            continue
        if one.syntax not in {"", "*"} and any(row.transfer_syntax != one.syntax for row in rows):
            continue
        if one.is_multipart or one.media_type == "*/*":
            return False
        if alone:
            return True
    raise NotAcceptable(
        'Files are given as they are stored: multipart/related; type="application/dicom"; transfer-syntax=*'
    )


def _file_part(call: Call, row: DicomInstance) -> Part:
    blob = row.version.blob
    syntax = f"; transfer-syntax={row.transfer_syntax}" if syntax_of(row.transfer_syntax) else ""
    url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
    return Part(media.DICOM + syntax, blob.size_bytes, partial(store.default().open, blob), url)


@door("GET", "HEAD")
def frames(call: Call, study: str, series: str, instance: str, frames: list[int]) -> HttpResponseBase:
    """Frames, by default as they are stored (PS3.18 10.4.1.1.6)."""
    row = _one(call, study, series, instance)
    found, in_parts = frames_of(row, frames, media.accepted(call.request))
    call.audit("dicom.frames", _container(row))  # one event for a stretch of frames, not one each
    if not in_parts:
        return plain(call.request, Part(found[0].content_type, found[0].size_bytes, found[0].content))
    parts = [Part(frame.content_type, frame.size_bytes, frame.content) for frame in found]
    return multipart(call.request, parts, found[0].media_type)


@door("GET", "HEAD")
def bulk(call: Call, study: str, series: str, instance: str, uri: str) -> HttpResponseBase:
    """A value that metadata names by address, nested ones too (PS3.18 10.4.1.1.5)."""
    row = _one(call, study, series, instance)
    values = bulk_of(row, f"bulk/{uri}")
    call.audit("dicom.frames", _container(row))
    for one in media.accepted(call.request):
        if one.inner not in {media.OCTETS, values.media_type, "*/*", "application/*"}:
            continue
        if one.is_multipart:
            url = call.request.build_absolute_uri(call.request.path)
            part = Part(values.content_type, values.size_bytes, values.content, url)
            return multipart(call.request, [part], values.media_type)
        return plain(call.request, Part(values.media_type, values.size_bytes, values.content))
    raise NotAcceptable(f"This value can be had as {values.media_type}, alone or in multipart/related.")


def _audit(call: Call, rows: list[DicomInstance]) -> None:
    """One event for a file, or one for each container of a study or series."""
    if len(rows) == 1:
        call.audit("dicom.retrieved", rows[0].node)
    else:
        for container in {_container(row) for row in rows}:
            call.audit("dicom.retrieved", container)


def _container(row: DicomInstance) -> Node:
    assert row.series is not None
    return row.series.container
