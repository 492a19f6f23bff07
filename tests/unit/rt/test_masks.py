"""Masks of regions, against bodies whose volume has a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from sinfonietta.dicom.image.grid import Grid, grid
from sinfonietta.dicom.rt.geometry import Plane
from sinfonietta.dicom.rt.masks import masks
from sinfonietta.dicom.rt.segmentation import Bits
from sinfonietta.dicom.rt.structures import Contour, Roi, StructureSet

SLICES, STEP_MM = 41, 1.5
TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]


def images(axes: NDArray[np.float64]) -> Grid:
    """Planes of 64 x 80 pixels of 1 mm around the origin."""
    normal = np.cross(axes[0], axes[1])
    corner = -axes[0] * 39.5 - axes[1] * 31.5
    return grid(
        [
            Plane(corner + (n - SLICES // 2) * STEP_MM * normal, axes[0], axes[1], 1.0, 1.0, 64, 80, "1.2", STEP_MM)
            for n in range(SLICES)
        ]
    )


def ring(found: Grid, index: int, radius: float) -> Contour:
    """A circle around the middle of a slice."""
    plane = found.planes[index]
    turns = np.linspace(0, 2 * np.pi, 200, endpoint=False)[:, None]
    middle = plane.origin_mm + 39.5 * plane.row + 31.5 * plane.column
    points = middle + radius * (np.cos(turns) * plane.row + np.sin(turns) * plane.column)
    return Contour("CLOSED_PLANAR", points, f"1.2.{index}")


def volume_cm3(found: Grid, contours: list[Contour], frame: str = "1.2") -> float:
    roi = Roi(1, "Body", "ORGAN", (255, 0, 0), contours, frame)
    names = [f"1.2.{index}" for index in range(SLICES)]
    structures = StructureSet("", frozenset({frame}), [roi], frozenset(names))
    return sum(int(mask.sum()) for mask in masks(structures, roi, found, names)) * STEP_MM / 1000


@pytest.mark.parametrize("axes", [np.eye(3), TURN])
def test_a_ball_and_a_tube(axes: NDArray[np.float64]) -> None:
    found = images(axes)
    middle = SLICES // 2
    radii = [25.0**2 - ((n - middle) * STEP_MM) ** 2 for n in range(SLICES)]
    ball = [ring(found, n, math.sqrt(square)) for n, square in enumerate(radii) if square > 0]
    assert volume_cm3(found, ball) == pytest.approx(4 / 3 * math.pi * 25**3 / 1000, rel=0.01)
    tube = [ring(found, n, radius) for n in range(SLICES) for radius in (28.0, 15.0)]
    length = SLICES * STEP_MM
    assert volume_cm3(found, tube) == pytest.approx(math.pi * (28**2 - 15**2) * length / 1000, rel=0.01)


def test_what_lies_elsewhere_marks_nothing() -> None:
    found = images(np.eye(3))
    assert volume_cm3(found, [ring(found, 3, 10.0)], frame="1.9") == 0
    points = Contour("POINT", np.zeros((1, 3)), "1.2.20")
    line = Contour("OPEN_PLANAR", ring(found, 20, 10.0).points_mm, "1.2.20")
    assert volume_cm3(found, [points, line]) == 0


def test_bits_of_frames_follow_each_other_without_a_gap() -> None:
    frames = np.random.default_rng(1).random((5, 3, 5)) > 0.5
    bits = Bits()
    for frame in frames:
        bits.add(frame)
    packed = bits.packed()
    assert len(packed) == 10
    found = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")[: frames.size]
    assert (found.reshape(frames.shape) == frames).all()
