"""Dose grids: where their frames lie, and what they say between their centres."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sinfonietta.dicom.rt import dose, drawing
from sinfonietta.dicom.rt.geometry import Plane, Unplaced, plane_of

SUPINE = [1, 0, 0, 0, 1, 0]


def described(offsets: list[float], axes: list[float], **more: Any) -> dict[str, Any]:
    """A dose of 5 rows and 7 columns at 2 by 3 mm."""
    dataset = Dataset()
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-10, -20, -30], axes
    dataset.PixelSpacing, dataset.Rows, dataset.Columns = [2, 3], 5, 7
    dataset.GridFrameOffsetVector, dataset.DoseGridScaling, dataset.DoseUnits = offsets, 0.01, "GY"
    dataset.DoseType, dataset.DoseSummationType, dataset.FrameOfReferenceUID = "PHYSICAL", "PLAN", "1.2"
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    return dict(dataset.to_json_dict())


def stored(frames: int) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """100 for each frame, 10 for each row, 1 for each column: linear, so that interpolation is exact."""
    frame, row, column = np.indices((frames, 5, 7))
    return (100 * frame + 10 * row + column).astype(np.uint16)


@pytest.mark.parametrize(
    ("axes", "offsets"),
    [
        (SUPINE, [0, 4, 8, 12]),
        (SUPINE, [0, -4, -8, -12]),  # from the head downwards
        (SUPINE, [0, 4, 6, 12]),  # not at equal distances
        (SUPINE, [-30, -26, -22, -18]),  # z of the patient instead of distances
        (SUPINE, [-30, -34, -38, -42]),
        ([-1, 0, 0, 0, -1, 0], [0, 4, 8, 12]),  # prone
        ([-1, 0, 0, 0, 1, 0], [0, 4, 8, 12]),  # feet first
        ([-1, 0, 0, 0, 1, 0], [-30, -26, -22, -18]),
        ([0, 1, 0, -1, 0, 0], [0, 4, 8, 12]),  # decubitus
        ([0.8, 0.6, 0, -0.6, 0.8, 0], [0, 4, 8, 12]),
        ([0.8, 0, 0.6, 0, 1, 0], [0, 4, 8, 12]),  # slanted
    ],
)  # fmt: skip
def test_each_voxel_lies_where_the_standard_says(axes: list[float], offsets: list[float]) -> None:
    grid = dose.read(described(offsets, axes), stored(4))
    row, column = np.array(axes[:3]), np.array(axes[3:])
    normal = np.cross(row, column)
    absolute = offsets[0] != 0
    for frame, offset in enumerate(offsets):
        along = (offset + 30) * np.sign(normal[2]) if absolute else offset
        for r, c in ((0, 0), (4, 6), (2, 3)):
            point = np.array([-10, -20, -30]) + 3 * c * row + 2 * r * column + along * normal
            assert grid.at(point) == pytest.approx((100 * frame + 10 * r + c) / 100, abs=1e-5)
            assert grid.frame(frame).points()[r, c] == pytest.approx(point)


def test_between_centres_it_is_linear_and_beyond_it_is_unknown() -> None:
    grid = dose.read(described([0, 4, 8, 12], SUPINE), stored(4))
    assert grid.at(np.array([-10 + 1.5, -20 + 1.3, -30 + 5.0])) == pytest.approx((125 + 6.5 + 0.5) / 100)
    assert grid.at(np.array([-10 - 1.4, -20, -30])) == pytest.approx(0.0)  # within the voxel at the edge
    for beyond in ((-11.6, -20, -30), (-10, -21.1, -30), (-10, -20, -32.1), (np.nan, -20, -30), (1e30, 0, 0)):
        assert np.isnan(grid.at(np.array(beyond))), beyond


def test_over_an_image_that_is_shifted_by_fractions() -> None:
    grid = dose.read(described([0, 4, 8, 12], SUPINE), stored(4))
    plane = Plane(np.array([-9.3, -19.1, -27.0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 0.5, 0.7, 12, 20, "1.2")
    found = grid.on(plane)
    row, column = np.indices((12, 20))
    expected = 100 * 0.75 + 10 * (0.9 + 0.5 * row) / 2 + (0.7 + 0.7 * column) / 3
    assert found == pytest.approx(expected / 100, abs=1e-5)


def test_relative_dose_is_percent() -> None:
    grid = dose.read(described([0, 4], SUPINE, DoseUnits="RELATIVE"), stored(2))
    assert (grid.unit, grid.highest) == ("%", pytest.approx(146.0))


@pytest.mark.parametrize(
    ("offsets", "more"),
    [
        ([0, 4, 8], {}),  # fewer than frames
        ([0, 0, 4, 8], {}),
        ([7, 11, 15, 19], {}),  # neither distances nor positions
        ([0, 4, 8, 12], {"PixelSpacing": [0, 3]}),
        ([0, 4, 8, 12], {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}),
        ([0, 4, 8, 12], {"ImagePositionPatient": None}),
        ([0, 4, 8, 12], {"DoseGridScaling": None}),
    ],
)
def test_what_does_not_say_where_it_lies_is_refused_with_a_sentence(offsets: list[float], more: dict[str, Any]) -> None:
    with pytest.raises(Unplaced, match=r"\.$"):
        dose.read(described(offsets, SUPINE, **more), stored(4))


def test_isodoses_lie_at_the_level_and_a_hole_is_a_line_of_its_own() -> None:
    row, column = np.indices((101, 121))
    radius = np.hypot(row - 50, column - 60)
    found = drawing.isodoses(np.where(radius > 45, np.nan, np.abs(30 - radius)), [10.0, 500.0])
    assert found[500.0] == []
    radii = sorted(float(np.hypot(line[:, 1] - 50, line[:, 0] - 60).mean()) for line in found[10.0])
    assert radii == pytest.approx([20.0, 40.0], abs=0.05)


def test_a_frame_of_an_enhanced_image_lies_where_its_groups_say() -> None:
    dataset = Dataset()
    dataset.Rows, dataset.Columns, dataset.FrameOfReferenceUID = 4, 5, "1.2"
    shared = Dataset()
    measures = Dataset()
    measures.PixelSpacing, measures.SliceThickness = [0.5, 0.6], 2
    orientation = Dataset()
    orientation.ImageOrientationPatient = SUPINE
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence = [shared], []
    for z in (3.0, 5.0):
        frame, position = Dataset(), Dataset()
        position.ImagePositionPatient = [1, 2, z]
        frame.PlanePositionSequence = [position]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    plane = plane_of(dict(dataset.to_json_dict()), 1)
    assert plane.points()[3, 4] == pytest.approx([1 + 4 * 0.6, 2 + 3 * 0.5, 5.0])
    assert plane.thickness_mm == 2
    with pytest.raises(Unplaced):
        plane_of(dict(dataset.to_json_dict()), 2)


def test_a_coarser_plane_covers_the_same_area() -> None:
    plane = Plane(np.array([1.0, 2, 3]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 0.5, 0.25, 600, 400, "f")
    coarse = plane.coarser(256)
    assert (coarse.rows, coarse.columns) == (200, 134)
    blocks = plane.points()[:3, :3].mean(axis=(0, 1))
    assert coarse.points()[0, 0] == pytest.approx(blocks)
    assert plane.part(10, 20, 30, 40).points()[2, 3] == pytest.approx(plane.points()[12, 33])
