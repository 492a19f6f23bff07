"""Contours, dose, histograms and plans at the REST door, within rights."""

from __future__ import annotations

import csv
import io
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from tests.support.rest import Rest, content, program_of

from sinfonietta.jobs import leases
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one
from sinfonietta.library import services
from sinfonietta.library.models import Level

if TYPE_CHECKING:
    from tests.integration.radiotherapy.conftest import Phantom

    from sinfonietta.accounts.actor import Actor

pytestmark = pytest.mark.django_db


def work() -> None:
    """Do all jobs that wait, as a worker does."""
    while job := leases.take("test", list(settings.JOB_KINDS)):
        run_one(job, threading.Event())


def middle(planned: Phantom) -> str:
    """The slice nearest to the isocentre."""
    truth = planned.truth
    return str(planned.ct[round((truth.isocenter_mm[2] - truth.first_slice_z_mm) / truth.spacing_mm[2])].uid)


def test_what_belongs_together_is_found_from_each_of_the_objects(bob: Actor, planned: Phantom) -> None:
    program = program_of(bob)
    for opened in (planned.structures, planned.plan, planned.dose):
        found = program.get(f"files/{opened.uid}/radiotherapy")
        assert [found[kind] for kind in ("structures", "plan", "dose")] == [
            str(node.uid) for node in (planned.structures, planned.plan, planned.dose)
        ]
        assert [one["id"] for one in found["slices"]] == [str(node.uid) for node in planned.ct]
        assert found["spacing_mm"] == pytest.approx(planned.truth.spacing_mm[2])
        assert found["notes"] == []


def test_contours_lie_where_the_phantom_has_them(bob: Actor, planned: Phantom) -> None:
    program, truth = program_of(bob), planned.truth
    whole = program.get(f"files/{planned.structures.uid}/contours")
    names = {roi["number"]: roi["name"] for roi in whole["rois"]}
    assert set(names.values()) == {one.name for one in truth.structures}
    assert whole["frames_of_reference"] == [truth.frame_of_reference_uid]
    found = program.get(f"files/{planned.structures.uid}/contours?on={middle(planned)}")
    z = truth.first_slice_z_mm + [str(node.uid) for node in planned.ct].index(middle(planned)) * truth.spacing_mm[2]
    drawn = {names[one["roi"]]: np.array(one["points"]).reshape(-1, 2) for one in found["outlines"]}
    assert set(drawn) == {one.name for one in truth.structures if one.section_radii_mm(z)}
    for name in ("GTV", "HEART", "BODY"):
        structure, points = truth.structure(name), drawn[name]
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        expected = [at / truth.spacing_mm[0] + (found["image"]["columns"] - 1) / 2 for at in structure.center_mm[:2]]
        assert center == pytest.approx(expected, abs=0.05)
        radii = np.ptp(points, axis=0) / 2 * truth.spacing_mm[0]
        assert radii == pytest.approx(structure.section_radii_mm(z), rel=0.01)


def test_dose_over_an_image_is_the_formula(bob: Actor, planned: Phantom) -> None:
    program, truth = program_of(bob), planned.truth
    found = program.get(f"files/{planned.dose.uid}/dose?on={middle(planned)}&levels=20,57")
    assert (found["unit"], found["summation"]) == ("Gy", "PLAN")
    assert found["maximum"] == pytest.approx(truth.plateau_gy, rel=0.01)
    values = found["values"]
    dose = np.array(values["hundredths"]).reshape(values["rows"], values["columns"]) / 100
    row, column = np.nonzero(dose >= 0)
    pixels = (
        np.stack([column, row]) * values["step"] + values["step"] / 2 + np.array([[values["left"]], [values["top"]]])
    )
    x, y = (pixels - (64 - 1) / 2) * truth.spacing_mm[0]
    z = truth.first_slice_z_mm + [str(node.uid) for node in planned.ct].index(middle(planned)) * truth.spacing_mm[2]
    inner = (np.abs(x - truth.isocenter_mm[0]) < 95) & (np.abs(y - truth.isocenter_mm[1]) < 85)
    assert inner.sum() > 500
    assert dose[row, column][inner] == pytest.approx(truth.dose_gy(x, y, z)[inner], abs=0.35)
    for isodose in found["isodoses"]:
        line = np.array(max(isodose["lines"], key=len)).reshape(-1, 2)
        center = [at / truth.spacing_mm[0] + (64 - 1) / 2 for at in truth.isocenter_mm[:2]]
        radius = np.hypot(*(line - center).T) * truth.spacing_mm[0]
        ideal = np.sqrt(truth.radius_of_gy(isodose["level"]) ** 2 - (z - truth.isocenter_mm[2]) ** 2)
        assert radius == pytest.approx(np.full(len(line), ideal), abs=1.0)


