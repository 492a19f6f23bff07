"""WADO-RS: metadata, instances, frames and bulk data (DICOM PS3.18 10.4)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.common.errors import Unavailable
from sinfonietta.dicom import queries, removal
from sinfonietta.dicom.dataset.native import to_xml
from sinfonietta.dicom.dataset.packing import dataset_blocks, dataset_of, header_of
from sinfonietta.dicom.errors import NotAcceptable
from sinfonietta.dicom.image.options import NATIVE_TARGETS, TARGETS
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.dicom.sandbox.delivery import Delivery, deliver
from sinfonietta.interfaces.dicomweb import media
from sinfonietta.interfaces.dicomweb.doors import Call, absolute, door
from sinfonietta.interfaces.dicomweb.media import syntax_of
from sinfonietta.interfaces.dicomweb.parts import Part, gathered, multipart, plain
from sinfonietta.interfaces.dicomweb.pixels import bulk_of, frames_of, path_of
from sinfonietta.interfaces.http.content import piece, serve_blob
from sinfonietta.interfaces.http.encodings import takes_gzip

PIXELS = frozenset({"bulk/7FE00008", "bulk/7FE00009", "bulk/7FE00010"})
TAGS = {"study": "0020000D", "series": "0020000E", "instance": "00080018"}


def keys_of(path: dict[str, str]) -> dict[str, str]:
    """The UIDs of a path as keys of a query."""
    return {TAGS[name]: uid for name, uid in path.items()}


def _one(call: Call, study: str, series: str, instance: str) -> queries.Stored:
    return queries.instance(actor=call.actor, root=call.root, study=study, series=series, uid=instance)


@door("GET", "HEAD")
def metadata(call: Call, **path: str) -> HttpResponseBase:
    """All attributes of a study, a series or an instance, bulk data by address (PS3.18 10.4.1.1.2)."""
    content_type = media.of_metadata(call.request)
    keys = keys_of(path)
    if "instance" in path:
        call.audit("dicom.metadata", _one(call, **path).node)
    else:
        for container in queries.containers(actor=call.actor, root=call.root, keys=keys):
            call.audit("dicom.metadata", container)
    return _answer(call, queries.datasets(actor=call.actor, root=call.root, keys=keys), content_type)


def _answer(call: Call, rows: Iterable[queries.Dataset], content_type: str) -> HttpResponseBase:
    if content_type == media.XML:
        return multipart(call.request, (_xml(call, row) for row in rows), media.XML)
    headers = {"Cache-Control": "private, no-cache"}
    if call.request.method == "HEAD":
        return HttpResponse(content_type=content_type, headers=headers)
    content = gathered(_json(call, rows))
    if takes_gzip(call.request):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        content = _gzipped(content)
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _xml(call: Call, row: queries.Dataset) -> Part:
    """A dataset as XML; one that is too large for this process is made by one that may die."""
    uids = row.study_uid, row.series_uid, row.sop_uid
    dataset = dataset_of(row.packed, queries.MOST_TEXT_BYTES)
    document = to_xml(dataset) if dataset is not None else isolation.pool().xml(path_of(_one(call, *uids)))
    document = document.replace(b'<BulkData uri="bulk/', f'<BulkData uri="{call.instance_url(*uids)}/bulk/'.encode())
    return Part(media.XML, len(document), partial(iter, (document,)))


def _json(call: Call, rows: Iterable[queries.Dataset]) -> Iterator[bytes]:
    before = b"["
    for row in rows:
        url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
        yield before
        yield from absolute(dataset_blocks(row.packed), url)
        before = b","
    yield b"]"


def _gzipped(content: Iterator[bytes]) -> Iterator[bytes]:
    """Metadata of a series is the same text many times over: a tenth or less remains (RFC 1952)."""
    compressor = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    for block in content:
        if packed := compressor.compress(block):
            yield packed
    yield compressor.flush()


@door("GET", "HEAD", "DELETE")
def retrieve(call: Call, **path: str) -> HttpResponseBase:
    """The files of a study, a series or an instance, as stored or as asked for (PS3.18 10.4.1.1.1); or delete them."""
    return removed(call, path) if call.request.method == "DELETE" else retrieved(call, **path)


def removed(call: Call, path: dict[str, str]) -> HttpResponse:
    """A study, a series or an instance to the trash: all that the caller sees of it here, or nothing."""
    removal.trash(actor=call.actor, root=call.root, keys=keys_of(path))
    return HttpResponse(status=204)


def retrieved(call: Call, **path: str) -> HttpResponseBase:
    """As ``retrieve``."""
    if "instance" in path:
        rows = [_one(call, **path)]
    else:
        rows = queries.files(actor=call.actor, root=call.root, keys=keys_of(path))
    in_parts, syntax = _form(call, rows, alone="instance" in path)
    is_converted = bool(syntax) and any(row.transfer_syntax != syntax for row in rows)
    delivery = converted(rows[0], syntax) if is_converted and len(rows) == 1 else None
    _audit(call, rows)
    if in_parts and delivery:
        return multipart(call.request, [converted_part(call, rows[0], delivery)], media.DICOM)
    if in_parts:
        parts = [_file_part(call, row) for row in rows]
        return multipart(call.request, _in_syntax(call, rows, syntax) if is_converted else parts, media.DICOM)
    if delivery:
        return plain(call.request, converted_part(call, rows[0], delivery))
    return stored_file(call, rows[0])


def stored_file(call: Call, row: queries.Stored) -> HttpResponseBase:
    """The file as it is stored, with ranges and conditions."""
    name = f"{row.sop_uid}.dcm"
    return serve_blob(call.request, row.blob, name=name, media_type=media.DICOM, modified=row.created)


def _form(call: Call, rows: list[queries.Stored], *, alone: bool) -> tuple[bool, str]:
    """Whether files go as parts, and the transfer syntax that they are wanted in, empty: as stored.

    Raises NotAcceptable.
    """
    for one in media.accepted(call.request):
        if one.inner not in {media.DICOM, "application/*", "*/*"}:
            continue
        syntax = call.request.GET.get("transfer-syntax", one.syntax)
        syntax = "" if syntax == "*" else syntax
        if syntax and syntax not in TARGETS and any(row.transfer_syntax != syntax for row in rows):
            continue
        if one.is_multipart or one.media_type == "*/*":
            return True, syntax
        if alone:
            return False, syntax
    raise NotAcceptable(
        'Files are given as they are stored: multipart/related; type="application/dicom"; transfer-syntax=*, '
        "or converted without loss to " + ", ".join(sorted(TARGETS))
    )


def converted(row: queries.Stored, syntax: str) -> Delivery:
    """A file on its way in another transfer syntax. Raises NotAcceptable where it cannot be had so, Unavailable."""
    try:
        return deliver(path_of(row), header_of(row.places), syntax)
    except isolation.Busy as error:
        raise Unavailable(str(error)) from error
    except isolation.IsolationError as error:
        raise NotAcceptable(f"The instance cannot be had in that transfer syntax: {error}") from error


def _in_syntax(call: Call, rows: list[queries.Stored], syntax: str) -> Iterator[Part]:
    """Files in a transfer syntax; one that cannot be had in it comes as it is stored, and its part says so."""
    for row in rows:
        try:
            yield (
                _file_part(call, row)
                if row.transfer_syntax == syntax
                else converted_part(call, row, converted(row, syntax))
            )
        except NotAcceptable:
            yield _file_part(call, row)


def converted_part(call: Call, row: queries.Stored, delivery: Delivery) -> Part:
    """A converted file as a part; what has no pixels is not compressed."""
    syntax = delivery.target if row.frames or delivery.target in NATIVE_TARGETS else media.EXPLICIT
    url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
    return Part(f"{media.DICOM}; transfer-syntax={syntax}", delivery.size_bytes, delivery.blocks, url)


def _file_part(call: Call, row: queries.Stored) -> Part:
    blob = row.blob
    syntax = f"; transfer-syntax={row.transfer_syntax}" if syntax_of(row.transfer_syntax) else ""
    url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
    return Part(media.DICOM + syntax, blob.size_bytes, partial(piece, call.request, blob), url)


@door("GET", "HEAD")
def frames(call: Call, study: str, series: str, instance: str, frames: list[int]) -> HttpResponseBase:
    """Frames, by default as they are stored (PS3.18 10.4.1.1.6)."""
    row = _one(call, study, series, instance)
    found, in_parts = frames_of(call.request, row, frames, media.accepted(call.request))
    call.audit("dicom.frames", row.container)  # one event for a stretch of frames, not one each
    if not in_parts:
        return plain(call.request, Part(found[0].content_type, found[0].size_bytes, found[0].content))
    parts = [Part(frame.content_type, frame.size_bytes, frame.content) for frame in found]
    return multipart(call.request, parts, found[0].media_type)


@door("GET", "HEAD")
def bulk(call: Call, study: str, series: str, instance: str, uri: str) -> HttpResponseBase:
    """A value that metadata names by address, nested ones too (PS3.18 10.4.1.1.5)."""
    row = _one(call, study, series, instance)
    values = bulk_of(call.request, row, f"bulk/{uri}")
    call.audit("dicom.frames", row.container)
    for one in media.accepted(call.request):
        if one.inner not in {media.OCTETS, values.media_type, "*/*", "application/*"}:
            continue
        if one.is_multipart:
            url = call.request.build_absolute_uri(call.request.path)
            part = Part(values.content_type, values.size_bytes, values.content, url)
            return multipart(call.request, [part], values.media_type)
        return plain(call.request, Part(values.media_type, values.size_bytes, values.content))
    raise NotAcceptable(f"This value can be had as {values.media_type}, alone or in multipart/related.")


@door("GET", "HEAD")
def all_bulk(call: Call, **path: str) -> HttpResponseBase:
    """Every bulk value of a study, a series or an instance, each in a part at its address (PS3.18 10.4.1.1.5)."""
    return _all_bulk(call, path, lambda uri: True)


@door("GET", "HEAD")
def all_pixels(call: Call, **path: str) -> HttpResponseBase:
    """The pixel data of a study, a series or an instance, each in a part at its address (PS3.18 10.4.1.1.7)."""
    return _all_bulk(call, path, PIXELS.__contains__)


def _all_bulk(call: Call, path: dict[str, str], wanted: Callable[[str], bool]) -> HttpResponseBase:
    if not any(one.is_multipart or one.media_type == "*/*" for one in media.accepted(call.request)):
        raise NotAcceptable(f'Bulk data are given as multipart/related; type="{media.OCTETS}".')
    rows = queries.files(actor=call.actor, root=call.root, keys=keys_of(path))
    _audit(call, rows)

    def parts() -> Iterator[Part]:
        for row in rows:
            url = call.instance_url(row.study_uid, row.series_uid, row.sop_uid)
            for uri in filter(wanted, header_of(row.places).bulk):
                values = bulk_of(call.request, row, uri)
                yield Part(values.content_type, values.size_bytes, values.content, f"{url}/{uri}")

    return multipart(call.request, parts(), media.OCTETS)


def _audit(call: Call, rows: list[queries.Stored]) -> None:
    """One event for a file, or one for each container of a study or series."""
    if len(rows) == 1:
        call.audit("dicom.retrieved", rows[0].node)
    else:
        for container in {row.container for row in rows}:
            call.audit("dicom.retrieved", container)
