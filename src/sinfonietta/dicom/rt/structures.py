"""Structure sets: regions of interest and their contours (DICOM PS3.3 C.8.8.5, C.8.8.6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from sinfonietta.dicom.dataset.keywords import Dataset, item, items, numbers, text, whole
from sinfonietta.dicom.rt.geometry import Plane, Points

CLOSED, POINT = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR"), "POINT"
NEAR_MM = 0.05
"""Contours that are no farther apart lie in one plane."""
FARTHEST_MM = 1e5
"""From the origin; what is farther away is no part of a patient."""
PALETTE = (
    (230, 75, 53),
    (77, 187, 213),
    (0, 160, 135),
    (60, 84, 136),
    (243, 155, 127),
    (132, 145, 180),
    (145, 209, 194),
)
"""Colours of regions that name none."""


@dataclass(frozen=True)
class Contour:
    """Points of one contour, (n, 3) in mm; ``image`` is the SOP Instance UID that it was drawn on, if it says so."""

    kind: str
    points_mm: Points
    image: str = ""


@dataclass(frozen=True)
class Roi:
    """A region of interest, in a frame of reference."""

    number: int
    name: str
    interpreted: str
    color: tuple[int, int, int]
    contours: list[Contour] = field(default_factory=list)
    frame_of_reference: str = ""

    @property
    def closed(self) -> list[Contour]:
        """The contours that enclose an area."""
        return [contour for contour in self.contours if contour.kind in CLOSED and len(contour.points_mm) > 2]

    @cached_property
    def gap_mm(self) -> float:
        """The distance of its contour planes, as most are; 0 where there is one."""
        if not self.contours:
            return 0.0
        along = basis_of(max(self.contours, key=lambda contour: len(contour.points_mm))).along
        gaps = np.diff(np.sort([float(contour.points_mm[0] @ along) for contour in self.contours]))
        return float(np.median(gaps[gaps > NEAR_MM])) if (gaps > NEAR_MM).any() else 0.0


@dataclass(frozen=True)
class StructureSet:
    """What a structure set says; ``images`` are the SOP Instance UIDs that it refers to.

    ``series``: Series Instance UIDs of the images that it was drawn on. ``left_out``: so many contours make no sense
    (no points, points that are no triplets, coordinates that are none).
    """

    label: str
    frames_of_reference: frozenset[str]
    rois: list[Roi]
    images: frozenset[str]
    left_out: int = 0
    series: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """What it takes in memory, about."""
        return sum(contour.points_mm.nbytes + 400 for roi in self.rois for contour in roi.contours)

    @cached_property
    def by_number(self) -> dict[int, Roi]:
        """Its regions by ROI Number."""
        return {roi.number: roi for roi in self.rois}

    @cached_property
    def planes(self) -> list[Plane]:
        """Planes to draw it on where its images are not there: one for each position of its contours."""
        return _planes(self)

    @cached_property
    def by_image(self) -> dict[str, list[tuple[Roi, Contour]]]:
        """Contours by the image that they name; those that name none of the set's images under an empty name."""
        found: dict[str, list[tuple[Roi, Contour]]] = {}
        for roi in self.rois:
            for contour in roi.contours:
                found.setdefault(contour.image if contour.image in self.images else "", []).append((roi, contour))
        return found


@dataclass(frozen=True)
class Outline:
    """A contour as it is drawn over an image: (n, 2) column and row in pixels, whole numbers at centres."""

    roi: int
    kind: str
    pixels: Points
    distance_mm: float = 0.0


