"""DICOM in the portal: an instance with its tags, the list of studies, a study."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE
from sinfonietta.dicom.dataset.tags import TagRow
from sinfonietta.dicom.image.options import RenderOptions
from sinfonietta.dicom.index.selection import SeriesRow
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.peers.queries import usable as usable_peers
from sinfonietta.dicom.planning import belonging
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import exports, parts, reports
from sinfonietta.library import queries as library
from sinfonietta.library.models import Node

ROWS = 50
CHOICES = 200
"""So many collections are offered to look in."""
SIZES = {"thumbnail": (160, 160), "": (1024, 1024)}
WINDOW = re.compile(r"(-?\d{1,7}(?:\.\d{1,3})?),(\d{1,7}(?:\.\d{1,3})?)")
RATES_HZ = (2, 5, 10, 15, 25)
FASTEST_HZ = 60
RATE_TAGS = {"(0008,2144)": False, "(0018,0040)": False, "(0018,1063)": True}
"""Recommended Display Frame Rate and Cine Rate, in images a second, and Frame Time, in ms (PS3.3 C.7.6.5)."""
MODALITIES = ["CT", "MR", "PT", "US", "RTSTRUCT", "RTPLAN", "RTDOSE", "SR", "SEG", "CR", "DX", "MG", "NM", "XA"]
SEGMENTED, MARKS = {"CT", "MR", "PT"}, {"SEG", "RTSTRUCT"}
NOT_ALONE = {"RTSTRUCT", "RTPLAN", "SEG", "REG", "PR", "KO"}
FILTERS = {"patient": "00100010", "patient_id": "00100020", "modality": "00080061", "date": "00080020"}


def context(actor: Actor, entry: library.Entry) -> dict[str, Any]:
    """What the page of a DICOM file shows: its windows, its tags, its place in the series."""
    try:
        found = queries.of_file(actor=actor, uid=entry.uid)
    except NotFound:
        return {"tags": [], "stack": []}
    row = found.row if found.row and found.row.series_id else None
    stack = _stack(actor, row, entry) or [{"id": str(entry.uid), "frames": found.frames}]
    return {
        "frames": found.frames,
        "object": reports.context(actor, entry.uid, row) if row else {},
        "presets": found.presets,
        "rate": (rate := _rate_hz(found.rows)),
        "rates": sorted({*RATES_HZ, rate}),
        "tags": found.rows,
        "stack": stack,
        "position": next((n for n, one in enumerate(stack) if one["id"] == str(entry.uid)), 0),
        "study_url": _study_url(row, entry) if row else "",
        "viewer_url": series_viewer_url(entry.parent, row) if row else "",
    }


def _rate_hz(rows: list[TagRow]) -> int:
    """How many images a second the file asks to be played at; 10 where it does not say."""
    said = {row.tag: row.value for row in rows if row.depth == 0 and row.tag in RATE_TAGS}
    for tag, is_time in RATE_TAGS.items():
        try:
            value = float(said[tag])
            return min(FASTEST_HZ, max(1, round(1000 / value if is_time else value)))
        except (KeyError, ValueError, OverflowError, ZeroDivisionError):
            continue
    return 10


def _stack(actor: Actor, found: DicomInstance | None, entry: library.Entry) -> list[dict[str, Any]]:
    """The images of the series in this container, in order; none where this file is not one of them."""
    if found is None or entry.parent is None:
        return []
    root = queries.root(
        actor=actor, uid=entry.parent, kinds=[Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]
    )
    keys = {"0020000D": found.study_uid, "0020000E": found.series_uid}
    rows = queries.stack(actor=actor, root=root, keys=keys)
    stack = [{"id": str(uid), "frames": frames} for uid, frames in rows if frames]
    return stack if any(one["id"] == str(entry.uid) for one in stack) else []


def _study_url(found: DicomInstance, entry: library.Entry) -> str:
    return reverse("portal:study", args=[found.study_uid]) + (f"?in={entry.parent}" if entry.parent else "")


def viewer_url(container: UUID | None, study: str, *series: str, mode: str = "viewer") -> str:
    """OHIF on exactly this: the scope is the container, so that nothing else of the patient is shown."""
    scope = f"folders/{container}/" if container else ""
    shown = f"&SeriesInstanceUIDs={','.join(series)}" if series else ""
    return f"/viewer/{scope}{mode}?StudyInstanceUIDs={study}{shown}"


def series_viewer_url(container: UUID | None, row: DicomInstance | SeriesRow) -> str:
    """OHIF on one series; empty where it would show nothing, for want of the images that the series is drawn over."""
    return "" if row.modality in NOT_ALONE else viewer_url(container, row.study_uid, row.series_uid)


def segment_url(container: UUID | None, one: queries.Series, study: queries.Study) -> str:
    """OHIF's tools to mark a series, with what was marked before; empty for what is no stack of slices."""
    if one.shown.modality not in SEGMENTED or one.instances < 2:
        return ""
    marked = [other.series_uid for other in study.series if other.shown.modality in MARKS]
    return viewer_url(container, study.study_uid, one.series_uid, *marked, mode="segmentation")


