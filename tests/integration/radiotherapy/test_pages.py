"""The page of an RT object: what it shows to whom, and what it says where objects do not belong together."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import RLELossless, RTBeamsTreatmentRecordStorage, RTImageStorage
from tests.support.portal import browser_of
from tests.support.rest import program_of
from tests.support.studies import put

from sinfonietta.demo.grid import grey
from sinfonietta.demo.objects import instance
from sinfonietta.dicom.planning import belonging, objects
from sinfonietta.library import services
from sinfonietta.library.models import Level

if TYPE_CHECKING:
    from tests.integration.radiotherapy.conftest import Phantom

    from sinfonietta.accounts.actor import Actor
    from sinfonietta.demo.truth import Truth

pytestmark = pytest.mark.django_db
Change = Callable[[pydicom.Dataset], None]


def page(actor: Actor, node: Any, query: str = "") -> tuple[int, str]:
    answer = browser_of(actor).get(f"/nodes/{node.uid}{query}")
    return answer.status_code, answer.content.decode()


def changed(files: tuple[Path, Truth], name: str, change: Change) -> bytes:
    """An RT object of the phantom as another one, changed."""
    dataset = pydicom.dcmread(files[0] / "RT" / f"{name}.dcm")
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(
        entropy_srcs=[name, str(change)]
    )
    change(dataset)
    return written(dataset)


def written(dataset: pydicom.Dataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def test_the_page_shows_all_that_belongs_together(bob: Actor, planned: Phantom) -> None:
    status, said = page(bob, planned.dose)
    assert status == 200
    for part in (
        'id="rt-images"',
        'id="rt-histogram"',
        'id="rt-plan"',
        "Prescribed: 60 Gy",
        "PHANTOM 30x2",
        "soft tissue",
    ):
        assert part in said, part
    assert 'class="alert' not in said
    assert browser_of(bob).get(f"/studies/{planned.truth.study_uid}").content.count(b"Radiotherapy") == 1


def test_how_many_slices_there_are_costs_no_queries(
    bob: Actor, planned: Phantom, django_assert_max_num_queries: Any
) -> None:
    page(bob, planned.dose)  # what is kept is kept
    client = browser_of(bob)
    with django_assert_max_num_queries(45):
        client.get(f"/nodes/{planned.dose.uid}")


def test_a_stranger_finds_no_page(mallory: Actor, admin: Actor, planned: Phantom) -> None:
    for actor in (mallory, admin):
        status, said = page(actor, planned.structures)
        assert status == 404
        assert "structures.dcm" not in said


def test_who_may_not_read_the_images_is_told_so_and_sees_the_rest(alice: Actor, bob: Actor, planned: Phantom) -> None:
    services.set_grants(actor=alice, uid=planned.images.uid, inherit=False, grants=[("user", "alice", Level.MANAGE)])
    status, said = page(bob, planned.dose)
    assert status == 200
    assert "not here, or not yours to see" in said
    assert not [node for node in planned.ct if str(node.uid) in said]
    assert 'id="rt-images"' in said
    # From inside a folder nothing outside of it is looked for, also by who may read it.
    status, said = page(alice, planned.dose, f"?in={planned.rt.uid}")
    assert (status, str(planned.ct[0].uid) in said) == (200, False)


def test_a_dose_of_another_frame_of_reference_is_not_laid_over(
    alice: Actor, planned: Phantom, phantom_files: tuple[Path, Truth]
) -> None:
    def elsewhere(dataset: pydicom.Dataset) -> None:
        dataset.FrameOfReferenceUID = "1.2.3.4.5"

    other = put(alice, planned.rt.uid, changed(phantom_files, "dose", elsewhere), "other.dcm").node
    status, said = page(alice, planned.structures, f"?dose={other.uid}")
    assert status == 200
    assert "has another frame of reference than the images: they are not shown together" in said
    assert str(planned.ct[0].uid) in said
    # Opened by itself it is shown alone, without the structures that lie elsewhere.
    status, said = page(alice, other)
    assert status == 200
    assert str(planned.ct[0].uid) not in said
    assert "The structure set “structures.dcm” has another frame of reference" in said


def shorter(dataset: pydicom.Dataset) -> None:
    dataset.PixelData = dataset.PixelData[:1000]


def unplaced(dataset: pydicom.Dataset) -> None:
    del dataset.GridFrameOffsetVector


def lying(dataset: pydicom.Dataset) -> None:
    dataset.NumberOfFrames, dataset.Rows = 30000, 30000


def float_values(dataset: pydicom.Dataset) -> None:
    dataset.BitsAllocated = 8


@pytest.mark.parametrize("change", [shorter, unplaced, lying, float_values])
def test_a_dose_that_cannot_be_used_is_told_in_a_sentence_and_the_rest_is_shown(
    alice: Actor, planned: Phantom, phantom_files: tuple[Path, Truth], change: Change
) -> None:
    broken = put(alice, planned.rt.uid, changed(phantom_files, "dose", change), "broken.dcm").node
    status, said = page(alice, broken)
    assert status == 200
    assert 'class="alert' in said
    assert 'id="rt-images"' in said
    for path in ("dose", "dose.png"):
        answer = program_of(alice).send("GET", f"files/{broken.uid}/{path}?on={planned.ct[0].uid}", status=422)
        assert answer["detail"].endswith(".")


def test_a_compressed_dose_is_the_same_dose(alice: Actor, planned: Phantom, phantom_files: tuple[Path, Truth]) -> None:
    def few_frames(dataset: pydicom.Dataset) -> None:
        values = dataset.pixel_array[28:32].copy()
        dataset.NumberOfFrames, dataset.GridFrameOffsetVector = 4, dataset.GridFrameOffsetVector[:4]
        dataset.ImagePositionPatient[2] += 28 * 2.5
        dataset.PixelData = values.tobytes()

    def compressed(dataset: pydicom.Dataset) -> None:
        few_frames(dataset)
        dataset.compress(RLELossless)

    found = []
    for name, change in (("plain", few_frames), ("rle", compressed)):
        node = put(alice, planned.rt.uid, changed(phantom_files, "dose", change), f"{name}.dcm").node
        found.append(objects.dose_grid(belonging.instance(actor=alice, uid=node.uid)))
    assert found[0].highest > 50
    assert np.array_equal(found[0].values, found[1].values)


def test_a_large_structure_set_is_read_elsewhere_and_is_the_same(
    alice: Actor, planned: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = belonging.instance(actor=alice, uid=planned.structures.uid)
    here = objects._read_structures(row)
    monkeypatch.setattr(objects, "MOST_TEXT_BYTES", 1000)
    there = objects._read_structures(row)
    assert (there.images, there.series, there.label) == (here.images, here.series, here.label)
    assert [roi.name for roi in there.rois] == [roi.name for roi in here.rois]
    for one, other in zip(there.rois[3].contours, here.rois[3].contours, strict=True):
        assert (one.kind, one.image, one.points_mm.tolist()) == (other.kind, other.image, other.points_mm.tolist())


def test_a_plan_that_is_too_large_takes_nothing_else_with_it(
    alice: Actor, planned: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = objects.dataset

    def dataset(row: Any) -> Any:
        if row.node_id == planned.plan.id:
            monkeypatch.setattr(objects, "MOST_TEXT_BYTES", 100)
        try:
            return whole(row)
        finally:
            monkeypatch.setattr(objects, "MOST_TEXT_BYTES", 4 << 20)

    monkeypatch.setattr(objects, "dataset", dataset)
    status, said = page(alice, planned.dose)
    assert status == 200
    assert "too large to be shown" in said
    assert 'id="rt-images"' in said
    assert 'id="rt-plan"' not in said


def test_several_doses_are_to_be_chosen_from(alice: Actor, planned: Phantom, phantom_files: tuple[Path, Truth]) -> None:
    def of_a_beam(dataset: pydicom.Dataset) -> None:
        dataset.DoseSummationType = "BEAM"

    beam = put(alice, planned.rt.uid, changed(phantom_files, "dose", of_a_beam), "beam.dcm").node
    _, said = page(alice, planned.structures)
    assert f'<option value="{planned.dose.uid}" selected>' in said
    assert f'<option value="{beam.uid}">' in said
    _, said = page(alice, planned.structures, f"?dose={beam.uid}")
    assert "No prescription is known" in said


def test_a_treatment_record_and_a_portal_image_are_shown(alice: Actor, planned: Phantom) -> None:
    record = instance(sop_class=RTBeamsTreatmentRecordStorage, seed=0, series="record", number=1, modality="RTRECORD",
                      description="Record")  # fmt: skip
    record.TreatmentDate, record.PrimaryDosimeterUnit = "20260310", "MU"
    beam = pydicom.Dataset()
    beam.ReferencedBeamNumber, beam.BeamName, beam.CurrentFractionNumber = 1, "G180", 3
    beam.SpecifiedPrimaryMeterset, beam.DeliveredPrimaryMeterset = 112.5, 112.4
    beam.TreatmentTerminationStatus = "OPERATOR"
    record.TreatmentSessionBeamSequence = [beam]
    plan = pydicom.Dataset()
    row = belonging.instance(actor=alice, uid=planned.plan.uid)
    plan.ReferencedSOPClassUID, plan.ReferencedSOPInstanceUID = row.sop_class, row.sop_uid
    record.ReferencedRTPlanSequence = [plan]
    status, said = page(alice, put(alice, planned.rt.uid, written(record), "record.dcm").node)
    assert status == 200
    for part in ("112.4", "operator", "2026-03-10", f"/nodes/{planned.plan.uid}"):
        assert part in said, part
    image = instance(sop_class=RTImageStorage, seed=0, series="drr", number=1, modality="RTIMAGE", description="DRR")
    image.RTImageLabel, image.GantryAngle, image.RTImageSID = "AP", 271.5, 1500
    grey(image, np.arange(64, dtype=np.uint16).reshape(8, 8))
    node = put(alice, planned.rt.uid, written(image), "drr.dcm").node
    status, said = page(alice, node)
    assert status == 200
    assert "271.5°" in said
    assert f'data-stack="{node.uid}"' in said


def test_a_name_is_text_whatever_is_in_it(alice: Actor, planned: Phantom, phantom_files: tuple[Path, Truth]) -> None:
    def nasty(dataset: pydicom.Dataset) -> None:
        dataset.StructureSetROISequence[0].ROIName = "</script><b>x"

    node = put(alice, planned.rt.uid, changed(phantom_files, "structures", nasty), "nasty.dcm").node
    assert "</script><b>x" not in page(alice, node)[1]
