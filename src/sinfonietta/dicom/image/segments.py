"""Segmentations (DICOM PS3.3 A.51, C.8.20): what is marked."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sinfonietta.dicom.dataset.functional import PER_FRAME, SHARED
from sinfonietta.dicom.dataset.keywords import Dataset, item, items, numbers, text, whole
from sinfonietta.dicom.reports import Concept, concept

PALETTE = ((230, 75, 60), (60, 140, 230), (70, 175, 90), (240, 170, 40), (155, 90, 200), (30, 175, 175),
           (225, 110, 170), (150, 120, 80))  # fmt: skip
"""For segments that recommend no colour."""
WHITE = (0.9642, 1.0, 0.8249)
"""D50, the white of the profile connection space."""
TO_RGB = ((3.1338561, -1.6168667, -0.4906146), (-0.9787684, 1.9161415, 0.0334540), (0.0719453, -0.2289914, 1.4052427))
"""From there to sRGB, adapted to its white by Bradford's matrix."""
FROM_RGB = ((0.4360747, 0.3850649, 0.1430804), (0.2225045, 0.7168786, 0.0606169), (0.0139322, 0.0971045, 0.7141733))
"""And back."""


@dataclass(frozen=True)
class Segment:
    """Something that is marked. ``color``: red, green, blue; ``frames``: how many planes it is marked on."""

    number: int
    label: str
    category: Concept
    kind: Concept
    anatomy: Concept
    algorithm: str
    color: tuple[int, int, int]
    frames: int = 0


@dataclass(frozen=True)
class Segmentation:
    """What a segmentation is of. ``images``: SOP Instance UIDs of the images that its frames were made on."""

    kind: str
    frame_of_reference: str
    series: list[str]
    images: list[str]
    segments: list[Segment]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Segmentation:
        """What ``as_dict`` gave, back again."""
        segments = [
            Segment(
                **{
                    **one,
                    **{name: Concept(**one[name]) for name in ("category", "kind", "anatomy")},
                    "color": tuple(one["color"]),
                }
            )
            for one in found["segments"]
        ]
        return cls(**{**found, "segments": segments})


def read(dataset: Dataset) -> Segmentation:
    """What a segmentation says of itself, from the DICOM JSON model."""
    numbered = segment_numbers(dataset)
    series = items(dataset, "ReferencedSeriesSequence")
    return Segmentation(
        kind=text(dataset, "SegmentationType"),
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        series=[uid for one in series if (uid := text(one, "SeriesInstanceUID"))],
        images=_images(dataset),
        segments=[_segment(one, index, numbered) for index, one in enumerate(items(dataset, "SegmentSequence"))],
    )


def segment_numbers(dataset: Dataset) -> list[int]:
    """Of each frame the number of its segment; 0 where it does not say, or where the pixels do (LABELMAP)."""
    shared = whole(_identified(item(dataset, SHARED)), "ReferencedSegmentNumber") or 0
    return [whole(_identified(one), "ReferencedSegmentNumber") or shared for one in items(dataset, PER_FRAME)]


def _identified(groups: Dataset) -> Dataset:
    return item(groups, "SegmentIdentificationSequence")


def _images(dataset: Dataset) -> list[str]:
    """The images that frames name, or else those of the series that are named."""
    derived = [
        text(source, "ReferencedSOPInstanceUID")
        for keyword in (SHARED, PER_FRAME)
        for groups in items(dataset, keyword)
        for one in items(groups, "DerivationImageSequence")
        for source in items(one, "SourceImageSequence")
    ]  # fmt: skip
    named = [
        text(one, "ReferencedSOPInstanceUID")
        for series in items(dataset, "ReferencedSeriesSequence")
        for one in items(series, "ReferencedInstanceSequence")
    ]
    return list(dict.fromkeys(uid for uid in named + derived if uid))


def _segment(said: Dataset, index: int, numbered: list[int]) -> Segment:
    own = whole(said, "SegmentNumber")
    segment_number = index + 1 if own is None else own
    lab = numbers(said, "RecommendedDisplayCIELabValue", 3)
    return Segment(
        number=segment_number,
        label=text(said, "SegmentLabel"),
        category=concept(item(said, "SegmentedPropertyCategoryCodeSequence")),
        kind=concept(item(said, "SegmentedPropertyTypeCodeSequence")),
        anatomy=concept(item(said, "AnatomicRegionSequence")),
        algorithm=" ".join(
            part for part in (text(said, "SegmentAlgorithmType").lower(), text(said, "SegmentAlgorithmName")) if part
        ),
        color=color_of(lab) if lab else PALETTE[index % len(PALETTE)],
        frames=numbered.count(segment_number),
    )


def color_of(lab: tuple[float, ...]) -> tuple[int, int, int]:
    """Red, green and blue (sRGB) of a colour in PCS-Values, CIELab in 16 bits (PS3.3 C.10.7.1.1)."""
    lightness, a, b = lab[0] / 65535 * 100, lab[1] / 65535 * 255 - 128, lab[2] / 65535 * 255 - 128
    fy = (lightness + 16) / 116
    xyz = [
        white * (f**3 if f > 6 / 29 else 3 * (6 / 29) ** 2 * (f - 4 / 29))
        for white, f in zip(WHITE, (fy + a / 500, fy, fy - b / 200), strict=True)
    ]
    red, green, blue = (_shown(sum(part * one for part, one in zip(row, xyz, strict=True))) for row in TO_RGB)
    return red, green, blue


def _shown(linear: float) -> int:
    inside = min(max(linear, 0.0), 1.0)
    return round(255 * (12.92 * inside if inside <= 0.0031308 else 1.055 * inside ** (1 / 2.4) - 0.055))


def lab_of(color: tuple[int, int, int]) -> tuple[int, int, int]:
    """PCS-Values of a colour in sRGB: the inverse of ``color_of``."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(color)]
    xyz = [sum(part * one for part, one in zip(row, linear, strict=True)) for row in FROM_RGB]
    fx, fy, fz = (_eased(value / white) for value, white in zip(xyz, WHITE, strict=True))
    lab = ((116 * fy - 16) / 100, (500 * (fx - fy) + 128) / 255, (200 * (fy - fz) + 128) / 255)
    lightness, a, b = (round(65535 * min(max(part, 0.0), 1.0)) for part in lab)
    return lightness, a, b


def _parts(color: tuple[int, int, int]) -> list[float]:
    return [channel / 255 for channel in color]


def _eased(value: float) -> float:
    return float(value ** (1 / 3)) if value > (6 / 29) ** 3 else value / (3 * (6 / 29) ** 2) + 4 / 29
