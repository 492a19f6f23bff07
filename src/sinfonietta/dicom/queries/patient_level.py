"""Patients as the actor sees them: made of the studies that are theirs to see, and of those alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db.models import Case, Count, F, Max, Q, Value, When

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom.index import matching, selection
from sinfonietta.dicom.models import DicomSeries
from sinfonietta.dicom.queries.scope import Found, visible
from sinfonietta.dicom.queries.study_level import IN_ORDER, Series, Study, Who, merged, studies
from sinfonietta.library.models import Node

MOST_IDENTITIES = 20


@dataclass
class Patient:
    """A patient; those without an id are told apart by their name."""

    patient_id: str
    series: list[Series] = field(default_factory=list)

    @property
    def attributes(self) -> dict[str, Any]:
        """Patient attributes in the DICOM JSON model, from the instance that was filed last."""
        row = max((series.shown for series in self.series), key=lambda shown: shown.described_by)
        return _of_patient(orjson.loads("{" + row.study_json + "}"))

    @property
    def studies(self) -> int:
        """How many studies the actor sees of them."""
        return len({series.study_uid for series in self.series})

    @property
    def instances(self) -> int:
        """How many instances the actor sees of them."""
        return sum(series.instances for series in self.series)


def patients(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 100
) -> Found[Patient]:
    """Patients that match, by their id. Raises BadRequest for a key that cannot be matched."""
    seen = visible(actor, root)
    matches = DicomSeries.objects.filter(seen & matching.condition(keys or {}, seen))
    without_id = Case(When(patient_id="", then=F("patient_name")), default=Value(""))
    groups = matches.annotate(who=without_id).values_list("patient_id", "who").distinct().order_by("patient_id", "who")
    page = list(groups[offset : offset + limit + 1])
    wanted = page[:limit]
    found = {pair: Patient(pair[0]) for pair in wanted}
    named = Q(patient_id__in={patient_id for patient_id, _ in wanted if patient_id})
    unnamed = Q(patient_id="", patient_name__in={name for patient_id, name in wanted if not patient_id})
    theirs = selection.visible(actor, root) & selection.where(named | unnamed)
    for series in merged(selection.series_rows(theirs, IN_ORDER)):
        row = series.shown
        pair = (row.patient_id, "" if row.patient_id else row.patient_name)
        if pair in found:
            found[pair].series.append(series)
    return Found([patient for patient in found.values() if patient.series], len(page) > limit)


@dataclass(frozen=True)
class History:
    """A patient with a page of their studies, the newest first.

    ``identities``: patient attributes (DICOM JSON), the last filed first, by what the studies disagree about: more than
    one where data of different people may stand under one Patient ID. ``total``: of all their studies.
    """

    who: Who
    studies: Found[Study]
    identities: list[dict[str, Any]]
    total: int

    @property
    def attributes(self) -> dict[str, Any]:
        """What is known of the patient by the instance filed last."""
        return self.identities[0]


def history(*, actor: Actor, root: Node | None = None, who: Who, offset: int = 0, limit: int = 100) -> History:
    """One patient over all the places where the actor may read of them. Raises NotFound."""
    found = studies(actor=actor, root=root, who=who, offset=offset, limit=limit)
    if not found.rows:
        raise NotFound("There is no such patient, or none of their studies is yours to see.")
    theirs = DicomSeries.objects.filter(visible(actor, root), who.rows)
    differing = theirs.values("patient_name", "birth_date", "sex").annotate(last=Max("id"), newest=Max("described_by"))
    rows = _disagreeing([dict(row) for row in differing.order_by("-newest")[:MOST_IDENTITIES]])
    said = dict(DicomSeries.objects.filter(id__in=[row["last"] for row in rows]).values_list("id", "study_json"))
    identities = [orjson.loads("{" + said[row["last"]] + "}") for row in rows if row["last"] in said]
    total = theirs.aggregate(total=Count("study_uid", distinct=True))["total"]
    return History(who, found, [_of_patient(one) for one in identities] or [{}], total)


def _disagreeing(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that leave empty what another one says, and contradict it in nothing."""

    def is_within(one: dict[str, Any], other: dict[str, Any]) -> bool:
        pairs = [(one[name], other[name]) for name in ("patient_name", "birth_date", "sex")]
        return one is not other and all(mine in ("", theirs) for mine, theirs in pairs)

    return [one for one in rows if not any(is_within(one, other) for other in rows)]


def _of_patient(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {tag: element for tag, element in attributes.items() if tag.startswith("0010")}
