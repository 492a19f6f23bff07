"""Dose sums as a table for programs: JSON and CSV."""

from __future__ import annotations

import csv
import io
from typing import Any
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit.services import record_read
from sinfonietta.common.errors import Invalid
from sinfonietta.dicom import queries
from sinfonietta.dicom.radiation import queries as radiation
from sinfonietta.dicom.radiation.queries import Doses, Dosimetry, PatientDose
from sinfonietta.dicom.radiation.sums import Sum
from sinfonietta.library import queries as library
from sinfonietta.library.models import Node

CONTAINERS = (Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET)
COLUMNS = (
    "patient_id", "issuer", "studies", "reports", "events", "quantity", "of", "value", "unit", "values", "left_out",
    "at_least",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def of_place(
    *, actor: Actor, uid: UUID | None, patient: tuple[str, str] | None = None
) -> tuple[Doses, list[Dosimetry], Node | None]:
    """The dose reports and dosimetry tables of a collection, folder or fileset, or reports of all places.

    Raises NotFound where the place is absent or not theirs.
    """
    root = queries.root(actor=actor, uid=uid, kinds=CONTAINERS) if uid else None
    if root:
        library.note_read(actor=actor, action="doses.shown", node=root)
    else:
        record_read(actor=actor, action="doses.shown", target=None)
    found = radiation.doses(actor=actor, root=root, patient=patient)
    return found, radiation.tables(actor=actor, root=root) if root and patient is None else [], root


def as_csv(found: Doses) -> str:
    """One line for each patient and quantity (RFC 4180). Raises Invalid where it would not be all of them."""
    if found.is_cut:
        raise Invalid("There are more dose reports than can be summed at once; ask for a folder, or a patient.")
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for patient in found.patients:
        writer.writerows([guarded(row[name]) for name in COLUMNS] for row in _rows(patient))
    return out.getvalue()


def guarded(value: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_object(found: Doses, tables: list[Dosimetry]) -> dict[str, Any]:
    """The same for JSON, with the sums over all, and the dosimetry tables' sums."""
    return {
        "reports": found.reports,
        "is_cut": found.is_cut,
        "events": found.events,
        "sums": [sum_object(one) for one in found.sums],
        "patients": [row for patient in found.patients for row in _rows(patient)],
        "dosimetry": [
            {
                "file": str(one.uid), "name": one.name, "left_out": len(one.table.left_out),
                "lines": [vars(line) for line in one.table.lines],
            }
            for one in tables
        ],
    }  # fmt: skip


def sum_object(one: Sum) -> dict[str, Any]:
    """One sum."""
    return {
        "quantity": one.quantity, "of": one.of, "value": None if one.value is None else round(one.value, 6),
        "unit": one.unit, "values": one.count, "left_out": one.left_out, "at_least": one.at_least,
    }  # fmt: skip


def _rows(patient: PatientDose) -> list[dict[str, Any]]:
    about = {
        "patient_id": patient.patient_id, "issuer": patient.issuer, "studies": len(patient.studies),
        "reports": len(patient.reports), "events": patient.events,
    }  # fmt: skip
    return [about | sum_object(one) for one in patient.sums]