def read(dataset: Dataset) -> StructureSet:
    """A structure set from the DICOM JSON model; contours that make no sense are left out."""
    interpreted = {
        whole(one, "ReferencedROINumber"): text(one, "RTROIInterpretedType")
        for one in items(dataset, "RTROIObservationsSequence")
    }
    drawn = {whole(one, "ReferencedROINumber"): one for one in items(dataset, "ROIContourSequence")}
    rois: list[Roi] = []
    frames, left_out = set(), 0
    for index, said in enumerate(items(dataset, "StructureSetROISequence")):
        identity = whole(said, "ROINumber")
        if identity is None:
            continue
        frame = text(said, "ReferencedFrameOfReferenceUID")
        frames.add(frame)
        found = drawn.get(identity, {})
        color = numbers(found, "ROIDisplayColor", 3) or PALETTE[index % len(PALETTE)]
        red, green, blue = (int(min(max(part, 0), 255)) for part in color)
        read = [_contour(one) for one in items(found, "ContourSequence")]
        contours = [one for one in read if one is not None]
        left_out += len(read) - len(contours)
        rois.append(
            Roi(
                identity,
                text(said, "ROIName") or f"ROI {identity}",
                interpreted.get(identity, ""),
                (red, green, blue),
                contours,
                frame,
            )
        )
    frames |= {text(one, "FrameOfReferenceUID") for one in items(dataset, "ReferencedFrameOfReferenceSequence")}
    label = text(dataset, "StructureSetLabel") or text(dataset, "SeriesDescription")
    images = frozenset(_referenced(dataset, rois))
    series = tuple(dict.fromkeys(_series(dataset)))
    return StructureSet(label, frozenset(frames - {""}), rois, images, left_out, series)


Packed = tuple[dict[str, Any], bytes]


def packed(found: StructureSet) -> Packed:
    """A structure set as a JSON object and the bytes of its points, to be sent to another process."""
    contours = [contour for roi in found.rois for contour in roi.contours]
    head = {
        "label": found.label,
        "frames_of_reference": sorted(found.frames_of_reference),
        "images": sorted(found.images),
        "left_out": found.left_out,
        "series": found.series,
        "rois": [
            [roi.number, roi.name, roi.interpreted, roi.color, roi.frame_of_reference, len(roi.contours)]
            for roi in found.rois
        ],
        "contours": [[contour.kind, contour.image, len(contour.points_mm)] for contour in contours],
    }
    return head, b"".join(np.ascontiguousarray(contour.points_mm, dtype="<f8").tobytes() for contour in contours)


def unpacked(head: dict[str, Any], body: bytes) -> StructureSet:
    """What ``packed`` made of a structure set, back again."""
    points = np.frombuffer(body, "<f8").reshape(-1, 3)
    ends = np.cumsum([count for _, _, count in head["contours"]])
    contours = (
        Contour(kind, points[end - count : end], image)
        for (kind, image, count), end in zip(head["contours"], ends, strict=True)
    )
    rois = [
        Roi(number, name, interpreted, (color[0], color[1], color[2]), list(islice(contours, count)), frame)
        for number, name, interpreted, color, frame, count in head["rois"]
    ]
    return StructureSet(
        head["label"], frozenset(head["frames_of_reference"]), rois, frozenset(head["images"]), head["left_out"],
        tuple(head["series"]),
    )  # fmt: skip


def _contour(said: Dataset) -> Contour | None:
    points = numbers(said, "ContourData")
    if not points or len(points) % 3:
        return None
    found = np.array(points).reshape(-1, 3)
    image = text(item(said, "ContourImageSequence"), "ReferencedSOPInstanceUID")
    within = bool((np.abs(found) <= FARTHEST_MM).all())  # not so for a NaN
    return Contour(text(said, "ContourGeometricType"), found, image) if within else None


def _referenced(dataset: Dataset, rois: list[Roi]) -> Iterator[str]:
    """Images that the frame of reference names, and those that contours name."""
    for series in _referenced_series(dataset):
        for image in items(series, "ContourImageSequence"):
            yield text(image, "ReferencedSOPInstanceUID")
    yield from (contour.image for roi in rois for contour in roi.contours if contour.image)


def _series(dataset: Dataset) -> Iterator[str]:
    yield from (uid for series in _referenced_series(dataset) if (uid := text(series, "SeriesInstanceUID")))


