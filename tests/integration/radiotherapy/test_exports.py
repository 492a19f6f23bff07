"""Series as NIfTI, structure sets as masks and segmentations: the phantom's voxels and volumes, within rights."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel
import numpy as np
import orjson
import pydicom
import pytest
from django.conf import settings
from PIL import Image
from tests.support import studies
from tests.support.objects import dataset
from tests.support.objects import file as object_file
from tests.support.rest import Rest, program_of
from tests.unit.dicom.files import encoded, image

from sinfonietta.blobs import store
from sinfonietta.dicom.exports import tasks
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.jobs import leases
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

if TYPE_CHECKING:
    from tests.integration.radiotherapy.conftest import Phantom

    from sinfonietta.accounts.actor import Actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(alice: Actor, bob: Actor) -> Node:
    """A folder that Alice and Bob may write."""
    place = services.create_collection(actor=alice, name="Training")
    services.set_grants(actor=alice, uid=place.uid, inherit=False, grants=[("user", bob.name, Level.WRITE)])
    return services.create_folder(actor=alice, parent=place.uid, name="Set 1")


def asked(program: Rest, form: str, of: Node, into: Node, **more: object) -> dict[str, Any]:
    """The job of an export of the series that a file is in, when it is done."""
    row = DicomInstance.objects.get(node=of, series__isnull=False)
    body = {"form": form, "study": row.study_uid, "series": row.series_uid, "into": str(into.uid), **more}
    job = program.send("POST", "exports", body, 202)
    while taken := leases.take("test", list(settings.JOB_KINDS)):
        run_one(taken, threading.Event())
    found: dict[str, Any] = program.get(f"jobs/{job['id']}")
    return found


def files(below: Node) -> dict[str, bytes]:
    """Name -> bytes of what lies below a node."""
    nodes = Node.objects.filter(kind=Node.Kind.FILE, ancestry__startswith=below.ancestry, current__isnull=False)
    within = [node for node in nodes.select_related("current__blob") if below.id in node.ancestor_ids]
    return {node.name: b"".join(store.default().open(node.current.blob)) for node in within if node.current}


def nifti(content: bytes, folder: Path) -> Any:
    path = folder / "a.nii.gz"
    path.write_bytes(content)
    return nibabel.load(path)


def metadata(program: Rest, name: str) -> dict[str, Any]:
    found: dict[str, Any] = program.get(f"nodes/{Node.objects.get(name=name, trash=None).uid}/metadata")
    return found


def test_voxels_of_a_series_stand_where_its_pixels_do(
    planned: Phantom, bob: Actor, target: Node, tmp_path: Path
) -> None:
    program = program_of(bob)
    done = asked(program, "nifti", planned.ct[0], target)
    assert done["state"] == "succeeded", done
    ((name, content),) = files(target).items()
    volume = nifti(content, tmp_path)
    data = np.asarray(volume.dataobj)
    assert data.dtype == np.int16
    inverse = np.linalg.inv(volume.affine)
    for node in planned.ct:
        assert node.current
        slice_ = pydicom.dcmread(io.BytesIO(b"".join(store.default().open(node.current.blob))))
        wanted = slice_.pixel_array * int(slice_.RescaleSlope) + int(slice_.RescaleIntercept)
        x, y, z = slice_.ImagePositionPatient
        across = float(slice_.PixelSpacing[1])
        for row, column in ((0, 0), (40, 11), (63, 63)):
            place = [-(x + column * across), -(y + row * float(slice_.PixelSpacing[0])), z, 1]
            at = inverse @ place
            assert np.allclose(at[:3], np.rint(at[:3]), atol=1e-3)
            assert data[tuple(np.rint(at[:3]).astype(int))] == wanted[row, column]
    told = metadata(program, name)
    row = DicomInstance.objects.get(node=planned.ct[0], series__isnull=False)
    assert told["source_series_uid"] == row.series_uid
    assert (told["unit"], told["export"], len(told["source_instance_uids"])) == ("HU", "nifti", 16)
    assert (told["source_instances"], row.sop_uid in told["source_instance_uids"]) == (16, True)


def test_a_dose_is_exported_in_gray(planned: Phantom, alice: Actor, target: Node, tmp_path: Path) -> None:
    assert asked(program_of(alice), "nifti", planned.dose, target)["state"] == "succeeded"
    ((_, content),) = files(target).items()
    volume = nifti(content, tmp_path)
    data = volume.get_fdata()
    indices = np.argwhere(data > 30)
    ras = nibabel.affines.apply_affine(volume.affine, indices)
    wanted = planned.truth.dose_gy(-ras[:, 0], -ras[:, 1], ras[:, 2])
    assert np.abs(data[tuple(indices.T)] - wanted).max() < 0.05


def test_masks_hold_the_volume_of_the_structures(planned: Phantom, bob: Actor, target: Node, tmp_path: Path) -> None:
    program = program_of(bob)
    done = asked(program, "masks", planned.structures, target)
    assert done["state"] == "succeeded", done
    made = files(target)
    listed = orjson.loads(made.pop("structures.json"))
    assert {one["name"] for one in listed["structures"]} >= {"HEART", "LUNG_L", "PTV"}
    assert len(made) == len(listed["structures"])
    for one in listed["structures"]:
        volume = nifti(made[one["file"]], tmp_path)
        data = np.asarray(volume.dataobj)
        assert (data.dtype, set(np.unique(data))) == (np.uint8, {0, 1})
        assert data.sum() == one["voxels"]
        cm3 = float(data.sum()) * abs(np.linalg.det(volume.affine[:3, :3])) / 1000
        assert cm3 == pytest.approx(one["volume_cm3"], rel=1e-4)
        truth = planned.truth.contoured_cm3(one["name"])
        assert cm3 == pytest.approx(truth, rel=0.02 if truth > 1000 else 0.2), one["name"]
        ras = nibabel.affines.apply_affine(volume.affine, np.argwhere(data).mean(axis=0))
        center = planned.truth.structure(one["name"]).center_mm
        assert np.allclose([-ras[0], -ras[1]], center[:2], atol=2), one["name"]
    folder = Node.objects.get(kind=Node.Kind.FILESET, parent=target)
    assert folder.name.endswith("masks")


def test_a_segmentation_is_one_that_others_and_we_read(planned: Phantom, bob: Actor, target: Node) -> None:
    program = program_of(bob)
    assert asked(program, "seg", planned.structures, target)["state"] == "succeeded"
    ((name, content),) = files(target).items()
    found = pydicom.dcmread(io.BytesIO(content))
    source = DicomInstance.objects.get(node=planned.ct[3], series__isnull=False)
    assert (found.Modality, found.StudyInstanceUID) == ("SEG", source.study_uid)
    assert found.FrameOfReferenceUID == planned.truth.frame_of_reference_uid
    frames = found.pixel_array
    assert frames.shape == (found.NumberOfFrames, 64, 64)
    labels = {one.SegmentNumber: one.SegmentLabel for one in found.SegmentSequence}
    counts = dict.fromkeys(labels.values(), 0)
    images = {str(node.uid): node for node in planned.ct}
    positions = {}
    for node in images.values():
        assert node.current
        slice_ = pydicom.dcmread(io.BytesIO(b"".join(store.default().open(node.current.blob))), stop_before_pixels=True)
        positions[slice_.SOPInstanceUID] = slice_.ImagePositionPatient
    for frame, said in zip(frames, found.PerFrameFunctionalGroupsSequence, strict=True):
        assert frame.any()
        counts[labels[said.SegmentIdentificationSequence[0].ReferencedSegmentNumber]] += int(frame.sum())
        image_uid = said.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        assert said.PlanePositionSequence[0].ImagePositionPatient == positions[image_uid]
    each = planned.truth.spacing_mm[0] * planned.truth.spacing_mm[1] * planned.truth.spacing_mm[2] / 1000
    assert counts["HEART"] * each == pytest.approx(planned.truth.contoured_cm3("HEART"), rel=0.03)
    # Our own overlay, over the slice through the heart's middle:
    made = Node.objects.get(name=name, trash=None)
    shown = program.get(f"files/{made.uid}/preview/segments")
    assert {one["label"] for one in shown["segments"]} == set(labels.values())
    heart = next(one for one in shown["segments"] if one["label"] == "HEART")
    assert np.abs(np.array(heart["color"]) - planned.truth.structure("HEART").color).max() <= 2
    middle = min(planned.ct, key=lambda node: abs(positions_z(node) - planned.truth.structure("HEART").center_mm[2]))
    from tests.support.portal import browser_of

    picture = browser_of(bob).get(f"/files/{made.uid}/segments.png?image={middle.uid}&frame=0&on={heart['number']}")
    assert picture.status_code == 200, picture.content
    opaque = np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGBA"))[..., 3] > 0
    wanted = planned.truth.structure("HEART").section_radii_mm(positions_z(middle))
    assert wanted
    area_mm2 = opaque.mean() * (64 * planned.truth.spacing_mm[0]) ** 2
    assert area_mm2 == pytest.approx(np.pi * wanted[0] * wanted[1], rel=0.1)


def positions_z(node: Node) -> float:
    assert node.current
    content = io.BytesIO(b"".join(store.default().open(node.current.blob)))
    return float(pydicom.dcmread(content, stop_before_pixels=True).ImagePositionPatient[2])


def test_who_may_not_read_or_write_exports_nothing(
    planned: Phantom, alice: Actor, bob: Actor, mallory: Actor, target: Node
) -> None:
    row = DicomInstance.objects.get(node=planned.ct[0], series__isnull=False)
    body = {"form": "nifti", "study": row.study_uid, "series": row.series_uid, "into": str(target.uid)}
    mallorys = services.create_collection(actor=mallory, name="Mine")
    assert program_of(mallory).call("POST", "exports", body).status_code == 404
    assert program_of(mallory).call("POST", "exports", body | {"into": str(mallorys.uid)}).status_code == 404
    assert program_of(bob).call("POST", "exports", body | {"into": str(planned.rt.uid)}).status_code == 403
    assert program_of(bob, "read").call("POST", "exports", body).status_code == 403
    assert program_of(bob).call("POST", "exports", body | {"into": str(planned.dose.uid)}).status_code in (403, 422)
    for form in ("masks", "seg", "dcm"):
        assert program_of(bob).call("POST", "exports", body | {"form": form}).status_code == 422
    assert not Job.objects.filter(kind="dicom.export").exists()
    # A right that goes before the job runs is gone.
    program = program_of(bob)
    job = program.send("POST", "exports", body, 202)
    services.set_grants(actor=alice, uid=planned.collection.uid, inherit=False, grants=[])
    while taken := leases.take("test", list(settings.JOB_KINDS)):
        run_one(taken, threading.Event())
    assert program.get(f"jobs/{job['id']}")["state"] == "failed"
    assert files(target) == {}


def test_of_half_a_series_no_volume_is_made(planned: Phantom, alice: Actor, bob: Actor, target: Node) -> None:
    """Slices that Bob may not read leave a hole; what he sees of the structures' images decides on masks, too."""
    hidden = services.create_folder(actor=alice, parent=planned.collection.uid, name="Hidden")
    services.move(actor=alice, uid=planned.ct[5].uid, parent=hidden.uid)
    services.set_grants(actor=alice, uid=hidden.uid, inherit=False, grants=[])
    done = asked(program_of(bob), "nifti", planned.ct[0], target)
    assert done["state"] == "failed"
    assert "1 slice is missing" in done["detail"]
    assert "1 slice is missing" in asked(program_of(bob), "masks", planned.structures, target)["detail"]
    assert asked(program_of(alice), "nifti", planned.ct[0], target)["state"] == "succeeded"
    services.set_grants(actor=alice, uid=planned.images.uid, inherit=False, grants=[])
    done = asked(program_of(bob), "seg", planned.structures, target)
    assert "not here, or not yours to see" in done["detail"]