def test_the_wash_is_clear_beyond_the_dose_and_red_at_its_top(bob: Actor, planned: Phantom) -> None:
    program = program_of(bob)
    url = f"files/{planned.dose.uid}/dose.png?on={middle(planned)}"
    response = program.call("GET", url)
    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    picture = np.asarray(Image.open(io.BytesIO(content(response))))
    assert picture[0, 0, 3] == 0
    center = picture[picture.shape[0] // 2, picture.shape[1] // 2]
    assert center[0] > 180
    assert center[1] < 80
    assert center[3] == 255
    cooler = np.asarray(Image.open(io.BytesIO(content(program.call("GET", url + "&top=200")))))
    assert cooler[picture.shape[0] // 2, picture.shape[1] // 2][2] > 100


def test_histograms_are_computed_by_a_job_and_kept(bob: Actor, alice: Actor, planned: Phantom) -> None:
    program, url = program_of(bob), f"files/{planned.dose.uid}/histogram"
    response = program.call("GET", url)
    assert response.status_code == 202
    job = Job.objects.get(uid=response.json()["id"])
    assert response["Location"] == f"/api/v1/jobs/{job.uid}"
    assert program.call("GET", f"files/{planned.structures.uid}/histogram.csv").json()["id"] == str(job.uid)
    work()
    job.refresh_from_db()
    assert (job.state, job.result) == ("succeeded", {"regions": 8})
    found = {roi["name"]: roi for roi in program.get(url)["rois"]}
    truth = planned.truth
    for name in ("GTV", "PTV"):
        assert found[name]["volume_cm3"] == pytest.approx(truth.contoured_cm3(name), rel=0.005)
        assert found[name]["mean"] == pytest.approx(truth.mean_gy(name), rel=0.01)
        assert found[name]["d50"] == pytest.approx(truth.dose_at_fraction(name, 0.5), rel=0.01)
    # What was computed for one is there for another who may read both files.
    assert program_of(alice).get(f"files/{planned.structures.uid}/histogram")["rois"]
    table = list(csv.reader(io.StringIO(content(program.call("GET", url + ".csv")).decode())))
    assert table[0][0] == "Dose (Gy)"
    column = table[0].index("PTV (cm3)")
    doses, volumes = (np.array([float(row[at]) for row in table[1:]]) for at in (0, column))
    for dose, part in ((20, 1.0), (found["PTV"]["d50"], 0.5), (found["PTV"]["d95"], 0.95)):
        assert np.interp(dose, doses, volumes) == pytest.approx(part * found["PTV"]["volume_cm3"], rel=0.01)


def test_a_plan_is_tables_and_a_view_of_each_beam(bob: Actor, planned: Phantom) -> None:
    program = program_of(bob)
    plan = program.get(f"files/{planned.plan.uid}/plan")
    assert plan["prescriptions"][0]["prescribed_gy"] == 60.0
    assert [beam["points"][0]["gantry_deg"] for beam in plan["beams"]] == list(planned.truth.beams)
    view = program.get(f"files/{planned.plan.uid}/plan/beams/1?structures={planned.structures.uid}")
    assert view["jaws"] == {"ASYMX": [-26.0, 26.0], "ASYMY": [-26.0, 26.0]}
    reach = max(abs(value) for outlines in view["targets"].values() for one in outlines for value in one)
    assert reach == pytest.approx(21.0, rel=0.05)  # a ball around the isocentre
    program.send("GET", f"files/{planned.plan.uid}/plan/beams/9", status=404)


def test_the_preview_names_what_can_be_asked(bob: Actor, planned: Phantom) -> None:
    program = program_of(bob)
    for node, kinds in (
        (planned.structures, ["contours", "histogram", "tags"]),
        (planned.plan, ["plan", "tags"]),
        (planned.dose, ["dose", "histogram", "image", "tags"]),
    ):
        found = program.get(f"files/{node.uid}/preview")
        assert found["kinds"] == kinds
        for kind in kinds:
            assert program.call("GET", found["links"][kind]).status_code in (200, 202), kind


def test_who_reads_the_dose_but_not_the_images_sees_the_dose_alone(alice: Actor, bob: Actor, planned: Phantom) -> None:
    services.set_grants(actor=alice, uid=planned.images.uid, inherit=False, grants=[("user", "alice", Level.MANAGE)])
    program = program_of(bob)
    found = program.get(f"files/{planned.dose.uid}/radiotherapy")
    assert {one["id"] for one in found["slices"]} == {str(planned.dose.uid)}
    assert any("images" in note and "not yours to see" in note for note in found["notes"])
    # The image is as absent as one that never was.
    for path in ("contours", "dose"):
        owner = planned.structures if path == "contours" else planned.dose
        hidden = program.call("GET", f"files/{owner.uid}/{path}?on={planned.ct[3].uid}")
        assert hidden.status_code == 404
        assert str(planned.ct[3].uid).encode() not in content(hidden)
    on_itself = program.get(f"files/{planned.dose.uid}/dose?on={planned.dose.uid}&frame=30&levels=20")
    assert on_itself["isodoses"][0]["lines"]
    assert program.get(f"files/{planned.structures.uid}/contours?on={planned.dose.uid}&frame=30")["outlines"]


def test_contours_alone_are_shown_on_planes_of_their_own(alice: Actor, bob: Actor, planned: Phantom) -> None:
    nobody = [("user", "alice", Level.MANAGE)]
    for node in (planned.images,):
        services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=nobody)
    services.trash(actor=alice, uid=planned.dose.uid)
    program = program_of(bob)
    assert program.get(f"files/{planned.structures.uid}/radiotherapy")["slices"] == []
    planes = program.get(f"files/{planned.structures.uid}/contours")["planes"]
    assert planes == planned.truth.slices
    found = program.get(f"files/{planned.structures.uid}/contours?plane={planes // 2}")
    points = np.concatenate([one["points"] for one in found["outlines"]]).reshape(-1, 2)
    assert (points >= 0).all()
    assert (points <= [found["image"]["columns"], found["image"]["rows"]]).all()
    program.send("GET", f"files/{planned.structures.uid}/contours?plane={planes}", status=404)
    # Without a dose the volumes are still computed.
    assert program.call("GET", f"files/{planned.structures.uid}/histogram").status_code == 202
    work()
    found = program.get(f"files/{planned.structures.uid}/histogram")
    heart = next(roi for roi in found["rois"] if roi["name"] == "HEART")
    assert heart["volume_cm3"] == pytest.approx(planned.truth.contoured_cm3("HEART"), rel=0.005)


def test_a_stranger_finds_none_of_it(mallory: Actor, planned: Phantom) -> None:
    program = program_of(mallory)
    for node in (planned.structures, planned.plan, planned.dose):
        for path in (
            "radiotherapy",
            "contours",
            "dose",
            "dose.png",
            "histogram",
            "histogram.csv",
            "plan",
            "plan/beams/1",
        ):
            program.send("GET", f"files/{node.uid}/{path}", status=404)
    assert not Job.objects.exists()


def test_what_is_asked_of_the_wrong_object_is_not_there(bob: Actor, planned: Phantom) -> None:
    program: Rest = program_of(bob)
    for node, path in (
        (planned.dose, "contours"), (planned.structures, "dose"), (planned.dose, "plan"),
        (planned.ct[0], "radiotherapy"), (planned.ct[0], "histogram"), (planned.collection, "dose"),
    ):  # fmt: skip
        program.send("GET", f"files/{node.uid}/{path}", status=404)
    program.send("GET", f"files/{planned.dose.uid}/dose?on={planned.ct[0].uid}&levels=1,x", status=422)
    program.send("GET", f"files/{planned.dose.uid}/dose?on={planned.ct[0].uid}&levels=nan", status=422)
    program.send("GET", f"files/{planned.dose.uid}/dose?on={planned.dose.uid}&frame=9999", status=422)