@signed_in
@require_GET
def image(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One frame as PNG; 422 with the reason where it cannot be drawn."""
    actor = actor_of(request)
    version = library.version(actor=actor, uid=uid)
    if version.media_type != MEDIA_TYPE:
        raise NotFound("That is not a DICOM file.")
    etag = f'"{version.blob.sha256[:32]}-{request.META.get("QUERY_STRING", "")[:100]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    library.note_read(actor=actor, action="image.shown", node=version.node)
    path = store.default().path(version.blob)
    assert path is not None
    try:
        picture = isolation.render(path, parts.number(request, "frame", 0), _options(request))
    except isolation.Busy as problem:
        raise Unavailable(str(problem)) from problem
    except isolation.IsolationError as problem:
        raise Invalid(str(problem) or "It cannot be drawn.") from problem
    headers = {"ETag": etag, "Cache-Control": "private, max-age=300", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(picture, content_type="image/png", headers=headers)


def _options(request: HttpRequest) -> RenderOptions:
    window = WINDOW.fullmatch(request.GET.get("window", ""))
    return RenderOptions(
        window=(float(window[1]), float(window[2])) if window and float(window[2]) > 0 else None,
        preset=request.GET.get("preset", "")[:64],
        max_size=SIZES.get(request.GET.get("size", ""), SIZES[""]),
    )


@signed_in
@require_GET
def tag_list(request: HttpRequest, uid: UUID) -> HttpResponse:
    """The tags of a DICOM file, for the slice (and its ``frame``) that the slider shows."""
    found = queries.of_file(actor=actor_of(request), uid=uid, frame=parts.number(request, "frame", 0))
    return render(request, "portal/_tags.html", {"tags": found.rows})


@signed_in
@require_GET
def studies(request: HttpRequest) -> HttpResponse:
    """The list of studies, of all that the person may read or of one container."""
    actor = actor_of(request)
    root, scope = scope_of(actor, request)
    asked = {name: request.GET.get(name, "").strip()[:64] for name in FILTERS}
    keys = {FILTERS[name]: _key(name, value) for name, value in asked.items() if value}
    asked["until"] = request.GET.get("until", "").strip()[:64]
    asked["description"] = request.GET.get("description", "").strip()[:64]
    if asked["until"]:  # a range, as QIDO-RS has it (PS3.4 C.2.2.2.5)
        keys[FILTERS["date"]] = f"{_key('date', asked['date'])}-{_key('date', asked['until'])}"
    elif asked["date"]:
        keys[FILTERS["date"]] += "-"
    offset = parts.number(request, "offset", 0)
    found = queries.studies(
        actor=actor, root=root, keys=keys, description=asked["description"], offset=offset, limit=ROWS
    )
    context = {
        "studies": found.rows, "asked": asked, "is_filtered": any(asked.values()), "scope": scope, "offset": offset,
        "collections": [] if parts.is_part(request) else library.collections(actor=actor, limit=CHOICES).items,
        "peers": usable_peers(actor=actor),
        "previous": max(0, offset - ROWS) if offset else None, "next": offset + ROWS if found.more else None,
        "modalities": MODALITIES,
    }  # fmt: skip
    return render(request, "portal/_studies.html" if parts.is_part(request) else "portal/studies.html", context)


def _key(name: str, value: str) -> str:
    if name == "date":
        return value.replace("-", "")
    return value if name == "modality" else f"*{value.strip('*')}*"


def scope_of(actor: Actor, request: HttpRequest) -> tuple[Node | None, library.Entry | None]:
    """The container that a page keeps to (``in``). Raises NotFound."""
    inside = parts.uuids([request.GET.get("in", "")])
    if not inside:
        return None, None
    kinds = [Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]
    return queries.root(actor=actor, uid=inside[0], kinds=kinds), library.node(actor=actor, uid=inside[0])


@signed_in
@require_GET
def study(request: HttpRequest, study_uid: str) -> HttpResponse:
    """A study: its series with a picture of each, and the way into the viewer."""
    actor = actor_of(request)
    root, scope = scope_of(actor, request)
    found = queries.study(actor=actor, uid=study_uid, root=root)
    for container in queries.containers(actor=actor, root=root, keys={"0020000D": study_uid}):
        library.note_read(actor=actor, action="study.shown", node=container)
    pictures = queries.middles(actor=actor, root=root, study=study_uid)
    series = [
        {
            "series": one,
            "picture": pictures.get(one.series_uid),
            "viewer_url": series_viewer_url(scope.uid if scope else None, one.shown),
            "exports": exports.choices(one.shown.modality),
            "segment_url": segment_url(scope.uid if scope else None, one, found),
        }
        for one in found.series
    ]
    context = {
        "study": found, "attributes": found.attributes, "series": series, "scope": scope,
        "peers": usable_peers(actor=actor),
        "viewer_url": viewer_url(scope.uid if scope else None, study_uid),
        "radiotherapy": belonging.first_of(actor=actor, root=root, study=study_uid),
    }  # fmt: skip
    return render(request, "portal/study.html", context)
