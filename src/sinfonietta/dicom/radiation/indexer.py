"""Keeps what dose reports say beside the index, in the transaction that files them (``library.hooks.Indexer``).

It comes after ``DicomIndexer``, whose rows its own hang on: hiding, showing and purging need no work here.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from django.db.models import F

from sinfonietta.accounts.actor import SYSTEM
from sinfonietta.dicom.dataset.attributes import TEXT_LENGTH, text
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.models import DicomDose, DicomInstance
from sinfonietta.dicom.radiation.irradiation import DoseReport
from sinfonietta.dicom.radiation.sums import summary
from sinfonietta.jobs.services import enqueue
from sinfonietta.library.models import Node, Version

ISSUER = "00100021"


class DoseIndexer:
    """One row for each version that is a dose report; the fact ``dose`` is what the inspector read of it."""

    def filed(self, node: Node, version: Version, facts: Mapping[str, object]) -> None:
        """The file has a new current version, or its version a new state."""
        header, report, same = facts.get("dicom"), facts.get("dose"), facts.get("same as")
        if isinstance(report, DoseReport) and isinstance(header, Header):
            insert(version.id, header.json, report)
        elif report is not None:
            enqueue(actor=SYSTEM, kind="dicom.dose", payload={"version": version.id})
        elif isinstance(same, int) and same != version.id:
            _clone({same: version.id})

    def hidden(self, node_ids: Sequence[int]) -> None:
        """Nothing to do: an instance without a series is seen by nobody."""

    def shown(self, node_ids: Sequence[int]) -> None:
        """Nothing to do."""

    def copied(self, pairs: Sequence[tuple[int, int]]) -> None:
        """Each second file has the bytes of the first."""
        nodes = [node for pair in pairs for node in pair]
        current = DicomInstance.objects.filter(node_id__in=nodes, node__current_id=F("version_id"))
        versions = dict(current.values_list("node_id", "version_id"))
        _clone({versions[one]: versions[twin] for one, twin in pairs if one in versions and twin in versions})

    def purged(self, node_ids: Sequence[int]) -> None:
        """The rows go with those that they hang on."""


def insert(version_id: int, dataset: Mapping[str, Any], report: DoseReport) -> None:
    """Keep what the report of a version says; nothing where the version is no instance of the index."""
    uid = DicomInstance.objects.filter(version_id=version_id).values_list("sop_uid", flat=True).first()
    if uid is None:
        return
    name = dataset.get("00100010", {}).get("Value") or [{}]
    words = next(iter(name[0].values()), "") if isinstance(name[0], dict) else ""
    DicomDose.objects.update_or_create(
        instance_id=version_id,
        defaults={
            "patient_id": text(dataset, "00100020"),
            "issuer": text(dataset, ISSUER),
            "patient_name": words[:TEXT_LENGTH],
            "study_date": text(dataset, "00080020"),
            "sums": orjson.dumps(summary(uid, report).packed()).decode(),
            "report": zlib.compress(orjson.dumps(report.as_dict())),
        },
    )


def _clone(twins: Mapping[int, int]) -> None:
    """Rows for versions that have the bytes of others: original -> twin."""
    for row in DicomDose.objects.filter(instance_id__in=twins).exclude(instance_id__in=twins.values()):
        row.pk = twins[row.pk]
        row.save(force_insert=True)
