"""Segmentations: what they say, their colours, and where their masks lie on an image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from tests.support.objects import dataset, phantom, saved

from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.parse import parse
from sinfonietta.dicom.image import masks, segments, volume
from sinfonietta.dicom.rt.geometry import Unplaced, plane_of
from sinfonietta.dicom.sandbox.isolation import Sandbox, Undrawable


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    for name, content in phantom()[1].items():
        if name.startswith(("CT/", "SEG/")):
            (folder / Path(name).name).write_bytes(content)
    return folder


def header(path: Path) -> dict[str, Any]:
    found = parse(path, limits=Limits())
    assert found is not None
    return found.json


def test_what_a_segmentation_says(made: Path) -> None:
    said = segments.read(header(made / "segments"))
    tumour, heart = said.segments
    assert (tumour.number, tumour.label, tumour.kind.meaning, tumour.algorithm) == (1, "Tumour", "Neoplasm", "manual")
    assert (heart.category.code, heart.anatomy.code) == ("123037004", "")
    assert said.kind == "BINARY"
    assert len(said.images) == 16
    assert said.segments[0].frames + said.segments[1].frames == int(dataset("SEG/segments").NumberOfFrames)
    assert segments.Segmentation.from_dict(said.as_dict()) == said


@pytest.mark.parametrize(
    ("lab", "rgb"),
    [
        ((100.0, 0.0, 0.0), (255, 255, 255)), ((0.0, 0.0, 0.0), (0, 0, 0)), ((54.29, 80.81, 69.89), (255, 0, 0)),
        ((87.82, -79.29, 80.99), (0, 255, 0)), ((29.57, 68.30, -112.03), (0, 0, 255)), ((53.4, 0, 0), (127, 127, 127)),
    ],
)  # fmt: skip
def test_colours_are_those_of_cielab(lab: tuple[float, float, float], rgb: tuple[int, int, int]) -> None:
    packed = (lab[0] * 655.35, (lab[1] + 128) * 257, (lab[2] + 128) * 257)
    assert segments.color_of(packed) == pytest.approx(rgb, abs=1)


def test_masks_lie_where_the_structure_is(made: Path) -> None:
    truth, _ = phantom()
    said, stored = header(made / "segments"), dataset("SEG/segments").pixel_array
    heart = truth.structure("HEART")
    for path in sorted(made.glob("ct_*")):
        plane = plane_of(header(path))
        found = masks.on(said, plane, [2], lambda frame: stored[frame])
        x, y = plane.points()[..., 0], plane.points()[..., 1]
        ideal = heart.inside(x, y, float(plane.origin_mm[2]))
        assert np.array_equal(found.get(2, np.zeros_like(ideal)), ideal)
        assert masks.on(said, plane, [], lambda frame: stored[frame]) == {}


def test_a_mask_on_a_finer_image_and_between_planes(made: Path) -> None:
    said, stored = header(made / "segments"), dataset("SEG/segments").pixel_array
    plane = plane_of(header(made / "ct_008"))
    fine = volume.plane_from_dict(
        volume.plane_as_dict(plane)
        | {"rows": 128, "columns": 128, "row_spacing_mm": 3.125, "column_spacing_mm": 3.125}
        | {"origin_mm": (plane.origin_mm + np.array([-1.5625, -1.5625, 1.0])).tolist()}
    )
    coarse = masks.on(said, plane, [2], lambda frame: stored[frame])[2]
    assert np.array_equal(masks.on(said, fine, [2], lambda frame: stored[frame])[2], coarse.repeat(2, 0).repeat(2, 1))
    far = volume.plane_from_dict(
        volume.plane_as_dict(plane) | {"origin_mm": (plane.origin_mm + np.array([0, 0, 500])).tolist()}
    )
    assert masks.on(said, far, [2], lambda frame: stored[frame]) == {}


def test_another_frame_of_reference_is_refused(made: Path) -> None:
    said = header(made / "segments")
    plane = volume.plane_from_dict(
        volume.plane_as_dict(plane_of(header(made / "ct_008"))) | {"frame_of_reference": "9.9"}
    )
    with pytest.raises(Unplaced, match="do not belong together"):
        masks.on(said, plane, [1, 2], lambda frame: np.zeros((1, 1)))


def test_fractions_and_label_maps(made: Path) -> None:
    said = header(made / "segments")
    plane = plane_of(header(made / "ct_008"))
    half = said | {"00620001": {"vr": "CS", "Value": ["FRACTIONAL"]}, "0062000E": {"vr": "US", "Value": [200]}}
    found = masks.on(half, plane, [2], lambda frame: np.array([[99, 100]]).repeat(32, 1).repeat(64, 0))
    assert found[2].sum() == 64 * 32
    labelled = said | {"00620001": {"vr": "CS", "Value": ["LABELMAP"]}}
    found = masks.on(labelled, plane, [7, 8], lambda frame: np.array([[7, 9]]).repeat(32, 1).repeat(64, 0))
    assert {number: int(mask.sum()) for number, mask in found.items()} == {7: 64 * 32}


def test_the_child_draws_them(made: Path) -> None:
    pool = Sandbox(size=1)
    plane = volume.plane_as_dict(plane_of(header(made / "ct_008")))
    numbers, picture = pool.overlay(made / "segments", plane, [1, 2])
    assert 2 in numbers
    assert picture.startswith(b"\x89PNG")
    assert pool.overlay(made / "segments", plane, []) == ([], b"")
    with pytest.raises(Undrawable, match="do not belong together"):
        pool.overlay(made / "segments", plane | {"frame_of_reference": "9"}, [1])
    pool.close()


@pytest.mark.parametrize("broken", ["no frames", "no segments", "lying frames", "no plane"])
def test_broken_segmentations_are_answered(tmp_path: Path, made: Path, broken: str) -> None:
    changed = dataset("SEG/segments")
    if broken == "no frames":
        del changed.PerFrameFunctionalGroupsSequence
    if broken == "no segments":
        del changed.SegmentSequence
    if broken == "lying frames":
        changed.PixelData = changed.PixelData[:100]
    if broken == "no plane":
        del changed.SharedFunctionalGroupsSequence
    (tmp_path / "seg").write_bytes(saved(changed))
    pool = Sandbox(size=1)
    said = pool.segments(tmp_path / "seg")
    assert len(said.segments) == (0 if broken == "no segments" else 2)
    try:
        assert pool.overlay(tmp_path / "seg", volume.plane_as_dict(plane_of(header(made / "ct_008"))), [1, 2])
    except Undrawable as why:
        assert str(why)  # noqa: PT017 - either is an answer
    pool.close()
    assert pydicom.dcmread(io.BytesIO(saved(changed)))


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (230, 75, 53), (1, 254, 3), *segments.PALETTE])
def test_a_color_comes_back_from_lab(color: tuple[int, int, int]) -> None:
    found = segments.color_of(tuple(map(float, segments.lab_of(color))))
    assert max(abs(one - other) for one, other in zip(found, color, strict=True)) <= 1
