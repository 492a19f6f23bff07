"""One patient: their studies along time, and what can be done with them."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.peers.queries import usable as usable_peers
from sinfonietta.dicom.queries import Study, Who
from sinfonietta.dicom.radiation.queries import issuers
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.timeline import timeline
from sinfonietta.interfaces.portal.views import dicom, parts
from sinfonietta.library import queries as library

ROWS = 100
MOST_PLACES = 500
MOST_VIEWED = 20
"""Studies that the viewer opens at once, the newest: an address is only so long."""
PICTURELESS = {"RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "SR", "KO", "PR", "DOC", "ECG"}


@signed_in
@require_GET
def patient(request: HttpRequest) -> HttpResponse:
    """The patient of an ``id``, or of a ``name`` where they have none, over all places that the person may read."""
    actor = actor_of(request)
    who = Who(request.GET.get("id", ""), "" if request.GET.get("id") else request.GET.get("name", ""))
    if not who.patient_id and "name" not in request.GET:
        raise NotFound("There is no such patient.")
    root, scope = dicom.scope_of(actor, request)
    offset = parts.number(request, "offset", 0)
    found = queries.history(actor=actor, root=root, who=who, offset=offset, limit=ROWS)
    studies = found.studies.rows
    where, seen = _places(actor, studies), [one.study_uid for one in studies if _has_picture(one)][:MOST_VIEWED]
    context = {
        "patient": found, "who": who, "attributes": found.attributes, "scope": scope,
        "timeline": timeline(studies),
        "studies": [(study, where.get(study.study_uid, []), _has_picture(study)) for study in studies],
        "instances": sum(study.instances for study in studies),
        "size_bytes": sum(study.size_bytes for study in studies),
        "issuers": issuers(actor=actor, root=root, patient_id=who.patient_id),
        "peers": usable_peers(actor=actor),
        "viewer_url": dicom.viewer_url(scope.uid if scope else None, ",".join(seen)) if seen else "",
        "first": offset + 1, "last": offset + len(studies),
        "previous": max(0, offset - ROWS) if offset else None, "next": offset + ROWS if found.studies.more else None,
    }  # fmt: skip
    return render(request, "portal/patient.html", context)


def _places(actor: Actor, studies: Sequence[Study]) -> dict[str, list[str]]:
    """Study -> the names of the topmost places that the person may read it in; what they see is noted there."""
    of = {study.study_uid: {place for series in study.series for place in series.containers} for study in studies}
    wanted = list(dict.fromkeys(place for places in of.values() for place in places))[:MOST_PLACES]
    entries = {entry.uid: entry for entry in library.nodes_by_uid(actor=actor, uids=wanted)}
    for entry in entries.values():
        library.note_read(actor=actor, action="patient.shown", node=entry)
    return {
        uid: sorted({entries[place].path.split("/")[1] for place in places if place in entries})
        for uid, places in of.items()
    }


def _has_picture(study: Study) -> bool:
    return not set(study.modalities) <= PICTURELESS
