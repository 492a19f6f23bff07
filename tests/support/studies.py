"""Instances of made-up studies, and the ways to put them into the repository."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.ingest import services as ingest
from sinfonietta.library.models import Node
from sinfonietta.library.services import Filed
from tests.unit.dicom.files import encoded, image

EXPLICIT = "1.2.840.10008.1.2.1"


def instance(
    number: int = 1, *, study: str = "1.2.3", series: str = "1.2.3.1", syntax: str = EXPLICIT, **more: Any
) -> bytes:
    """A CT slice as a file. ``number`` ends its UID and is its Instance Number; ``more`` are attributes by keyword."""
    attributes = {
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        "SOPInstanceUID": f"{series}.{number}",
        "InstanceNumber": number,
        "PatientID": "P1",
        "StudyDate": "20200102",
        "StudyTime": "101112",
        "StudyDescription": "Chest",
        "SeriesNumber": 1,
        "SeriesDescription": "Axial",
        "AccessionNumber": "A1",
        "WindowCenter": 40,
        "WindowWidth": 400,
    }
    return encoded(image(**(attributes | more)), syntax)


def put(actor: Actor, parent: UUID, content: bytes, name: str = "slice.dcm") -> Filed:
    """Store a file the ordinary way."""
    return ingest.put(actor=actor, parent_uid=parent, name=name, stream=io.BytesIO(content))


def put_series(actor: Actor, parent: Node, count: int, **more: Any) -> list[Filed]:
    """Store slices 1 to ``count`` of one series."""
    return [put(actor, parent.uid, instance(number, **more), f"{number}.dcm") for number in range(1, count + 1)]
