"""Structured reports, dose reports and documents, as a person sees them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, NotFound, Unavailable
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.packing import header_of
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.radiation import queries as doses
from sinfonietta.dicom.radiation.irradiation import DoseReport
from sinfonietta.dicom.reports import Content
from sinfonietta.dicom.sandbox import isolation
from sinfonietta.previews.objects import Opened, kinds_of, opened, reading

MOST_ITEMS = 1500
"""A report with more is shown level by level."""
MOST_REFERENCES = 500
DOCUMENT, DOCUMENT_BYTES = "bulk/00420011", 64 << 20
MEDIA_TYPES = {"application/pdf": ".pdf", "text/xml": ".xml", "application/xml": ".xml", "model/stl": ".stl",
               "application/sla": ".stl", "model/obj": ".obj", "model/mtl": ".mtl"}  # fmt: skip
"""Of documents in DICOM (PS3.3 C.24.2), with the endings that programs know them by."""


@dataclass(frozen=True)
class Report:
    """A structured report. ``seen``: of the instances that it names those that the caller may see, by their UIDs."""

    root: Content
    seen: dict[str, DicomInstance]

    @property
    def named(self) -> list[Content]:
        """What points to instances, each of them once."""
        return list({one.reference[1]: one for one in self.root.walk() if one.reference}.values())


@dataclass(frozen=True)
class Document:
    """A document inside a DICOM file. ``is_pdf``: its bytes begin like those of a PDF; only such a one is shown."""

    name: str
    media_type: str
    size_bytes: int
    content: Iterable[bytes]
    is_pdf: bool


def report(*, actor: Actor, uid: UUID, at: str = "") -> Report:
    """A structured report, or what is below one place of it. Raises NotFound, Invalid, Unavailable."""
    found = opened(actor=actor, uid=uid)
    with reading():
        root = isolation.pool().report(found.path, at, MOST_ITEMS)
    if not root.kind:
        raise NotFound("That is not a structured report.")
    uids = {one.reference[1] for one in root.walk() if one.reference}
    return Report(root, queries.named(actor=actor, uids=sorted(uids)[:MOST_REFERENCES]))


def irradiation(*, actor: Actor, uid: UUID) -> DoseReport:
    """What a dose report says, as it was read when it was filed. Raises NotFound for any other file.

    Raises Unavailable while a job reads it.
    """
    row = opened(actor=actor, uid=uid).row
    found = doses.of_version(row.version_id)
    if found is not None:
        return found
    if "irradiation" in kinds_of(row):
        raise Unavailable("The report is large and is being read; look again in a minute.")
    raise NotFound("That is not a radiation dose report.")


def document(*, actor: Actor, uid: UUID) -> Document:
    """The document in a DICOM file. Raises NotFound where there is none, Invalid, Unavailable."""
    found = opened(actor=actor, uid=uid)
    header = header_of(DicomHeader.objects.values_list("places", flat=True).get(instance=found.row))
    place = header.bulk.get(DOCUMENT)
    if place is None:
        raise NotFound("There is no document in this file.")
    said = queries.dataset(found.row)
    length = next(iter(said.get("00420015", {}).get("Value", [])), place[1])
    size = min(length, place[1]) if isinstance(length, int) and length > 0 else place[1]
    named = next(iter(said.get("00420012", {}).get("Value", [])), "")
    media_type = str(named).lower() if str(named).lower() in MEDIA_TYPES else "application/octet-stream"
    content, start = _content(found, header, place[0], size)
    title = found.row.node.name.removesuffix(".dcm")
    return Document(
        name=title + MEDIA_TYPES.get(media_type, ""),
        media_type=media_type,
        size_bytes=size,
        content=content,
        is_pdf=media_type == "application/pdf" and start.startswith(b"%PDF-"),
    )


def _content(found: Opened, header: Header, offset: int, size: int) -> tuple[Iterable[bytes], bytes]:
    """The bytes, and how they begin: a piece of the file, or of what is made of a deflated one."""
    if header.seekable:
        return _piece(found.blob, offset, size), store.default().read(found.blob, offset, min(8, size))
    if size > DOCUMENT_BYTES:
        raise Invalid(f"The document is larger than {DOCUMENT_BYTES >> 20} MiB and compressed; download the file.")
    with reading():
        data = isolation.pool().bulk(found.path, DOCUMENT)[:size]
    return [data], data[:8]


def _piece(blob: Blob, offset: int, size: int) -> Iterable[bytes]:
    return store.default().open(blob, offset, size)
