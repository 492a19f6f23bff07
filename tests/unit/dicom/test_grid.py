"""A series as a regular grid, and as NIfTI: judged by nibabel; what is no grid is refused in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from sinfonietta.dicom.image import nifti
from sinfonietta.dicom.image.grid import grid
from sinfonietta.dicom.rt.geometry import Plane, Unplaced


def planes(count: int = 5, step: float = 3.0, turn: NDArray[np.float64] | None = None) -> list[Plane]:
    """Slices of 4 rows and 6 columns, along z or turned as a whole."""
    axes = np.eye(3) if turn is None else turn
    origin = np.array([-10.0, 20.0, 30.0])
    return [
        Plane(origin + n * step * np.cross(axes[0], axes[1]), axes[0], axes[1], 2.0, 1.5, 4, 6, "1.2.3", 3.0)
        for n in range(count)
    ]


def oblique() -> NDArray[np.float64]:
    """Some rotation."""
    found, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(3, 3)))
    return found if np.linalg.det(found) > 0 else -found


TURNS = [
    np.eye(3),
    oblique(),
    np.array([[0.0, 1, 0], [0, 0, -1], [-1, 0, 0]]),
    np.diag([-1.0, -1, 1]),
    np.diag([1.0, -1, -1]),
]


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("kind", list(nifti.CODES))
def test_nibabel_finds_each_voxel_where_it_lies(turn: NDArray[np.float64], kind: str, tmp_path: Path) -> None:
    some = planes(turn=turn)
    shuffled = [some[index] for index in (3, 0, 4, 2, 1)]
    found = grid(shuffled)
    values = [np.arange(24).reshape(4, 6) + 30 * index for index in range(5)]  # by the plane that they are of
    ordered = [values[(3, 0, 4, 2, 1)[index]] for index in found.order]
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"".join(nifti.compressed(found, kind, "HU", ordered)))
    image = nibabel.load(path)
    data = np.asarray(image.dataobj)
    assert data.dtype == np.dtype(kind)
    assert image.header.get_xyzt_units() == ("mm", "unknown")
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert (int(image.header["qform_code"]), int(image.header["sform_code"])) == (1, 1)
    for number, plane in enumerate(some):
        for row, column in ((0, 0), (3, 5), (1, 4)):
            lps = plane.points()[row, column]
            index = np.linalg.inv(image.affine) @ [-lps[0], -lps[1], lps[2], 1]
            assert data[tuple(np.rint(index[:3]).astype(int))] == values[number][row, column]


def test_the_same_comes_out_each_time() -> None:
    made = [b"".join(nifti.compressed(grid(planes()), "int16", "", [np.ones((4, 6))] * 5)) for _ in range(2)]
    assert made[0] == made[1]


def moved(by: list[float], at: int, some: list[Plane]) -> list[Plane]:
    return [*some[:at], replace(some[at], origin_mm=some[at].origin_mm + by), *some[at + 1 :]]


@pytest.mark.parametrize(
    ("some", "reason"),
    [
        ([], "no image"),
        (planes(8)[:3] + planes(8)[4:], "1 slice is missing, the first of them after slice 3"),
        (planes(9)[:3] + planes(9)[5:], "2 slices are missing"),
        (moved([0, 0, 1.0], 2, planes()), "2 to 4 mm apart"),
        ([*planes(), planes()[2]], "lie in one plane"),
        ([moved([0, n * 0.5, 0], n, planes())[n] for n in range(5)], "tilted gantry"),
        ([*planes(), replace(planes()[0], row=np.array([0.0, 0, 1]))], "not parallel"),
        ([*planes(), replace(planes(6)[5], rows=8)], "not parallel"),
        ([*planes(), replace(planes(6)[5], frame_of_reference="1.9")], "frames of reference"),
    ],
)
def test_what_is_no_grid(some: list[Plane], reason: str) -> None:
    with pytest.raises(Unplaced, match=reason):
        grid(some)


def test_a_little_unevenness_is_borne() -> None:
    found = grid(moved([0, 0, 0.01], 2, planes()))
    assert found.step_mm == pytest.approx(3.0)
    assert grid(planes(1)).step_mm == 3.0
