"""Reports, documents, segmentations and PET on their pages and at the REST door, with rights and against the truth."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from django.test import Client
from PIL import Image
from tests.support.objects import dataset, file, phantom, saved
from tests.support.portal import browser_of
from tests.support.rest import content, program_of, settled
from tests.support.studies import put

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(alice: Actor, bob: Actor) -> Node:
    node = services.create_collection(actor=alice, name="Study")
    services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=[("user", bob.name, Level.READ)])
    return node


@pytest.fixture
def images(alice: Actor, study: Node) -> Node:
    """A folder with CT and PET of the phantom."""
    folder = services.create_folder(actor=alice, parent=study.uid, name="Images")
    for name, data in phantom()[1].items():
        if name.startswith(("CT/", "PET/")):
            put(alice, folder.uid, data, name.rpartition("/")[2] + ".dcm")
    return folder


def hide(alice: Actor, node: Node) -> None:
    services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=[])


def page(client: Client, node: Node) -> str:
    answer = client.get(f"/nodes/{node.uid}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_report_is_a_tree_with_links_to_what_may_be_seen(alice: Actor, bob: Actor, study: Node, images: Node) -> None:
    report = put(alice, study.uid, file("Reports/measurements"), "report.dcm").node
    shown = page(browser_of(bob), report)
    for words in ("Imaging Measurement Report", "Diameter", "26", "mm", "Carvalho, Inês", "SUVbw"):
        assert words in shown
    measured = str(dataset("Reports/measurements").CurrentRequestedProcedureEvidenceSequence[0])
    name = next(f"CT Thorax, image {n}" for n in range(1, 17) if dataset(f"CT/ct_{n:03}").SOPInstanceUID in measured)
    assert shown.count(name) == 2
    tree = program_of(bob).get(f"files/{report.uid}/preview/report")
    group = tree["items"][3]["items"][0]["items"]
    diameter = next(one for one in group if one["concept"]["meaning"] == "Diameter")
    assert (diameter["number"], diameter["unit"]["code"]) == (26.0, "mm")
    reference = diameter["items"][0]["reference"]
    assert program_of(bob).call("GET", reference["file"]).status_code == 200

    hide(alice, images)
    shown = page(browser_of(bob), report)
    assert "CT Thorax" not in shown
    assert "not here, or not yours to see" in shown
    tree = program_of(bob).get(f"files/{report.uid}/preview/report")
    assert next(o for o in tree["items"][3]["items"][0]["items"] if o["kind"] == "NUM")["items"][0]["reference"] == (
        reference | {"file": None}
    )
    assert name in page(browser_of(alice), report)


def test_key_images_are_those_that_may_be_seen(alice: Actor, bob: Actor, study: Node, images: Node) -> None:
    keys = put(alice, study.uid, file("Reports/key images"), "keys.dcm").node
    shown = page(browser_of(bob), keys)
    assert shown.count("image.png?size=thumbnail") == 2
    assert "1 of the objects that it names is not here" in shown
    hide(alice, images)
    assert "image.png?size=thumbnail" not in page(browser_of(bob), keys)


def test_a_large_report_comes_level_by_level(alice: Actor, study: Node) -> None:
    said = dataset("Reports/measurements")
    finding = said.ContentSequence[-1].ContentSequence[0]
    said.ContentSequence[-1].ContentSequence = [finding] * 2000
    wrapper = dataset("Reports/measurements").ContentSequence[-1]
    wrapper.ContentSequence = [said.ContentSequence[-1]]
    said.ContentSequence = [wrapper]
    report = put(alice, study.uid, saved(said), "long.dcm").node
    browser = browser_of(alice)
    assert "2000 items" in page(browser, report)
    branch = browser.get(f"/files/{report.uid}/report?at=0.0").content.decode()
    assert branch.count("as wide as it was made") == 2000
    assert browser.get(f"/files/{report.uid}/report?at=0.7").status_code == 404
    tree = program_of(alice).get(f"files/{report.uid}/preview/report")
    assert tree["items"][0]["items"][0]["more"] == 2000


def test_a_dose_report_is_a_table(alice: Actor, study: Node) -> None:
    report = put(alice, study.uid, file("Reports/fluoroscopy dose report"), "dose.dcm").node
    shown = page(browser_of(alice), report)
    for words in ("4.3", "Gy·cm²", "0.00043 Gym2", "0.0305", "30.5 mGy", "50.5", "2026-02-20 10:15:00"):
        assert words in shown, words
    said = program_of(alice).get(f"files/{report.uid}/preview/irradiation")
    assert next((one["quantity"], one["value"], one["unit"], one["said"]) for one in said["totals"]) == (
        "DAP", pytest.approx(4.3), "Gy.cm2", "0.00043 Gym2"
    )  # fmt: skip
    assert [event["figures"][2]["value"] for event in said["events"]] == [42.0, 8.5]
    assert said["sums"] == []
    kinds = program_of(alice).get(f"files/{report.uid}/preview")
    assert kinds["kinds"] == ["irradiation", "report", "tags"]
    assert kinds["links"]["irradiation"] == f"/api/v1/files/{report.uid}/preview/irradiation"


def test_a_unit_that_is_not_known_is_said(alice: Actor, study: Node) -> None:
    report = dataset("Reports/CBCT 1 dose report")
    for element in report.iterall():
        if element.keyword in {"CodeValue", "CodeMeaning"} and element.value == "mGycm":
            element.value = "furlong"
    node = put(alice, study.uid, saved(report), "dose.dcm").node
    assert "not understood" in page(browser_of(alice), node)
    assert "1 left out" in browser_of(alice).get(f"/doses?in={study.uid}").content.decode()


def test_many_events_come_in_pages(alice: Actor, study: Node) -> None:
    report = dataset("Reports/CBCT 1 dose report")
    index = next(
        n for n, one in enumerate(report.ContentSequence) if one.ConceptNameCodeSequence[0].CodeValue == "113819"
    )
    event = report.ContentSequence[index]
    report.ContentSequence = [*report.ContentSequence[:index], *[event] * 450]
    node = put(alice, study.uid, saved(report), "dose.dcm").node
    browser = browser_of(alice)
    assert page(browser, node).count("Thorax CBCT, Chest") == 200
    rest = browser.get(f"/files/{node.uid}/irradiation?offset=400").content.decode()
    assert rest.count("Thorax CBCT, Chest") == 50
    assert "More events" not in rest


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2"])
def test_a_pdf_is_shown_in_the_page(alice: Actor, study: Node, syntax: str) -> None:
    said = dataset("Reports/report")
    expected = said.EncapsulatedDocument[: said.EncapsulatedDocumentLength]
    said.file_meta.TransferSyntaxUID = syntax
    node = put(alice, study.uid, saved(said), "report.dcm").node
    assert "<iframe" in page(browser_of(alice), node)
    answer = settled(browser_of(alice).get(f"/files/{node.uid}/document"))
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"].startswith('inline; filename="report.pdf"')
    assert (answer.content, int(answer["Content-Length"])) == (expected, len(expected))
    assert "script-src" not in answer["Content-Security-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    rest = program_of(alice).call("GET", f"files/{node.uid}/preview/document")
    assert content(rest) == expected
    assert rest["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("sop_class", "media_type", "body", "name", "answered"),
    [
        ("1.2.840.10008.5.1.4.1.1.104.2", "text/XML", b"<ClinicalDocument/>", "report.xml", "text/xml"),
        ("1.2.840.10008.5.1.4.1.1.104.3", "model/stl", b"solid x\nendsolid\n", "report.stl", "model/stl"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "application/pdf", b"<script>alert(1)</script>", "report.pdf",
         "application/pdf"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "text/html", b"<script>alert(1)</script>", "report",
         "application/octet-stream"),
    ],
)  # fmt: skip
def test_other_documents_are_downloaded(
    alice: Actor, study: Node, sop_class: str, media_type: str, body: bytes, name: str, answered: str
) -> None:
    said = dataset("Reports/report")
    said.SOPClassUID = said.file_meta.MediaStorageSOPClassUID = sop_class
    said.MIMETypeOfEncapsulatedDocument, said.EncapsulatedDocument = media_type, body + b"\0" * (len(body) % 2)
    said.EncapsulatedDocumentLength = len(body)
    node = put(alice, study.uid, saved(said), "report.dcm").node
    shown = page(browser_of(alice), node)
    assert "<iframe" not in shown
    answer = settled(browser_of(alice).get(f"/files/{node.uid}/document"))
    assert answer["Content-Type"] == answered
    assert answer["Content-Disposition"].startswith(f'attachment; filename="{name}"')
    assert answer["Content-Security-Policy"].startswith("sandbox")
    assert answer.content == body


def picture(answer: Any) -> Any:
    assert answer.status_code == 200, answer.content
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_segments_over_their_images(alice: Actor, bob: Actor, study: Node, images: Node) -> None:
    truth, _ = phantom()
    node = put(alice, study.uid, file("SEG/segments"), "seg.dcm").node
    browser = browser_of(bob)
    shown = page(browser, node)
    assert "Tumour" in shown
    assert "data-layer=" in shown
    said = program_of(bob).get(f"files/{node.uid}/preview/segments")
    assert [one["label"] for one in said["segments"]] == ["Tumour", "Heart"]
    assert len(said["images"]) == 16
    ct = said["images"][7]
    heart = picture(browser.get(f"{said['overlay']}?image={ct}&frame=0&on=2"))
    x = (np.arange(64) - 31.5) * truth.spacing_mm[0]
    z = truth.first_slice_z_mm + 7 * truth.spacing_mm[2]
    ideal = truth.structure("HEART").inside(x[None, :], x[:, None], z)
    assert np.array_equal(heart[..., 3] > 0, ideal)
    assert heart[ideal][0, :3].tolist() == said["segments"][1]["color"]
    for nothing in ("", "99", "x", "2;3"):
        assert picture(browser.get(f"{said['overlay']}?image={ct}&frame=0&on={nothing}"))[..., 3].max() == 0

    hide(alice, images)
    shown = page(browser_of(bob), node)
    assert "not here, or not yours to see" in shown
    assert "data-layer=" not in shown
    assert program_of(bob).get(f"files/{node.uid}/preview/segments")["images"] == []
    assert browser_of(bob).get(f"{said['overlay']}?image={ct}&on=2").status_code == 404


def test_a_segmentation_of_another_frame_of_reference(alice: Actor, study: Node, images: Node) -> None:
    said = dataset("SEG/segments")
    said.FrameOfReferenceUID = "1.2.3.4"
    node = put(alice, study.uid, saved(said), "seg.dcm").node
    assert "do not belong together" in page(browser_of(alice), node)
    ct = Node.objects.get(name="ct_008.dcm")
    answer = browser_of(alice).get(f"/files/{node.uid}/segments.png?image={ct.uid}&on=2")
    assert answer.status_code == 422
    assert "do not belong together" in answer.content.decode()


def test_suv_is_that_of_the_truth(alice: Actor, bob: Actor, images: Node) -> None:
    truth, _ = phantom()
    rest = program_of(bob)
    pets = {node.name: node for node in Node.objects.filter(parent=images, name__startswith="pet")}
    places = {name: float(dataset(f"PET/{name.removesuffix('.dcm')}").ImagePositionPatient[2]) for name in pets}
    tumour = truth.structure("GTV").center_mm
    name = min(places, key=lambda one: abs(places[one] - tumour[2]))
    spacing = 400.0 / 32
    column, row = (round(tumour[axis] / spacing + 15.5) for axis in (0, 1))
    url = f"files/{pets[name].uid}/preview/suv"
    said = rest.get(f"{url}?row={row}&column={column}")
    assert said["reason"] == ""
    assert (said["value"], said["unit"]) == (pytest.approx(truth.suv("GTV"), rel=1e-3), "SUV")
    assert [one["modality"] for one in said["backgrounds"]] == ["CT"]
    assert rest.call("GET", f"{url}?row=1").status_code == 422
    assert rest.get(f"{url}?row=999&column=0")["value"] is None
    shown = page(browser_of(bob), pets[name])
    assert "60 min after injection" in shown
    assert "Lay it over CT Thorax" in shown


def test_pet_over_its_ct(alice: Actor, bob: Actor, images: Node) -> None:
    truth, _ = phantom()
    browser, rest = browser_of(bob), program_of(bob)
    pet = Node.objects.get(name="pet_004.dcm")
    series = rest.get(f"files/{pet.uid}/preview/suv")["backgrounds"][0]["series"]
    shown = browser.get(f"/files/{pet.uid}/fusion?over={series}").content.decode()
    assert "PET over CT" in shown
    assert "data-layer-opacity" in shown
    ct = Node.objects.get(name="ct_007.dcm")
    drawn = picture(browser.get(f"/files/{pet.uid}/fused.png?image={ct.uid}&frame=0&top=5"))
    assert drawn.shape == (64, 64, 4)
    heart = truth.structure("HEART").center_mm
    column, row = (round(heart[axis] / truth.spacing_mm[0] + 31.5) for axis in (0, 1))
    spot = f"row={row}&column={column}&image={ct.uid}"
    value = rest.get(f"files/{pet.uid}/preview/suv?{spot}")["value"]
    assert value == pytest.approx(truth.suv("HEART"), rel=0.01)
    assert drawn[row, column, 3] == 255
    assert drawn[0, 0, 3] == 0
    assert browser.get(f"/files/{pet.uid}/value?{spot}").json() == {"value": value, "unit": "SUV"}
    # What is offered is what is in the frame of reference, and no other series is taken.
    assert browser.get(f"/files/{pet.uid}/fusion?over=1.2.3").status_code == 404


def test_a_pet_elsewhere_is_laid_over_nothing(alice: Actor, study: Node, images: Node) -> None:
    moved = dataset("PET/pet_004")
    moved.FrameOfReferenceUID, moved.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    moved.SOPInstanceUID = moved.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6"
    del moved.PatientWeight
    node = put(alice, study.uid, saved(moved), "moved.dcm").node
    shown = page(browser_of(alice), node)
    assert "nothing that it could be laid over" in shown
    assert "No SUV can be computed" in shown
    assert "weight" in shown
    ct = Node.objects.get(name="ct_007.dcm")
    answer = browser_of(alice).get(f"/files/{node.uid}/fused.png?image={ct.uid}")
    assert answer.status_code == 422
    assert "different frames of reference" in answer.content.decode()
    said = program_of(alice).get(f"files/{node.uid}/preview/suv?row=15&column=15")
    assert (said["factor"], said["unit"], said["value"]) == (None, "Bq/ml", 2500.0)


def test_kinds_are_refused_where_they_are_not(alice: Actor, study: Node) -> None:
    ct = put(alice, study.uid, file("CT/ct_001"), "ct.dcm").node
    text = put(alice, study.uid, b"text", "note.txt").node
    for node in (ct, text):
        for kind in ("report", "irradiation", "document", "segments", "suv"):
            assert program_of(alice).call("GET", f"files/{node.uid}/preview/{kind}").status_code == 404, kind
