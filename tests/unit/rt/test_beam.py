"""What a beam sees: known points of the patient, in every position of patient and machine."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from sinfonietta.dicom.rt import beam, plan
from sinfonietta.dicom.rt.geometry import Unplaced
from sinfonietta.dicom.rt.plan import Beam, ControlPoint
from sinfonietta.dicom.rt.structures import Contour, Roi

LEFT, BACK, HEAD = (10.0, 0, 0), (0, 10.0, 0), (0, 0, 10.0)


def point(gantry: float | None = 0.0, collimator: float = 0.0, couch: float = 0.0, **more: object) -> ControlPoint:
    fields: dict[str, object] = {
        "index": 0, "meterset_weight": 0.0, "energy_mev": 6.0, "gantry_deg": gantry, "collimator_deg": collimator,
        "couch_deg": couch, "ssd_mm": None, "isocenter_mm": (0.0, 0.0, 0.0), "jaws": {},
    }  # fmt: skip
    return ControlPoint(**(fields | more))  # type: ignore[arg-type]


def machine(leaves: dict[str, tuple[float, ...]] | None = None, sad: tuple[float, ...] = (1000.0,)) -> Beam:
    return Beam(1, "", "STATIC", "PHOTON", "", "", sad, "MU", [], leaves or {}, [])


@pytest.mark.parametrize(
    ("position", "gantry", "where", "seen"),
    [
        # From above: the patient's left to the right, the head (towards the gantry) up.
        ("HFS", 0, LEFT, (10, 0)), ("HFS", 0, HEAD, (0, 10)), ("HFS", 0, BACK, (0, 0)),
        # From the patient's left: what lies in front is to the left of who looks from there, with the gantry up.
        ("HFS", 90, LEFT, (0, 0)), ("HFS", 90, BACK, (10, 0)), ("HFS", 90, HEAD, (0, 10)),
        ("HFS", 180, LEFT, (-10, 0)), ("HFS", 270, BACK, (-10, 0)),
        ("HFP", 0, LEFT, (-10, 0)), ("HFP", 0, HEAD, (0, 10)), ("FFS", 0, LEFT, (-10, 0)), ("FFS", 0, HEAD, (0, -10)),
        ("FFP", 0, LEFT, (10, 0)), ("FFP", 0, HEAD, (0, -10)),
        # On the right side the left is up, and the back to the right.
        ("HFDR", 0, BACK, (10, 0)), ("HFDR", 0, LEFT, (0, 0)), ("HFDL", 0, BACK, (-10, 0)),
        ("FFDR", 0, BACK, (-10, 0)), ("FFDL", 0, BACK, (10, 0)),
    ],
)  # fmt: skip
def test_where_a_point_is_seen(position: str, gantry: float, where: tuple[float, ...], seen: tuple[float, ...]) -> None:
    (found,) = beam.project(machine(), point(gantry), position, np.array([where]))
    assert found == pytest.approx(seen, abs=1e-9)


def test_collimator_and_couch_turn_the_way_of_the_standard() -> None:
    def seen(*where: float, **angles: float) -> list[float]:
        return beam.project(machine(), point(**angles), "HFS", np.array([where]))[0].round(6).tolist()  # type: ignore[no-any-return]

    assert seen(*LEFT, couch=90.0) == [0, 10]
    assert seen(*HEAD, couch=90.0) == [-10, 0]
    assert seen(*LEFT, collimator=90.0) == [0, -10]
    assert seen(*HEAD, collimator=90.0) == [10, 0]


def test_what_is_nearer_is_larger_and_what_is_behind_the_source_is_not_seen() -> None:
    found = beam.project(
        machine(), point(), "HFS", np.array([(10, -100, 0), (10, 100, 0), (10, -1000, 0), (0, -5000, 0)])
    )
    assert found[:, 0] == pytest.approx([10 / 0.9, 10 / 1.1])
    ion = beam.project(machine(sad=(2000.0, 1000.0)), point(), "HFS", np.array([(10, -100, 10)]))
    assert ion[0] == pytest.approx([10 / 0.95, 10 / 0.9])


@pytest.mark.parametrize(("position", "more"), [("", {}), ("HFS", {"gantry": None}), ("HFS", {"isocenter_mm": ()})])
def test_who_does_not_say_where_it_stands_is_told_so(position: str, more: dict[str, object]) -> None:
    with pytest.raises(Unplaced):
        beam.project(machine(), point(**more), position, np.zeros((1, 3)))  # type: ignore[arg-type]


def test_jaws_leaves_and_the_shadow_of_a_ball() -> None:
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    contours = []
    for z in np.arange(-19.0, 20, 2):
        radius = np.sqrt(400 - z * z)
        contours.append(
            Contour("CLOSED_PLANAR", np.column_stack([radius * np.cos(turn), radius * np.sin(turn), z + 0 * turn]))
        )
    jaws = {"ASYMX": (-30.0, 20.0), "Y": (-25.0, 25.0), "MLCX": (-5.0, -6.0, 5.0, 7.0)}
    found = beam.view(
        machine({"MLCX": (-10.0, 0.0, 10.0), "ASYMX": ()}),
        point(jaws=jaws),
        "HFS",
        [Roi(3, "PTV", "PTV", (0, 0, 0), contours)],
    )
    assert found.jaws == {"ASYMX": (-30.0, 20.0), "Y": (-25.0, 25.0)}
    assert [leaf[:1] + leaf[1::2] for leaf in found.leaves] == [
        (-5.0, -10.0, 0.0), (5.0, -10.0, 0.0), (-6.0, 0.0, 10.0), (7.0, 0.0, 10.0)
    ]  # fmt: skip
    shadow = np.concatenate(found.outlines[3])
    assert np.hypot(*shadow.T).max() == pytest.approx(20.0, rel=0.01)
    assert found.reach_mm >= 40


def test_a_hull_is_convex() -> None:
    points = np.random.default_rng(1).normal(size=(200, 2))
    corners = beam.hull(points)
    edges = np.roll(corners, -1, axis=0) - corners
    for corner, edge in zip(corners, edges, strict=True):
        offset = points - corner
        assert (edge[0] * offset[:, 1] - edge[1] * offset[:, 0] >= -1e-9).all()


def test_control_points_say_only_what_changes() -> None:
    first, second = Dataset(), Dataset()
    first.GantryAngle, first.NominalBeamEnergy, first.IsocenterPosition = 10, 6, [1, 2, 3]
    jaw = Dataset()
    jaw.RTBeamLimitingDeviceType, jaw.LeafJawPositions = "X", [-5, 5]
    first.BeamLimitingDevicePositionSequence = [jaw]
    second.GantryAngle = 20
    said = Dataset()
    said.BeamNumber, said.ControlPointSequence = 1, [first, second]
    dataset = Dataset()
    dataset.BeamSequence = [said]
    (one,) = plan.read(dict(dataset.to_json_dict())).beams
    assert [(at.gantry_deg, at.energy_mev, at.jaws) for at in one.points] == [
        (10, 6, {"X": (-5, 5)}), (20, 6, {"X": (-5, 5)})
    ]  # fmt: skip