def test_what_is_no_volume_is_refused_in_words(alice: Actor, target: Node) -> None:
    place = services.create_collection(actor=alice, name="Odd")
    placed = {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [1, 1], "FrameOfReferenceUID": "1.9"}

    def said(series: str, *slices: dict[str, Any]) -> str:
        for number, more in enumerate(slices):
            made = image(SeriesInstanceUID=series, SOPInstanceUID=f"{series}.{number}", InstanceNumber=number, **more)
            filed = studies.put(alice, place.uid, encoded(made), f"{series}-{number}.dcm")
        done = asked(program_of(alice), "nifti", filed.node, target)
        assert (done["state"], files(target)) == ("failed", {})
        return str(done["detail"])

    assert "does not say where in the patient" in said("1.2.81", {})
    color = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    color |= {"PlanarConfiguration": 0, "PixelData": bytes(72), "ImagePositionPatient": [0, 0, 0]}
    assert "colour" in said("1.2.82", color | placed)
    assert "no image" in said("1.2.83", {"PixelData": None})
    tilted = [placed | {"ImagePositionPatient": [0, n, 3 * n]} for n in range(4)]
    assert "tilted gantry" in said("1.2.85", *tilted)
    twice = [placed | {"ImagePositionPatient": [0, 0, 3 * (n % 2)]} for n in range(4)]
    assert "lie in one plane" in said("1.2.86", *twice)


