"""Structure sets: regions of interest and their contours (DICOM PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sinfonietta.dicom.keywords import Dataset, item, items, numbers, text, values, whole
from sinfonietta.dicom.rt.geometry import Plane, Points

CLOSED, POINT = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"), "POINT"
NEAR_MM = 0.05
"""Contours that are no farther apart lie in one plane."""
PALETTE = ((230, 75, 53), (77, 187, 213), (0, 160, 135), (60, 84, 136), (243, 155, 127), (132, 145, 180), (145, 209, 194))
"""Colours of regions that name none."""


@dataclass(frozen=True)
class Contour:
    """Points of one contour, (n, 3) in mm; ``image`` is the SOP Instance UID that it was drawn on, if it says so."""

    kind: str
    points_mm: Points
    image: str = ""


@dataclass(frozen=True)
class Roi:
    """A region of interest."""

    number: int
    name: str
    interpreted: str
    color: tuple[int, int, int]
    contours: list[Contour] = field(default_factory=list)

    @property
    def closed(self) -> list[Contour]:
        """The contours that enclose an area."""
        return [contour for contour in self.contours if contour.kind in CLOSED and len(contour.points_mm) > 2]


@dataclass(frozen=True)
class StructureSet:
    """What a structure set says; ``images`` are the SOP Instance UIDs that it refers to."""

    label: str
    frames_of_reference: frozenset[str]
    rois: list[Roi]
    images: frozenset[str]

    @cached_property
    def by_number(self) -> dict[int, Roi]:
        """Its regions by ROI Number."""
        return {roi.number: roi for roi in self.rois}


@dataclass(frozen=True)
class Outline:
    """A contour as it is drawn over an image: (n, 2) column and row in pixels, whole numbers at centres."""

    roi: int
    closed: bool
    pixels: Points


def read(dataset: Dataset) -> StructureSet:
    """A structure set from the DICOM JSON model; contours that make no sense are left out."""
    interpreted = {
        whole(one, "ReferencedROINumber"): text(one, "RTROIInterpretedType")
        for one in items(dataset, "RTROIObservationsSequence")
    }
    drawn = {whole(one, "ReferencedROINumber"): one for one in items(dataset, "ROIContourSequence")}
    rois, frames = [], set()
    for index, said in enumerate(items(dataset, "StructureSetROISequence")):
        identity = whole(said, "ROINumber")
        if identity is None:
            continue
        frames.add(text(said, "ReferencedFrameOfReferenceUID"))
        found = drawn.get(identity, {})
        color = numbers(found, "ROIDisplayColor", 3) or PALETTE[index % len(PALETTE)]
        red, green, blue = (int(min(max(part, 0), 255)) for part in color)
        contours = [one for one in map(_contour, items(found, "ContourSequence")) if one is not None]
        rois.append(
            Roi(
                identity,
                text(said, "ROIName") or f"ROI {identity}",
                interpreted.get(identity, ""),
                (red, green, blue),
                contours,
            )
        )
    frames |= {text(one, "FrameOfReferenceUID") for one in items(dataset, "ReferencedFrameOfReferenceSequence")}
    label = text(dataset, "StructureSetLabel") or text(dataset, "SeriesDescription")
    return StructureSet(label, frozenset(frames - {""}), rois, frozenset(_referenced(dataset, rois)))


def _contour(said: Dataset) -> Contour | None:
    points = numbers(said, "ContourData")
    if not points or len(points) % 3:
        return None
    found = np.array(points).reshape(-1, 3)
    image = text(item(said, "ContourImageSequence"), "ReferencedSOPInstanceUID")
    return Contour(text(said, "ContourGeometricType"), found, image) if np.isfinite(found).all() else None


def _referenced(dataset: Dataset, rois: list[Roi]) -> Iterator[str]:
    """Images that the frame of reference names, and those that contours name."""
    for frame in items(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items(frame, "RTReferencedStudySequence"):
            for series in items(study, "RTReferencedSeriesSequence"):
                for image in items(series, "ContourImageSequence"):
                    yield text(image, "ReferencedSOPInstanceUID")
    yield from (contour.image for roi in rois for contour in roi.contours if contour.image)


def referenced_series(dataset: Dataset) -> list[str]:
    """Series Instance UIDs of the images that a structure set was drawn on."""
    return [
        text(series, "SeriesInstanceUID")
        for frame in items(dataset, "ReferencedFrameOfReferenceSequence")
        for study in items(frame, "RTReferencedStudySequence")
        for series in items(study, "RTReferencedSeriesSequence")
        if values(series, "SeriesInstanceUID")
    ]


def outlines(structures: StructureSet, plane: Plane, image: str, spacing_mm: float) -> list[Outline]:
    """The contours to draw over an image.

    Those that name the image, and of those that name none the ones within half of ``spacing_mm`` (the distance of the
    slices) of its plane. Contours of another orientation than the image are not drawn.
    """
    found = []
    for roi in structures.rois:
        for contour in roi.contours:
            distance = np.abs(plane.distance_mm(contour.points_mm))
            on_it = contour.image == image if contour.image in structures.images else distance.max() <= spacing_mm / 2
            if on_it and distance.max() <= max(spacing_mm, NEAR_MM):
                found.append(Outline(roi.number, contour.kind != "OPEN_PLANAR", plane.pixels(contour.points_mm)))
    return found
