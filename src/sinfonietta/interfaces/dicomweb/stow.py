"""STOW-RS: store instances (DICOM PS3.18 10.5). Bodies are staged while they arrive and filed in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from email.message import Message
from typing import IO, Any, cast

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.common.errors import NotFound, TooLarge
from sinfonietta.dicom.dataset.native import to_xml
from sinfonietta.dicom.errors import BadRequest, UnsupportedMediaType
from sinfonietta.dicom.services import Beside, Filing, Stored
from sinfonietta.ingest.services import receive, staging
from sinfonietta.interfaces.dicomweb import composed, media, qido, wado
from sinfonietta.interfaces.dicomweb.doors import Call, door
from sinfonietta.interfaces.dicomweb.incoming import Parts
from sinfonietta.interfaces.http.bodies import body_of
from sinfonietta.interfaces.http.streams import long_stream
from sinfonietta.library import queries as library

MOST_PARTS = 20_000


@door("GET", "HEAD", "POST")
def studies(call: Call) -> HttpResponseBase:
    """Search for studies, or store instances."""
    return _store(call) if call.request.method == "POST" else qido.studies(call)


@door("GET", "HEAD", "POST", "DELETE")
def study(call: Call, study: str) -> HttpResponseBase:
    """Retrieve a study, store instances of it, or delete it."""
    if call.request.method == "DELETE":
        return wado.removed(call, {"study": study})
    return _store(call, study) if call.request.method == "POST" else wado.retrieved(call, study=study)


@door("POST")
def beside(call: Call) -> HttpResponseBase:
    """Store instances, each beside the study that it belongs to: where a viewer saves what was made of one."""
    return _filed(call, Beside(actor=call.actor, root=call.root))


def _store(call: Call, study: str = "") -> HttpResponse:
    target = call.root.uid if call.root else library.home(actor=call.actor)
    if target is None:
        raise NotFound("The account has no home to store in; name a collection or folder.")
    return _filed(call, Filing(actor=call.actor, target=target, study=study))


def _filed(call: Call, filing: Filing) -> HttpResponse:
    content_type = media.of_metadata(call.request, in_parts=False)
    inner, boundary = _form(call)
    stream, length = body_of(call.request)
    with long_stream(length), ExitStack() as stack:
        if inner != media.DICOM:
            composed.file_all(composed.read(Parts(stream, boundary), inner, stack, MOST_PARTS), filing)
        else:
            _receive(filing, _parts(Parts(stream, boundary)) if boundary else [stream], None if boundary else length)
    if not filing.results:
        raise BadRequest("The body holds no instance.")
    return _answer(call, filing.results, content_type)


def _receive(filing: Filing, parts: Iterable[IO[bytes]], length: int | None) -> None:
    """Stage and file Part 10 files. Staged bytes wait for their batch; whatever happens, none stay behind."""
    with ExitStack() as stack:
        for part in parts:
            staged = stack.enter_context(staging())
            filing.add(staged, *receive(staged, part, length, durable=False))
            if not filing.has_waiting:
                stack.close()
        filing.flush()


def _form(call: Call) -> tuple[str, bytes]:
    """The media type of what is stored, and the boundary of the body; empty where it is one instance without parts.

    Raises UnsupportedMediaType, BadRequest.
    """
    header = Message()
    header["Content-Type"] = call.request.headers.get("Content-Type", "")
    kind = header.get_content_type()
    if kind == media.DICOM:
        return kind, b""
    inner = str(header.get_param("type", media.DICOM)).lower()
    if kind != media.MULTIPART or inner not in {media.DICOM, *composed.KINDS}:
        taken = ", ".join((media.DICOM, *composed.KINDS))
        raise UnsupportedMediaType(f"Send multipart/related with one of the types {taken}, or one {media.DICOM}.")
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 200 or not boundary.isascii():
        raise BadRequest("The Content-Type names no boundary.")
    return inner, boundary.encode()


def _parts(parts: Parts) -> Iterator[IO[bytes]]:
    count = 0
    while (head := parts.next()) is not None:
        count += 1
        if count > MOST_PARTS:
            raise TooLarge(f"A request stores up to {MOST_PARTS} instances; send the rest in another one.")
        if head.get("content-type", media.DICOM).partition(";")[0].strip().lower() != media.DICOM:
            raise UnsupportedMediaType("Each part is application/dicom.")
        yield cast(IO[bytes], parts)


def _answer(call: Call, results: list[Stored], content_type: str) -> HttpResponse:
    """The Store Instances Response (PS3.18 10.5.3, Annex I): 200 all, 202 some, 409 none."""
    stored = [result for result in results if not result.reason]
    failed = [result for result in results if result.reason and result.sop_instance_uid]
    others = [result for result in results if result.reason and not result.sop_instance_uid]
    answer: dict[str, Any] = {}
    studies = {result.study_uid for result in stored}
    if len(studies) == 1:
        answer["00081190"] = _element("UR", f"{call.url}/studies/{studies.pop()}")
    if failed:
        answer["00081198"] = {"vr": "SQ", "Value": [_reference(result) | _reason(result) for result in failed]}
    if stored:
        answer["00081199"] = {"vr": "SQ", "Value": [_reference(result) | _url(call, result) for result in stored]}
    if others:
        answer["0008119A"] = {"vr": "SQ", "Value": [_reason(result) for result in others]}
    status = 200 if len(stored) == len(results) else 202 if stored else 409
    body = to_xml(answer) if content_type == media.XML else orjson.dumps(answer)
    response = HttpResponse(body, status=status, content_type=content_type)
    # A sentence for people: the first problem, or else warning; the codes say it for each.
    said = next((one.problem for one in sorted(results, key=lambda one: not one.reason) if one.problem), "")
    if said:
        plain = said.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "")
        response["Warning"] = f'299 Sinfonietta "{" ".join(plain.split())[:200]}"'
    return response


def _reference(result: Stored) -> dict[str, Any]:
    return {"00081150": _element("UI", result.sop_class_uid), "00081155": _element("UI", result.sop_instance_uid)}


def _reason(result: Stored) -> dict[str, Any]:
    return {"00081197": _element("US", result.reason)}


def _url(call: Call, result: Stored) -> dict[str, Any]:
    url = call.instance_url(result.study_uid, result.series_uid, result.sop_instance_uid)
    return {"00081190": _element("UR", url)}


def _element(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]}