def test_values_that_are_no_integers_become_floats(alice: Actor, target: Node, tmp_path: Path) -> None:
    place = services.create_collection(actor=alice, name="PET")
    for number, slope in enumerate((0.5, 0.25)):
        pixels = (np.arange(24) + number).astype("<u2")
        made = image(
            SeriesInstanceUID="1.2.91", SOPInstanceUID=f"1.2.91.{number}", InstanceNumber=number, Modality="PT",
            ImagePositionPatient=[0, 0, 3 * number], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
            FrameOfReferenceUID="1.9", RescaleSlope=slope, RescaleIntercept=-1, Units="BQML",
            PixelData=pixels.tobytes(),
        )  # fmt: skip
        filed = studies.put(alice, place.uid, encoded(made), f"{number}.dcm")
    assert asked(program_of(alice), "nifti", filed.node, target)["state"] == "succeeded"
    ((name, content),) = files(target).items()
    data = np.asarray(nifti(content, tmp_path).dataobj)
    assert data.dtype == np.float32
    assert np.array_equal(data[:, :, 1].T, ((np.arange(24) + 1) * 0.25 - 1).reshape(4, 6))
    assert metadata(program_of(alice), name)["unit"] == "Bq/ml"


def test_a_job_that_runs_again_leaves_nothing_twice(
    planned: Phantom, alice: Actor, target: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies after filing, before it says so; and one that is cancelled while it works."""
    program = program_of(alice)
    for form, of in (("masks", planned.structures), ("seg", planned.structures), ("nifti", planned.ct[0])):
        asked(program, form, of, target)
        job = Job.objects.latest("id")
        before = {name: len(content) for name, content in files(target).items()}
        Job.objects.filter(id=job.id).update(state=Job.State.QUEUED, finished=None)
        while taken := leases.take("test", list(settings.JOB_KINDS)):
            run_one(taken, threading.Event())
        assert {name: len(content) for name, content in files(target).items()} == before
        assert not Node.objects.filter(parent=target, versions__number__gt=1).exists()
    empty = services.create_folder(actor=alice, parent=planned.collection.uid, name="Empty")
    counted = tasks._counted

    def cancelled(context: Any, *rest: Any) -> Any:
        Job.objects.filter(id=context.job.id).update(cancel_requested=True)
        return counted(context, *rest)

    monkeypatch.setattr(tasks, "_counted", cancelled)
    assert asked(program, "nifti", planned.ct[0], empty)["state"] == "cancelled"
    assert files(empty) == {}


def test_an_enhanced_object_is_a_volume_of_its_frames(alice: Actor, target: Node, tmp_path: Path) -> None:
    place = services.create_collection(actor=alice, name="MR")
    filed = studies.put(alice, place.uid, object_file("MR/enhanced"), "enhanced.dcm")
    assert asked(program_of(alice), "nifti", filed.node, target)["state"] == "succeeded"
    volume = nifti(next(iter(files(target).values())), tmp_path)
    data, source = volume.get_fdata(), dataset("MR/enhanced")
    assert data.shape == (source.Columns, source.Rows, source.NumberOfFrames)
    for pixels, groups in zip(source.pixel_array, source.PerFrameFunctionalGroupsSequence, strict=True):
        x, y, z = groups.PlanePositionSequence[0].ImagePositionPatient
        column, row, slice_ = np.rint(np.linalg.inv(volume.affine) @ [-x, -y, z, 1])[:3].astype(int)
        assert (column, row) == (0, 0)
        assert np.array_equal(data[:, :, slice_].T, pixels)
