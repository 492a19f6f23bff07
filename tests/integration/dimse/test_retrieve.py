"""C-GET and C-MOVE by DCMTK and pynetdicom, as an account that sees everything and as one that sees half."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_role, evt
from pynetdicom.ae import ApplicationEntity
from tests.integration.dimse.conftest import HALF
from tests.support.dimse import OURS, THEIRS, Door, listening, to_us
from tests.support.studies import put
from tests.unit.dicom.files import sample

from sinfonietta.accounts.actor import SYSTEM
from sinfonietta.audit import services as audit
from sinfonietta.audit.models import Event
from sinfonietta.dicom.models import Peer
from sinfonietta.dicom.peers import services as peers

if TYPE_CHECKING:
    from tests.integration.dimse.conftest import Archive

    from sinfonietta.accounts.actor import Actor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


def received(folder: Path) -> list[str]:
    return sorted(str(pydicom.dcmread(path).SOPInstanceUID) for path in folder.iterdir())


def keys(level: str, *more: str) -> list[str]:
    return [part for key in (f"QueryRetrieveLevel={level}", *more) for part in ("-k", key)]


@pytest.mark.parametrize(
    ("title", "asked", "count"),
    [
        (THEIRS, keys("STUDY", "StudyInstanceUID=1.2.3"), 5),
        (HALF, keys("STUDY", "StudyInstanceUID=1.2.3"), 2),
        (THEIRS, keys("SERIES", "StudyInstanceUID=1.2.3", "SeriesInstanceUID=1.2.3.2"), 3),
        (HALF, keys("SERIES", "StudyInstanceUID=1.2.3", "SeriesInstanceUID=1.2.3.2"), 0),
        (HALF, keys("STUDY", "StudyInstanceUID=1.2.9"), 0),
        (THEIRS, keys("IMAGE", "StudyInstanceUID=1.2.3", "SeriesInstanceUID=1.2.3.1", "SOPInstanceUID=1.2.3.1.2"), 1),
    ],
)
def test_getscu(door: Door, archive: Archive, tmp_path: Path, title: str, asked: list[str], count: int) -> None:
    said = to_us("getscu", door, "-S", "-od", tmp_path, *asked, title=title)
    assert said.code == 0, said.text
    assert len(received(tmp_path)) == count


def test_getscu_at_patient_root(door: Door, archive: Archive, tmp_path: Path) -> None:
    assert to_us("getscu", door, "-P", "-od", tmp_path, *keys("PATIENT", "PatientID=P1")).code == 0
    assert len(received(tmp_path)) == 5


def test_movescu(door: Door, archive: Archive, alice: Actor, tmp_path: Path) -> None:
    with listening(tmp_path / "received") as node:
        peers.create_peer(actor=SYSTEM, ae_title="ARCHIVE", host="127.0.0.1", port=node.port, account="alice")
        said = to_us("movescu", door, "-aem", "ARCHIVE", "-S", *keys("STUDY", "StudyInstanceUID=1.2.3"))
        assert said.code == 0, said.text
        assert len(node.files) == 5
        half = to_us("movescu", door, "-aem", "ARCHIVE", "-S", *keys("STUDY", "StudyInstanceUID=1.2.9"), title=HALF)
        assert half.code == 0
        assert len(node.files) == 5
        nowhere = to_us("movescu", door, "-aem", "NOWHERE", "-S", *keys("STUDY", "StudyInstanceUID=1.2.3"))
        assert re.search("MoveDestinationUnknown|Move Destination Unknown|0xa801", nowhere.text), nowhere.text
    away = to_us("movescu", door, "-aem", "ARCHIVE", "-S", *keys("STUDY", "StudyInstanceUID=1.2.3"))
    assert re.search("0xa702|SubOperations", away.text), away.text
    audit.flush()
    event = Event.objects.filter(action="dicom.sent", actor=alice.uid).first()
    assert event
    assert event.detail["to"] == str(Peer.objects.get(ae_title="ARCHIVE").uid)


def test_a_retrieval_names_what_it_wants(door: Door, archive: Archive, tmp_path: Path) -> None:
    for asked in (keys("STUDY", "StudyInstanceUID"), keys("STUDY", "StudyInstanceUID=1.2.*"), keys("STUDY")):
        to_us("getscu", door, "-S", "-od", tmp_path, *asked)
    assert received(tmp_path) == []


def get(door: Door, study: str, sop_class: str, syntaxes: list[str]) -> tuple[list[Dataset], Dataset]:
    """C-GET by pynetdicom, which takes these transfer syntaxes; what came, and the last status."""
    found: list[Dataset] = []

    def stored(event: evt.Event) -> int:
        dataset = event.dataset
        dataset.file_meta = event.file_meta
        found.append(dataset)
        return 0

    entity = ApplicationEntity(THEIRS)
    entity.add_requested_context(STUDY_ROOT_GET)
    entity.add_requested_context(sop_class, syntaxes)
    association = entity.associate(
        "127.0.0.1", door.port, ae_title=OURS, ext_neg=[build_role(sop_class, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, stored)],
    )  # fmt: skip
    assert association.is_established
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", study
    status = Dataset()
    for said, _ in association.send_c_get(identifier, STUDY_ROOT_GET):
        status = said
    association.release()
    return found, status


@pytest.mark.parametrize(
    "name",
    ["MR_small_RLE.dcm", "MR_small_jpeg_ls_lossless.dcm", "MR_small_jp2klossless.dcm",
     "MR_small_bigendian.dcm", "MR_small_implicit.dcm", "image_dfl.dcm", "SC_rgb_rle_2frame.dcm"],
)  # fmt: skip
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_who_takes_plain_pixels_only_gets_the_same_pixels(
    door: Door, archive: Archive, alice: Actor, name: str, syntax: str
) -> None:
    content = sample(name).read_bytes()
    put(alice, archive.closed.uid, content, name)
    source = pydicom.dcmread(sample(name))
    found, status = get(door, source.StudyInstanceUID, source.SOPClassUID, [syntax])
    assert (status.Status, status.NumberOfCompletedSuboperations, len(found)) == (0, 1, 1)
    assert found[0].file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(found[0].pixel_array, source.pixel_array)
    assert found[0].PatientID == source.PatientID


def test_who_takes_the_stored_syntax_gets_the_stored_bytes(door: Door, archive: Archive, alice: Actor) -> None:
    put(alice, archive.closed.uid, sample("MR_small_RLE.dcm").read_bytes(), "rle.dcm")
    source = pydicom.dcmread(sample("MR_small_RLE.dcm"))
    found, _ = get(door, source.StudyInstanceUID, source.SOPClassUID, [source.file_meta.TransferSyntaxUID])
    assert found[0].file_meta.TransferSyntaxUID == source.file_meta.TransferSyntaxUID
    assert found[0].PixelData == source.PixelData


def test_what_cannot_be_sent_is_counted_and_named(door: Door, archive: Archive, alice: Actor) -> None:
    found, status = get(door, "1.2.3", "1.2.840.10008.5.1.4.1.1.2", ["1.2.840.10008.1.2.4.70"])
    assert found == []
    assert (status.Status, status.NumberOfFailedSuboperations) == (0xA702, 5)
