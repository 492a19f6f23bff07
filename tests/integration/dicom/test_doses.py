"""Dose sums follow the files: only what the caller may read, every irradiation once, through the life of a file."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.support.objects import dataset, file, saved
from tests.support.portal import browser_of
from tests.support.rest import content, program_of
from tests.support.studies import put

from sinfonietta.accounts.actor import Actor
from sinfonietta.dicom.models import DicomDose
from sinfonietta.dicom.radiation import queries
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db
CT, FLUOROSCOPY, CBCT = "Reports/CT dose report", "Reports/fluoroscopy dose report", "Reports/CBCT 1 dose report"
DLP_MGYCM = 7.5 * 190 / 10


@pytest.fixture
def study(alice: Actor, bob: Actor) -> Node:
    node = services.create_collection(actor=alice, name="Study")
    services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=[("user", bob.name, Level.READ)])
    return node


@pytest.fixture
def hidden(alice: Actor, study: Node) -> Node:
    """A folder of the study that Bob may not read."""
    node = services.create_folder(actor=alice, parent=study.uid, name="Hidden")
    services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=[])
    return node


def sums(actor: Actor, root: Node | None = None, **more: Any) -> dict[str, float | None]:
    found = queries.doses(actor=actor, root=root, **more)
    return {f"{one.quantity} {one.of}".strip(): one.value for one in found.sums}


def test_only_what_the_caller_may_read_is_summed(alice: Actor, bob: Actor, study: Node, hidden: Node) -> None:
    put(alice, study.uid, file(CT), "ct.dcm")
    put(alice, hidden.uid, file(FLUOROSCOPY), "fluoroscopy.dcm")
    put(alice, hidden.uid, file(CBCT), "cbct.dcm")
    assert sums(alice, study) == {
        "CTDIvol": 7.5, "DLP": pytest.approx(DLP_MGYCM + 68.5), "DAP": pytest.approx(4.3),
        "Reference point dose": pytest.approx(0.0305), "Fluoroscopy time": 50.5,
    }  # fmt: skip
    assert sums(bob, study) == {"CTDIvol": 7.5, "DLP": pytest.approx(DLP_MGYCM)}
    assert (queries.doses(actor=bob).reports, queries.doses(actor=alice).reports) == (1, 3)
    assert queries.doses(actor=bob).events == 1
    assert [date for date, _ in queries.doses(actor=bob).by(8)] == ["20260302"]
    for text in (
        browser_of(bob).get(f"/doses?in={study.uid}").content.decode(),
        browser_of(bob).get("/doses").content.decode(),
        content(program_of(bob).call("GET", f"nodes/{study.uid}/doses.csv")).decode(),
    ):
        assert "142.5" in text
        hidden_words = ("DAP", "Fluoroscopy", "4.3", "2026-02-20", f"{DLP_MGYCM + 68.5:.1f}")
        assert not [word for word in hidden_words if word in text]


def test_a_report_in_two_places_counts_once(alice: Actor, bob: Actor, study: Node, hidden: Node) -> None:
    put(alice, study.uid, file(CT), "ct.dcm")
    put(alice, hidden.uid, file(CT), "again.dcm")
    for actor in (alice, bob):
        assert sums(actor)["DLP"] == pytest.approx(DLP_MGYCM)
        assert queries.doses(actor=actor).reports == 1
        assert [len(one.reports) for one in queries.doses(actor=actor).patients] == [1]
        assert [len(reports) for reports in queries.doses(actor=actor).dated.values()] == [1]


def test_an_event_in_two_reports_counts_once(alice: Actor, study: Node) -> None:
    put(alice, study.uid, file(CT), "ct.dcm")
    again = dataset(CT)
    again.SOPInstanceUID = again.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5"
    put(alice, study.uid, saved(again), "continued.dcm")
    found = queries.doses(actor=alice)
    assert (found.reports, found.events) == (2, 1)
    assert sums(alice)["DLP"] == pytest.approx(DLP_MGYCM)


def test_trash_restore_move_copy_purge_and_a_new_version(alice: Actor, study: Node) -> None:
    ct = put(alice, study.uid, file(CT), "ct.dcm").node
    folder = services.create_folder(actor=alice, parent=study.uid, name="Folder")
    services.trash(actor=alice, uid=ct.uid)
    assert sums(alice) == {}
    services.restore(actor=alice, uid=ct.uid)
    assert sums(alice)["DLP"] == pytest.approx(DLP_MGYCM)
    services.move(actor=alice, uid=ct.uid, parent=folder.uid)
    assert sums(alice, folder)["DLP"] == pytest.approx(DLP_MGYCM)
    other = services.create_collection(actor=alice, name="Other")
    services.copy(actor=alice, uid=folder.uid, parent=other.uid)
    assert sums(alice, other)["DLP"] == pytest.approx(DLP_MGYCM)
    assert sums(alice)["DLP"] == pytest.approx(DLP_MGYCM)
    put(alice, folder.uid, file(CBCT), "ct.dcm")
    assert sums(alice, folder) == {"CTDIvol": 4.2, "DLP": pytest.approx(68.5)}
    services.restore_version(actor=alice, uid=ct.uid, number=1)
    assert sums(alice, folder)["DLP"] == pytest.approx(DLP_MGYCM)
    for node in (study, other):
        services.trash(actor=alice, uid=node.uid)
        services.purge(actor=alice, uid=node.uid)
    assert sums(alice) == {}
    assert DicomDose.objects.count() == 0


def test_a_patient_is_an_id_and_its_issuer(alice: Actor, study: Node) -> None:
    for number, (name, issuer) in enumerate([("P1", "Lund"), ("P1", "Porto"), ("P1", ""), ("P2", "")]):
        one = dataset(CT)
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        one.PatientID, one.IssuerOfPatientID = name, issuer
        for item in one.iterall():
            if item.keyword == "UID" and "event" not in str(item.value):
                item.value = f"1.3.{number}.{item.value[-8:]}"
        put(alice, study.uid, saved(one), f"{number}.dcm")
    found = queries.doses(actor=alice, root=study)
    assert [(one.patient_id, one.issuer) for one in found.patients] == [
        ("P1", ""), ("P1", "Lund"), ("P1", "Porto"), ("P2", "")
    ]  # fmt: skip
    assert sums(alice)["DLP"] == pytest.approx(4 * DLP_MGYCM)
    assert sums(alice, patient=("P1", "Lund"))["DLP"] == pytest.approx(DLP_MGYCM)
    assert sums(alice, patient=("P3", "")) == {}
    rows = program_of(alice).get(f"nodes/{study.uid}/doses?patient=P1&issuer=Porto")["patients"]
    assert {(row["patient_id"], row["issuer"]) for row in rows} == {("P1", "Porto")}


def test_a_name_is_no_markup_and_no_formula(alice: Actor, study: Node) -> None:
    one = dataset(CT)
    one.PatientID, one.PatientName = "=1+1", "<script>alert(1)</script>"
    put(alice, study.uid, saved(one), "ct.dcm")
    page = browser_of(alice).get(f"/doses?in={study.uid}").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "\r\n'=1+1," in browser_of(alice).get(f"/doses.csv?in={study.uid}").content.decode()


def test_other_reports_are_no_dose_reports(alice: Actor, study: Node) -> None:
    for name in ("Reports/measurements", "Reports/key images", "Reports/report", "CT/ct_001"):
        put(alice, study.uid, file(name), name.rpartition("/")[2] + ".dcm")
    assert DicomDose.objects.count() == 0
    page = browser_of(alice).get(f"/doses?in={study.uid}").content.decode()
    assert "No dose reports" in page


def test_dosimetry_tables_stand_beside_them(alice: Actor, bob: Actor, study: Node, hidden: Node) -> None:
    head = "person_group,quantity,unit,value\n"
    put(alice, study.uid, (head + "worker,Hp(10),uSv,40\nworker,Hp(10),furlong,1\n").encode(), "dosimetry.csv")
    put(alice, hidden.uid, (head + "carer,Effective dose,mSv,0.123\n").encode(), "Dosimetry 2.CSV")
    put(alice, study.uid, b"a,b\n1,2\n", "not dosimetry.csv")
    assert [one.name for one in queries.tables(actor=alice, root=study)] == ["Dosimetry 2.CSV", "dosimetry.csv"]
    assert [one.name for one in queries.tables(actor=bob, root=study)] == ["dosimetry.csv"]
    page = browser_of(bob).get(f"/doses?in={study.uid}").content.decode()
    assert "0.04" in page
    assert "1 line left out" in page
    assert "0.123" not in page
    said = program_of(bob).get(f"nodes/{study.uid}/doses")["dosimetry"]
    assert [(one["name"], one["left_out"], one["lines"][0]["mean"]) for one in said] == [("dosimetry.csv", 1, 0.04)]


def test_the_number_of_questions_does_not_grow(alice: Actor, study: Node) -> None:
    def count(number: int) -> int:
        one = dataset(CT)
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
        one.PatientID = f"P{number}"
        put(alice, study.uid, saved(one), f"{number}.dcm")
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(f"/doses?in={study.uid}").status_code == 200
        return len(asked)

    browser = browser_of(alice)
    count(0)
    assert count(1) == count(2) == count(3)


def test_a_large_report_is_read_by_a_job(
    alice: Actor, bob: Actor, study: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    from threading import Event

    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.dicom import inspect
    from sinfonietta.dicom.radiation import tasks
    from sinfonietta.jobs import leases
    from sinfonietta.jobs.runner import JobContext

    monkeypatch.setattr(inspect, "MOST_BYTES", 1000)
    node = put(alice, study.uid, file(CT), "ct.dcm").node
    other = services.create_collection(actor=alice, name="Other")
    services.copy(actor=alice, uid=node.uid, parent=other.uid)
    assert sums(bob) == {}
    assert "being read" in browser_of(bob).get(f"/nodes/{node.uid}").content.decode()
    assert program_of(bob).call("GET", f"files/{node.uid}/preview/irradiation").status_code == 503
    job = leases.take("w1", ["dicom.dose"])
    assert job is not None
    assert tasks.read(JobContext(job, SYSTEM, Event())) == {"read": 2}
    assert tasks.read(JobContext(job, SYSTEM, Event())) == {"read": 0}
    for actor in (alice, bob):
        assert sums(actor)["DLP"] == pytest.approx(DLP_MGYCM)
    assert sums(alice, other)["DLP"] == pytest.approx(DLP_MGYCM)
    assert "7.5" in browser_of(bob).get(f"/nodes/{node.uid}").content.decode()


def test_more_than_can_be_summed_is_said(alice: Actor, study: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    put(alice, study.uid, file(CT), "ct.dcm")
    put(alice, study.uid, file(FLUOROSCOPY), "fluoroscopy.dcm")
    weight = len(DicomDose.objects.get(instance__node__name="fluoroscopy.dcm").sums)
    monkeypatch.setattr(queries, "MOST_SUMMED", weight)
    found = queries.doses(actor=alice, root=study)
    assert (found.reports, found.is_cut) == (1, True)
    assert "CTDIvol" not in sums(alice, study)
    assert "more dose reports than can be summed" in browser_of(alice).get(f"/doses?in={study.uid}").content.decode()
    assert program_of(alice).get(f"nodes/{study.uid}/doses")["is_cut"] is True
    program_of(alice).send("GET", f"nodes/{study.uid}/doses.csv", status=422)
    monkeypatch.setattr(queries, "MOST_SUMMED", 10 * weight)
    assert queries.doses(actor=alice, root=study).is_cut is False
