"""What dose reports say, as far as the caller may read them.

Sums are made of the reports that the caller sees and of nothing else, where an irradiation counts once.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from uuid import UUID

import orjson

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.dicom.models import DicomDose
from sinfonietta.dicom.queries import visible
from sinfonietta.dicom.radiation.irradiation import DoseReport
from sinfonietta.dicom.radiation.sums import Sum, Summary, events, sums
from sinfonietta.dicom.radiation.tables import NotATable, Table, read
from sinfonietta.library import access
from sinfonietta.library.models import Node, Version, subtree

MOST_TABLES, MOST_BYTES = 20, 1 << 20
MOST_SUMMED = 64 << 20
"""Characters of reports that are summed at once: some 100,000 reports of CT, some 1,000 of long interventions."""


@dataclass(frozen=True)
class Dosimetry:
    """A dosimetry table and the file that it is; ``is_cut`` where only its beginning was read."""

    uid: UUID
    name: str
    table: Table
    is_cut: bool


@dataclass
class PatientDose:
    """A patient (Patient ID and its issuer), as far as the caller may read."""

    patient_id: str
    issuer: str
    name: str
    studies: set[str] = field(default_factory=set)
    reports: list[Summary] = field(default_factory=list)

    @cached_property
    def sums(self) -> list[Sum]:
        """Sums over this patient's reports."""
        return sums(self.reports)

    @cached_property
    def events(self) -> int:
        """Different irradiations."""
        return events(self.reports)


@dataclass
class Doses:
    """The dose reports of a place. ``dated``: the same reports by study date (YYYYMMDD).

    ``is_cut``: there are more than can be summed at once; these are the ones that were filed last.
    """

    patients: list[PatientDose]
    dated: dict[str, list[Summary]]
    reports: int
    is_cut: bool = False

    @cached_property
    def sums(self) -> list[Sum]:
        """Sums over all of them."""
        return sums(report for patient in self.patients for report in patient.reports)

    @cached_property
    def events(self) -> int:
        """Different irradiations."""
        return events(report for patient in self.patients for report in patient.reports)

    def by(self, digits: int) -> list[tuple[str, list[Sum]]]:
        """Sums by year (4 digits), month (6) or day (8), in their order; what has no date is left out."""
        groups: dict[str, list[Summary]] = defaultdict(list)
        for date, reports in self.dated.items():
            if len(date) == 8 and date.isdecimal():
                groups[date[:digits]] += reports
        return [(date, sums(groups[date])) for date in sorted(groups)]


def of_version(version_id: int) -> DoseReport | None:
    """What a dose report says whose version the caller has been given already; None where it is none."""
    packed = DicomDose.objects.filter(instance_id=version_id).values_list("report", flat=True).first()
    return None if packed is None else DoseReport.from_dict(orjson.loads(zlib.decompress(packed)))


def issuers(*, actor: Actor, root: Node | None = None, patient_id: str) -> list[str]:
    """The issuers of a Patient ID that dose reports name which the actor sees; none where there is no report."""
    rows = DicomDose.objects.filter(visible(actor, root, "instance__series__"), instance__series__isnull=False)
    return sorted(rows.filter(patient_id=patient_id).values_list("issuer", flat=True).distinct())


def doses(*, actor: Actor, root: Node | None = None, patient: tuple[str, str] | None = None) -> Doses:
    """The dose reports below the root that the actor sees; of one patient (ID, issuer) where one is named."""
    rows = DicomDose.objects.filter(visible(actor, root, "instance__series__"), instance__series__isnull=False)
    if patient is not None:
        rows = rows.filter(patient_id=patient[0], issuer=patient[1])
    columns = ("instance__sop_uid", "instance__study_uid", "patient_id", "issuer", "patient_name", "study_date", "sums")
    patients: dict[tuple[str, str], PatientDose] = {}
    dated: dict[str, list[Summary]] = defaultdict(list)
    seen: set[str] = set()
    left = MOST_SUMMED
    # The newest first: of several files of one report the one filed last is the one that counts.
    found = rows.order_by("-instance_id").values_list(*columns)
    for uid, study, patient_id, issuer, name, date, packed in found.iterator(chunk_size=500):
        if uid in seen:
            continue
        left -= len(packed)
        if left < 0:
            break
        seen.add(uid)
        report = Summary.unpacked(uid, orjson.loads(packed))
        one = patients.setdefault((patient_id, issuer), PatientDose(patient_id, issuer, name))
        one.studies.add(study)
        one.reports.append(report)
        dated[date].append(report)
    known = sorted(patients.values(), key=lambda one: (one.patient_id, one.issuer))
    return Doses(known, dict(dated), len(seen), is_cut=left < 0)


def tables(*, actor: Actor, root: Node) -> list[Dosimetry]:
    """The dosimetry tables below the root that the actor sees: CSV files whose name says that they are such."""
    files = access.readable(actor).filter(subtree(root), kind=Node.Kind.FILE, current__state=Version.State.READY)
    named = files.filter(name__icontains="dosimetry", name__iendswith=".csv").select_related("current__blob")
    found = []
    for file in named.order_by("name", "id")[:MOST_TABLES]:
        assert file.current is not None
        blob = file.current.blob
        said = store.default().read(blob, 0, min(blob.size_bytes, MOST_BYTES))
        try:
            found.append(Dosimetry(file.uid, file.name, read(said), blob.size_bytes > MOST_BYTES))
        except NotATable:
            continue
    return found
