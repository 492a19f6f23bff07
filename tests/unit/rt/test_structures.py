"""Structure sets: what is drawn where, and what strangers may write into one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sinfonietta.dicom.rt import dvh, structures
from sinfonietta.dicom.rt.geometry import Plane
from sinfonietta.dicom.rt.structures import StructureSet

SQUARE = [(-10, -10), (10, -10), (10, 10), (-10, 10)]


def contour(points: list[tuple[float, ...]], kind: str = "CLOSED_PLANAR", image: str = "") -> Dataset:
    found = Dataset()
    found.ContourGeometricType, found.NumberOfContourPoints = kind, len(points)
    found.ContourData = [f"{value:g}" for point in points for value in point]
    if image:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.3", image
        found.ContourImageSequence = [reference]
    return found


def flat(z: float, image: str = "", size: float = 1.0) -> Dataset:
    return contour([(x * size, y * size, z) for x, y in SQUARE], image=image)


def structure_set(contours: list[Dataset], frame: str = "1.2") -> dict[str, Any]:
    dataset = Dataset()
    roi = Dataset()
    roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = 7, "Organ", frame
    drawn = Dataset()
    drawn.ReferencedROINumber, drawn.ROIDisplayColor, drawn.ContourSequence = 7, [1, 300, -5], contours
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [drawn]
    return dict(dataset.to_json_dict())


def axial(z: float, frame: str = "1.2") -> Plane:
    return Plane(np.array([-20.0, -20, z]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 0.5, 2.0, 80, 20, frame)


def shown(found: StructureSet, plane: Plane, image: str = "", spacing_mm: float = 3.0) -> list[structures.Outline]:
    return structures.outlines(found, plane, image, spacing_mm)


def test_a_contour_lies_at_the_pixels_of_its_points() -> None:
    found = structures.read(structure_set([flat(3.0)]))
    assert found.rois[0].color == (1, 255, 0)
    (one,) = shown(found, axial(3.0))
    assert one.pixels.tolist() == [[5, 20], [15, 20], [15, 60], [5, 60]]


@pytest.mark.parametrize(
    ("row", "column"),
    [((-1, 0, 0), (0, -1, 0)), ((-1, 0, 0), (0, 1, 0)), ((0, 1, 0), (-1, 0, 0)), ((0.8, 0.6, 0), (-0.6, 0.8, 0)),
     ((1, 0, 0), (0, 0, -1))],
)  # fmt: skip
def test_over_images_of_any_orientation(row: tuple[float, ...], column: tuple[float, ...]) -> None:
    """Prone, feet first, decubitus, turned, coronal: what is drawn, put back into the patient, is what was said."""
    across, down = np.array(row, dtype=float), np.array(column, dtype=float)
    plane = Plane(np.array([3.0, 4, 5]), across, down, 1.5, 0.5, 50, 50, "1.2")
    said = np.array([3.0, 4, 5]) + np.array([[4, 6], [9, 6], [9, 2]]) @ np.stack([across, down])
    found = structures.read(structure_set([contour([tuple(point) for point in said.tolist()])]))
    (one,) = shown(found, plane)
    assert one.pixels == pytest.approx(np.array([[8, 4], [18, 4], [18, 4 / 3]]))
    assert not shown(found, Plane(plane.origin_mm, across, plane.normal, 1.5, 0.5, 50, 50, "1.2"))


def test_it_is_drawn_on_the_image_that_it_names_and_on_no_other() -> None:
    found = structures.read(structure_set([flat(0.0, "1.1"), flat(3.0, "1.2")]))
    assert [one.distance_mm for one in shown(found, axial(0.0), "1.1")] == [0.0]
    assert shown(found, axial(0.0), "1.2")[0].distance_mm == 3.0  # named, and no farther than a slice
    assert not shown(found, axial(30.0), "1.1")


def test_over_other_images_the_nearest_plane_is_drawn() -> None:
    found = structures.read(structure_set([flat(0.0, "1.1"), flat(3.0, "1.2"), flat(3.0, "1.2", size=0.5)]))
    assert [one.distance_mm for one in shown(found, axial(1.2), "9.9", 1.0)] == [pytest.approx(1.2)]
    assert [one.distance_mm for one in shown(found, axial(1.2), "9.9", 8.0)] == [pytest.approx(1.2)]
    assert len(shown(found, axial(2.0), "9.9", 1.0)) == 2
    assert not shown(found, axial(5.0), "9.9", 1.0)


def test_a_region_of_another_frame_of_reference_is_not_drawn() -> None:
    found = structures.read(structure_set([flat(0.0)], frame="9.9"))
    assert found.frames_of_reference == {"9.9"}
    assert not shown(found, axial(0.0))


def test_points_and_open_lines_are_drawn_and_enclose_nothing() -> None:
    line = [(0.0, 0.0, 0.0), (5.0, 5.0, 0.0), (9.0, 0.0, 0.0)]
    found = structures.read(structure_set([contour([(1, 2, 0)], "POINT"), contour(line, "OPEN_PLANAR")]))
    assert [one.kind for one in shown(found, axial(0.0))] == ["POINT", "OPEN_PLANAR"]
    assert dvh.volume_cm3(found.rois[0]) == 0


def test_what_makes_no_sense_is_left_out_and_counted() -> None:
    hostile = [flat(0.0)]
    for values in (["1", "2", "3", "4"], [], ["1e9", "0", "0"] * 3, ["-1e300", "0", "0"] * 3):
        broken = flat(0.0)
        broken.ContourData = values
        broken.NumberOfContourPoints = 4711
        hostile.append(broken)
    said = structure_set(hostile)
    said["30060039"]["Value"][0]["30060040"]["Value"].append({"30060050": {"vr": "DS", "Value": ["NaN", "x", None]}})
    said["30060039"]["Value"][0]["30060040"]["Value"].append({"30060050": {"vr": "DS", "BulkDataURI": "bulk/1"}})
    found = structures.read(said)
    assert (len(found.rois[0].contours), found.left_out) == (1, 6)
    assert dvh.volume_cm3(found.rois[0]) == pytest.approx(0.4)


@pytest.mark.parametrize("said", [{}, {"30060020": {"vr": "SQ"}}, {"30060020": {"vr": "SQ", "Value": [{}, None]}}])
def test_an_empty_set_is_empty(said: dict[str, Any]) -> None:
    found = structures.read(said)
    assert (found.rois, found.planes, shown(found, axial(0.0))) == ([], [], [])


def test_alone_it_is_shown_on_planes_of_its_own() -> None:
    found = structures.read(structure_set([flat(6.0), flat(0.0), flat(3.0), flat(3.0, size=0.5)]))
    assert [float(plane.origin_mm[2]) for plane in found.planes] == [0.0, 3.0, 6.0]
    plane = found.planes[1]
    assert [len(one.pixels) for one in structures.outlines(found, plane, "", 0.1)] == [4, 4]
    inside = plane.pixels(found.rois[0].contours[0].points_mm)
    assert (inside >= 0).all()
    assert (inside < [plane.columns, plane.rows]).all()


def test_a_million_points_are_one_organ() -> None:
    turn = np.linspace(0, 2 * np.pi, 1_000_000, endpoint=False)
    circle = np.column_stack([30 * np.cos(turn), 30 * np.sin(turn), np.zeros_like(turn)])
    roi = structures.Roi(1, "many", "", (0, 0, 0), [
        structures.Contour("CLOSED_PLANAR", circle + np.array([0, 0, z])) for z in (0.0, 3.0)
    ])  # fmt: skip
    assert dvh.volume_cm3(roi) == pytest.approx(np.pi * 900 * 6 / 1000, rel=0.001)


def test_a_contour_as_wide_as_allowed_takes_bounded_memory() -> None:
    far = structures.FARTHEST_MM
    corners = np.array([(-far, -far), (far, -far), (far, far), (-far, far)])
    contours = [structures.Contour("CLOSED_PLANAR", np.column_stack([corners, np.full(4, z)])) for z in (-far, far)]
    roi = structures.Roi(1, "all", "", (0, 0, 0), contours)
    assert dvh.volume_cm3(roi) == pytest.approx((2 * far) ** 3 * 2 / 1000, rel=0.01)


def test_it_comes_whole_through_another_process() -> None:
    found = structures.read(structure_set([flat(0.0, "1.1"), contour([(1, 2, 0)], "POINT")]))
    again = structures.unpacked(*structures.packed(found))
    assert (again.label, again.images, again.frames_of_reference) == (
        found.label,
        found.images,
        found.frames_of_reference,
    )
    for one, other in zip(again.rois[0].contours, found.rois[0].contours, strict=True):
        assert (one.kind, one.image) == (other.kind, other.image)
        assert one.points_mm.tolist() == other.points_mm.tolist()
