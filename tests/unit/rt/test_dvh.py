"""Histograms against bodies and doses that have a closed form."""

from __future__ import annotations

import numpy as np
import pytest

from sinfonietta.demo import phantom
from sinfonietta.demo.truth import Truth
from sinfonietta.dicom.dataset.parse import parse
from sinfonietta.dicom.rt import dose, dvh, structures
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.geometry import Plane
from sinfonietta.dicom.rt.structures import Contour, Roi

LINEAR_GY_MM = 0.35
DIRECTIONS = {
    "head first supine": ((1, 0, 0), (0, 1, 0)),
    "head first prone": ((-1, 0, 0), (0, -1, 0)),
    "feet first supine": ((-1, 0, 0), (0, 1, 0)),
    "decubitus": ((0, 1, 0), (-1, 0, 0)),
    "slanted": ((np.cos(0.3), np.sin(0.3), 0), (-np.sin(0.3), np.cos(0.3), 0)),
}


def grid(row: tuple[float, ...], column: tuple[float, ...], shift: float, function: object) -> DoseGrid:
    """A grid of 2 mm around the origin, whose directions are those of the plane."""
    axes = np.array(row, dtype=float), np.array(column, dtype=float)
    normal = np.cross(*axes)
    origin = -(axes[0] + axes[1] + normal) * 80.0 + shift
    plane = Plane(origin, *axes, 2.0, 2.0, 81, 81, "frame")
    offsets = np.arange(81) * 2.0
    points = plane.points()[None] + offsets[:, None, None, None] * normal
    return DoseGrid(function(points), plane, offsets, "Gy", "PHYSICAL", "PLAN", "")  # type: ignore[operator]


def box(size: tuple[float, float, float], at: float, step: float = 2.5) -> Roi:
    """A box around ``at`` in axial contours; its planes own half of a step outwards."""
    a, b, _ = (side / 2 for side in size)
    corners = np.array([(-a, -b), (a, -b), (a, b), (-a, b)]) + at
    planes = np.arange(-size[2] / 2 + step / 2, size[2] / 2, step) + at
    return Roi(1, "box", "ORGAN", (1, 2, 3), [
        Contour("CLOSED_PLANAR", np.column_stack([corners, np.full(4, z)])) for z in planes
    ])  # fmt: skip


@pytest.mark.parametrize("position", DIRECTIONS)
@pytest.mark.parametrize("shift", [0.0, 0.37, 1.3])
def test_a_box_in_a_linear_dose_has_a_linear_histogram(position: str, shift: float) -> None:
    found = dvh.histogram(
        box((30, 20, 25), 3.1), grid(*DIRECTIONS[position], shift, lambda p: 40 + LINEAR_GY_MM * p[..., 0])
    )
    assert found is not None
    assert found.total_cm3 == pytest.approx(15.0, rel=1e-9)
    assert found.outside == 0
    assert found.mean == pytest.approx(40 + LINEAR_GY_MM * 3.1, abs=0.01)
    for part in (0.02, 0.5, 0.95):
        edge = 3.1 + 15 - 30 * part
        assert found.dose_at(part) == pytest.approx(40 + LINEAR_GY_MM * edge, rel=0.005)
        assert found.part_at(40 + LINEAR_GY_MM * edge) == pytest.approx(part, abs=0.01)


def test_a_hole_stays_open_and_an_island_in_it_counts() -> None:
    ring = [box(size, 0.0) for size in ((40, 40, 25), (20, 20, 25), (10, 10, 25))]
    region = Roi(1, "ring", "", (0, 0, 0), [contour for one in ring for contour in one.contours])
    found = dvh.histogram(region, grid(*DIRECTIONS["head first supine"], 0.0, lambda p: np.full(p.shape[:-1], 2.0)))
    assert found is not None
    assert found.total_cm3 == pytest.approx((1600 - 400 + 100) * 25 / 1000, rel=1e-6)
    assert (found.lowest, found.highest) == pytest.approx((2.0, 2.0))
    assert found.dose_at(1.0) == pytest.approx(2.0, rel=0.01)


@pytest.mark.parametrize("radius", [3.0, 5.0, 10.0])
def test_the_area_of_small_discs_is_right(radius: float) -> None:
    turn = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    for shift in np.linspace(0, 1.9, 7):
        disc = np.column_stack([radius * np.cos(turn) + shift, radius * np.sin(turn) - shift])
        step = 0.25
        cells = int(np.ceil(2 * radius / step))
        area = dvh.coverage([disc], disc.min(axis=0), step, cells, cells).sum() * step * step
        assert area == pytest.approx(np.pi * radius**2, rel=0.005)


def test_what_lies_beyond_the_grid_is_said() -> None:
    found = dvh.histogram(
        box((40, 20, 25), 71.0), grid(*DIRECTIONS["head first supine"], 0.0, lambda p: np.ones(p.shape[:-1]))
    )
    assert found is not None
    assert found.outside == pytest.approx(1 - (30 / 40) * (22.5 / 25), abs=0.02)
    assert found.total_cm3 == pytest.approx(20.0)
    far = dvh.histogram(box((4, 4, 5), 500.0), grid(*DIRECTIONS["decubitus"], 0, lambda p: np.ones(p.shape[:-1])))
    assert far is None


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, structures.StructureSet, DoseGrid]:
    folder = tmp_path_factory.mktemp("phantom")
    truth = phantom.write_phantom(folder, size=64)
    headers = [parse(folder / "RT" / name) for name in ("structures.dcm", "dose.dcm")]
    assert headers[0] is not None
    assert headers[1] is not None
    pixels = headers[1].pixels
    assert pixels is not None
    raw = (folder / "RT" / "dose.dcm").read_bytes()[pixels.offset : pixels.offset + pixels.length]
    stored = np.frombuffer(raw, "<u2").reshape(pixels.number_of_frames, pixels.rows, pixels.columns)
    return truth, structures.read(headers[0].json), dose.read(headers[1].json, stored)


@pytest.mark.parametrize("name", ["GTV", "PTV"])
def test_the_phantoms_histogram_is_its_formula(
    planned: tuple[Truth, structures.StructureSet, DoseGrid], name: str
) -> None:
    """Within 1 % of volume and of dose, along the whole curve."""
    truth, found, grid = planned
    roi = next(one for one in found.rois if one.name == name)
    computed = dvh.histogram(roi, grid)
    assert computed is not None
    assert computed.total_cm3 == pytest.approx(truth.structure(name).volume_cm3, rel=0.01)
    assert computed.total_cm3 == pytest.approx(truth.contoured_cm3(name), rel=0.001)
    assert computed.mean == pytest.approx(truth.mean_gy(name), rel=0.0025)
    for part in np.linspace(0.01, 0.99, 50):
        assert computed.dose_at(part) == pytest.approx(truth.dose_at_fraction(name, part), rel=0.005)
    for gray in np.linspace(55, 61.5, 40):
        volumes = [truth.volume_fraction(name, gray * factor) for factor in (0.99, 1.01)]
        assert volumes[1] - 1e-6 <= computed.part_at(gray) <= volumes[0] + 1e-6
