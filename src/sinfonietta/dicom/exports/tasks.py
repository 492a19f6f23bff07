"""The job: read with the rights of who asked, make, stage, and file what came out with a word about where it is from.

What it makes is the same each time it runs, so that one that died half-way leaves nothing twice.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from django.db.models import F
from numpy.typing import NDArray

from sinfonietta import __version__
from sinfonietta.audit.services import record_read
from sinfonietta.common.errors import Invalid, Problem
from sinfonietta.dicom.exports import sources
from sinfonietta.dicom.exports.services import MASKS, NIFTI, SEG
from sinfonietta.dicom.exports.sources import Volume
from sinfonietta.dicom.image import nifti
from sinfonietta.dicom.image.grid import Grid
from sinfonietta.dicom.models import DicomHeader, DicomInstance
from sinfonietta.dicom.planning import belonging, objects
from sinfonietta.dicom.rt import segmentation
from sinfonietta.dicom.rt.masks import masks
from sinfonietta.dicom.rt.structures import Roi, StructureSet
from sinfonietta.ingest.services import Item, put_many, receive, staging
from sinfonietta.jobs.runner import JobContext
from sinfonietta.library import access, services
from sinfonietta.library.models import Node
from sinfonietta.library.queries import note_read

LISTED = 1000
AFTER = 1000
"""Series that are made are numbered behind those that were acquired."""
UNUSUAL = re.compile(r"[^\w .,+()-]+")
Slices = Iterable[NDArray[np.generic]]


class Blocks(io.RawIOBase):
    """What is made block by block, as a stream to read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count


