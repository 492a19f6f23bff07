"""A stack of slices read in other planes: a linear field must come out linear, wherever and however it is cut."""

from __future__ import annotations

import numpy as np
import pytest

from sinfonietta.dicom.image import overlay, volume
from sinfonietta.dicom.image.volume import Values
from sinfonietta.dicom.rt.geometry import Plane, Unplaced


def plane(z: float, rows: int = 20, columns: int = 24, step: float = 4.0, frame: str = "1.2", **more: object) -> Plane:
    said = {"origin_mm": np.array([-40.0, -30.0, z]), "row": np.array([1.0, 0, 0]), "column": np.array([0, 1.0, 0])}
    said |= more  # type: ignore[arg-type]
    return Plane(**said, row_spacing_mm=step, column_spacing_mm=step, rows=rows, columns=columns,
                 frame_of_reference=frame, thickness_mm=5.0)  # type: ignore[arg-type]  # fmt: skip


def field(where: Plane) -> Values:
    """2x - y + 3z + 7 in mm."""
    points = where.points()
    return (2 * points[..., 0] - points[..., 1] + 3 * points[..., 2] + 7).astype(np.float32)


def at(places: list[float]) -> tuple[volume.Stack, list[Plane]]:
    planes = [plane(z) for z in places]
    return volume.stack(planes), planes


@pytest.mark.parametrize("places", [[0.0, 5.0, 10.0, 15.0], [15.0, 0.0, 10.0, 5.0], [0.0, 3.0, 11.0, 15.0]])
@pytest.mark.parametrize("z", [0.0, 2.3, 7.5, 14.9])
def test_a_linear_field_stays_linear_between_slices(places: list[float], z: float) -> None:
    stack, planes = at(places)
    fine = plane(z, 50, 60, 1.3)
    found = volume.on(stack, fine, lambda key: field(planes[key]))
    inside = ~np.isnan(found)
    points = fine.points()
    assert np.array_equal(inside, (points[..., 0] <= 52 + 2) & (points[..., 1] <= 46 + 2))
    deep = inside & (points[..., 0] <= 52) & (points[..., 1] <= 46)
    assert np.allclose(found[deep], field(fine)[deep], atol=0.01)


def test_planes_that_are_askew() -> None:
    stack, planes = at([0.0, 5.0, 10.0, 15.0, 20.0])
    turned = plane(2.0, 10, 10, 2.0, row=np.array([0.8, 0, 0.6]), origin_mm=np.array([-20.0, -10.0, 2.0]))
    found = volume.on(stack, turned, lambda key: field(planes[key]))
    assert not np.isnan(found).any()
    assert np.allclose(found, field(turned), atol=0.01)


def test_only_the_slices_that_are_needed_are_loaded() -> None:
    stack, planes = at([0.0, 5.0, 10.0, 15.0, 20.0])
    loaded: list[int] = []

    def load(key: int) -> Values:
        loaded.append(key)
        return field(planes[key])

    volume.on(stack, plane(6.0), load)
    assert loaded == [1, 2]
    loaded.clear()
    assert np.isnan(volume.on(stack, plane(100.0), load)).all()
    assert loaded == []


def test_what_does_not_belong_together_is_refused() -> None:
    stack, planes = at([0.0, 5.0])
    with pytest.raises(Unplaced, match="different frames of reference"):
        volume.on(stack, plane(1.0, frame="9.9"), lambda key: field(planes[key]))
    with pytest.raises(Unplaced, match="one plane"):
        volume.stack([plane(0.0), plane(0.0)])
    with pytest.raises(Unplaced, match="not parallel"):
        volume.stack([plane(0.0), plane(5.0, row=np.array([0.8, 0, 0.6]))])
    with pytest.raises(Unplaced, match="not parallel"):
        volume.stack([plane(0.0), plane(5.0, origin_mm=np.array([-10.0, -30.0, 5.0]))])
    with pytest.raises(Unplaced):
        volume.stack([])


def test_one_slice_is_as_thick_as_it_says() -> None:
    stack, planes = at([0.0])
    assert not np.isnan(volume.on(stack, plane(2.4), lambda key: field(planes[key]))).any()
    assert np.isnan(volume.on(stack, plane(2.6), lambda key: field(planes[key]))).all()


def test_a_volume_that_is_too_large_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    stack, planes = at([0.0, 5.0, 10.0])
    monkeypatch.setattr(volume, "MOST_VALUES", 100)
    with pytest.raises(Unplaced, match="too large"):
        volume.on(stack, plane(1.0), lambda key: field(planes[key]))


def test_a_plane_goes_through_json_and_back() -> None:
    one = volume.plane_from_dict(volume.plane_as_dict(plane(3.0)))
    assert np.array_equal(one.points(), plane(3.0).points())
    assert one.frame_of_reference == "1.2"


def test_heat_goes_from_nothing_to_the_top() -> None:
    drawn = overlay.heat(np.array([[0.0, 2.5, 5.0, 50.0, np.nan, -1.0]], dtype=np.float32), 5.0)
    assert drawn[0, :, 3].tolist() == [0, 255, 255, 255, 0, 0]
    assert drawn[0, 2, :3].tolist() == drawn[0, 3, :3].tolist() == [255, 255, 255]
    assert drawn[0, 1, 0] > drawn[0, 1, 2]


def test_masks_are_drawn_with_their_edges() -> None:
    mask = np.zeros((7, 7), dtype=bool)
    mask[1:6, 1:6] = True
    drawn = overlay.of_masks({1: mask}, {1: (10, 20, 30)})
    assert drawn[3, 3].tolist() == [10, 20, 30, overlay.FILL]
    assert drawn[1, 3].tolist() == [10, 20, 30, overlay.EDGE]
    assert drawn[0, 0].tolist() == [0, 0, 0, 0]
    assert overlay.png(drawn).startswith(b"\x89PNG")