def _referenced_series(dataset: Dataset) -> Iterator[Dataset]:
    for frame in items(dataset, "ReferencedFrameOfReferenceSequence"):
        for study in items(frame, "RTReferencedStudySequence"):
            yield from items(study, "RTReferencedSeriesSequence")


def outlines(structures: StructureSet, plane: Plane, image: str, spacing_mm: float) -> list[Outline]:
    """The contours to draw over an image.

    Over one of the images that the set was drawn on: those that name it, and of those that name none the ones within
    half of ``spacing_mm`` (the distance of the slices) of its plane. Over another: of each region those of its plane
    that is nearest. Contours of another orientation than the image, or of a region in another frame of reference, are
    not drawn.
    """
    if image in structures.images:
        named = _near(structures.by_image.get(image, []), plane, spacing_mm)
        return [*named, *_near(structures.by_image.get("", []), plane, spacing_mm / 2)]
    found = []
    for roi in structures.rois:
        reach = max(spacing_mm, roi.gap_mm) / 2
        near = _near([(roi, one) for one in roi.contours], plane, reach)
        closest = min((one.distance_mm for one in near), default=0.0)
        found += [one for one in near if one.distance_mm <= closest + NEAR_MM]
    return found


def _near(contours: list[tuple[Roi, Contour]], plane: Plane, reach_mm: float) -> list[Outline]:
    found = []
    for roi, contour in contours:
        if roi.frame_of_reference and roi.frame_of_reference != plane.frame_of_reference:
            continue
        distance = float(np.abs(plane.distance_mm(contour.points_mm)).max())
        if distance <= max(reach_mm, NEAR_MM):
            found.append(Outline(roi.number, contour.kind, plane.pixels(contour.points_mm), distance))
    return found


MARGIN_MM, PIXEL_MM = 10.0, 1.0


def _planes(structures: StructureSet) -> list[Plane]:
    """As the contours lie; points alone are shown on axial planes."""
    contours = [contour for roi in structures.rois for contour in roi.contours]
    if not contours:
        return []
    outer = max(contours, key=lambda contour: _extent(contour.points_mm))
    basis = basis_of(outer)
    everything = np.concatenate([contour.points_mm for contour in contours])
    low = np.array([(everything @ axis).min() for axis in (basis.across, basis.down)]) - MARGIN_MM
    high = np.array([(everything @ axis).max() for axis in (basis.across, basis.down)]) + MARGIN_MM
    columns, rows = (int(min(max(size / PIXEL_MM, 1), 4096)) for size in high - low)
    positions = np.sort([float((contour.points_mm @ basis.along).mean()) for contour in contours])
    kept = positions[np.concatenate([[True], np.diff(positions) > NEAR_MM])]
    frame = next(iter(sorted(structures.frames_of_reference)), "")
    return [
        Plane(
            low[0] * basis.across + low[1] * basis.down + position * basis.along,
            basis.across, basis.down, PIXEL_MM, PIXEL_MM, rows, columns, frame,
        )
        for position in kept
    ]  # fmt: skip


def _extent(points: Points) -> float:
    return float(np.ptp(points, axis=0).sum())


@dataclass(frozen=True)
class Basis:
    """Directions that the contours of a region lie in, and the one along which their planes are stacked."""

    across: Points
    down: Points
    along: Points


def basis_of(contour: Contour) -> Basis:
    """By the area vector of a contour (Newell), so that slanted planes are stacked along their normal."""
    points = contour.points_mm - contour.points_mm.mean(axis=0)
    area = np.cross(points, np.roll(points, -1, axis=0)).sum(axis=0)
    length = float(np.linalg.norm(area))
    along = area / length if length > 1e-6 else np.array([0.0, 0.0, 1.0])
    along = along if along[np.abs(along).argmax()] > 0 else -along
    helper = np.array([1.0, 0, 0]) if abs(along[0]) < 0.9 else np.array([0, 1.0, 0])
    across = helper - (helper @ along) * along
    across /= np.linalg.norm(across)
    return Basis(across, np.cross(along, across), along)