@dataclass
class Export:
    """One export under way: what has been made of it so far is in staging."""

    context: JobContext
    rows: list[DicomInstance]
    root: Node | None
    staged: ExitStack
    items: list[Item] = field(default_factory=list)
    said: list[dict[str, object]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def into(self) -> UUID:
        """Where it goes."""
        return UUID(self.context.payload["into"])

    @property
    def number(self) -> int:
        """Series Number of what it is made of; 0 where it has none that a series can have."""
        found = self.rows[0].series.series_number if self.rows[0].series else None
        return found if found is not None and 0 <= found < 1_000_000 else 0

    @property
    def name(self) -> str:
        """What its files are called: told by the series, and its own among series that are called alike."""
        row = self.rows[0]
        assert row.series is not None
        shown, payload = row.series, self.context.payload
        own = hashlib.sha256(f"{payload['study']}/{payload['series']}".encode()).hexdigest()[:6]
        parts = (shown.patient_id, shown.study_date, shown.series_number, shown.series_description or shown.modality)
        return clean(" ".join(str(part) for part in parts if part not in (None, "")))[:120].strip() + f" {own}"

    def stage(self, name: str, blocks: Iterator[bytes], metadata: dict[str, object], *, folder: str = "") -> None:
        """Make a file; it is filed at the end, in a fileset of its own where a ``folder`` is named."""
        staged = self.staged.enter_context(staging())
        sha256, size = receive(staged, io.BufferedReader(Blocks(blocks)), None)
        folders = (folder,) if folder else ()
        self.items.append(Item(staged, sha256, size, self.into, name, folders, fileset=bool(folder)))
        self.said.append(self.provenance() | metadata)

    def provenance(self) -> dict[str, object]:
        """Where it is from, as metadata of what is filed."""
        payload = self.context.payload
        uids = [row.sop_uid for row in self.rows]
        return {
            "made_by": f"Sinfonietta {__version__}", "export": payload["form"], "source_study_uid": payload["study"],
            "source_series_uid": payload["series"], "source_instance_uids": uids[:LISTED],
            "source_instances": len(uids),
        }  # fmt: skip

    def file(self) -> dict[str, Any]:
        """File all that was made; what the job says of it."""
        actor = self.context.actor
        self.context.progress(1.0, "Filing")
        filed = put_many(actor=actor, items=self.items)
        for one, said in zip(filed, self.said, strict=True):
            if isinstance(one, Problem):
                raise one
            services.set_metadata(actor=actor, uid=one.node.uid, changes=said)
        for container in Node.objects.filter(id__in={row.series.container_id for row in self.rows if row.series}):
            note_read(actor=actor, action="series.exported", node=container)
        self.context.progress(1.0, f"{len(filed)} file{'s are' if len(filed) > 1 else ' is'} made.")
        return {
            "title": self.name,
            "files": len(filed),
            "node": self.context.payload["into"],
            "left_out": self.left_out,
        }


def run(context: JobContext) -> dict[str, Any]:
    """Make a series into another form. What cannot be is refused in words."""
    payload = context.payload
    root = access.find(context.actor, UUID(payload["root"])) if payload["root"] else None
    rows = sources.rows_of(context.actor, root, payload["study"], payload["series"])
    with ExitStack() as stack:
        export = Export(context, rows, root, stack)
        FORMS[payload["form"]](export)
        return export.file()


def clean(text: str) -> str:
    """A text as part of a file's name."""
    return UNUSUAL.sub("_", text).strip(" .") or "unnamed"


def to_nifti(export: Export) -> None:
    """The images of a series as one volume, or its doses."""
    doses = [row for row in export.rows if row.sop_class == objects.DOSE]
    for number, row in enumerate(doses):
        name = export.name + (f" {number + 1}" if number else "")
        grid, values, unit = sources.dose(_with_header(row))
        _stage_volume(export, name, grid, "float32", unit, values, "")
    if doses:
        return
    found = sources.volume(export.rows)
    uid = found.grid.first.frame_of_reference
    _stage_volume(export, export.name, found.grid, found.kind, found.unit, found.slices(), uid)


def _stage_volume(export: Export, name: str, grid: Grid, kind: str, unit: str, slices: Slices, frame_uid: str) -> None:
    count = len(grid.planes)
    told = _counted(export.context, slices, count, lambda done: f"Slice {done} of {count}")
    blocks = nifti.compressed(grid, kind, f"{unit or 'no unit'}, by Sinfonietta {__version__}", told)
    metadata: dict[str, object] = {"unit": unit} if unit else {}
    if frame_uid or grid.first.frame_of_reference:
        metadata["source_frame_of_reference_uid"] = frame_uid or grid.first.frame_of_reference
    export.stage(f"{name}.nii.gz", blocks, metadata)


def _counted(context: JobContext, slices: Slices, total: int, said: Callable[[int], str]) -> Iterator[Any]:
    for done, values in enumerate(slices):
        context.progress(0.99 * done / total, said(done + 1))
        yield values


def to_masks(export: Export) -> None:
    """Each region of a structure set as a mask on the images that it was drawn on, with a list of them."""
    for index, (structures, found) in enumerate(_drawn(export)):
        listed: list[dict[str, object]] = []
        folder = f"{export.name} masks" + (f" {index + 1}" if index else "")
        images = [one.row.sop_uid for one in found.frames]
        for number, roi in enumerate(structures.rois):
            voxels = _voxels(structures, roi, found, images, export.context, number)
            if not voxels:
                export.left_out.append(roi.name)
                continue
            file = f"{roi.number:03} {clean(roi.name)[:80]}.nii.gz"
            slices = (mask.astype(np.uint8) for mask in masks(structures, roi, found.grid, images))
            blocks = nifti.compressed(found.grid, "uint8", f"mask, by Sinfonietta {__version__}", slices)
            export.stage(file, blocks, {"structure": roi.name, **_images_of(found)}, folder=folder)
            listed.append(_listed(roi, file, voxels, found))
        if not listed:
            raise Invalid("No region of the structure set encloses a voxel of the images.")
        text = orjson.dumps({"structures": listed, **_images_of(found)}, option=orjson.OPT_INDENT_2)
        export.stage("structures.json", iter([text]), _images_of(found), folder=folder)


def _voxels(
    structures: StructureSet, roi: Roi, found: Volume, images: list[str], context: JobContext, number: int
) -> int:
    context.progress(0.99 * number / len(structures.rois), f"Region {number + 1} of {len(structures.rois)}")
    return sum(int(mask.sum()) for mask in masks(structures, roi, found.grid, images))


def _listed(roi: Roi, file: str, voxels: int, found: Volume) -> dict[str, object]:
    plane = found.grid.first
    each = plane.row_spacing_mm * plane.column_spacing_mm * found.grid.step_mm / 1000
    return {
        "number": roi.number, "name": roi.name, "type": roi.interpreted, "color": list(roi.color), "file": file,
        "voxels": voxels, "volume_cm3": round(voxels * each, 4),
    }  # fmt: skip


def _images_of(found: Volume) -> dict[str, object]:
    return {
        "image_series_uid": found.frames[0].row.series_uid,
        "source_frame_of_reference_uid": found.grid.first.frame_of_reference,
    }


def to_segmentation(export: Export) -> None:
    """A structure set as a DICOM segmentation of the images that it was drawn on."""
    for index, (structures, found) in enumerate(_drawn(export)):
        images = [
            segmentation.Source(one.row.sop_class, one.row.sop_uid, one.frame + 1 if one.row.frames > 1 else None)
            for one in found.frames
        ]
        try:
            made = segmentation.segmentation(
                structures, found.grid, images, image=found.dataset, series=found.frames[0].row.series_uid,
                number=AFTER + export.number,
                key=f"{export.context.job.uid}/{index}", moment=export.context.job.created,
                progress=lambda done: export.context.progress(0.99 * done, "Regions are drawn"),
            )  # fmt: skip
        except segmentation.TooMuch as problem:
            raise Invalid(str(problem)) from problem
        if made is None:
            raise Invalid("No region of the structure set encloses a voxel of the images.")
        export.left_out += made.empty
        name = export.name + (f" {index + 1}" if index else "")
        export.stage(f"{name} segments.dcm", iter([made.content]), _images_of(found))


def _drawn(export: Export) -> Iterator[tuple[StructureSet, Volume]]:
    """The structure sets of the series, each with the images that it was drawn on. Raises Invalid."""
    actor = export.context.actor
    for row in export.rows:
        if belonging.KINDS.get(row.sop_class) != belonging.STRUCTURES:
            continue
        uid = row.node.uid
        root = export.root or belonging.root_of(actor=actor, uid=uid)
        planning = belonging.find(actor=actor, uid=uid, root=root)
        structures = objects.structure_set(_with_header(row))
        uids = {one.uid for one in planning.slices}
        rows = DicomInstance.objects.filter(node__uid__in=uids, version_id=F("node__current_id"), series__isnull=False)
        drawn = {one.node.uid: one for one in rows.select_related("node", "version__blob", "series__container")}
        wanted = {(drawn[one.uid].version_id, one.frame) for one in planning.slices if one.uid in drawn}
        if structures.series and not {one.series_uid for one in drawn.values()} & set(structures.series):
            raise Invalid("The images that the structures were drawn on are not here, or not yours to see.")
        if not wanted:
            raise Invalid("There are no images in the frame of reference of the structures.")
        record_read(actor=actor, action="contours.shown", target=uid)
        yield structures, sources.volume(list(drawn.values()), wanted)


def _with_header(row: DicomInstance) -> DicomInstance:
    row.header = DicomHeader.objects.get(instance_id=row.version_id)
    return row


FORMS: dict[str, Callable[[Export], None]] = {NIFTI: to_nifti, MASKS: to_masks, SEG: to_segmentation}
