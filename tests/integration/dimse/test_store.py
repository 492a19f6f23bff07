"""C-ECHO and C-STORE by DCMTK and pynetdicom: who may call, and that what is stored is a file like all others."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pydicom
import pytest
from pynetdicom.ae import ApplicationEntity
from tests.support.dimse import OURS, THEIRS, Door, to_us
from tests.support.studies import instance, put
from tests.unit.dicom.files import encoded, image, nested, sample

from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User
from sinfonietta.audit.models import Event
from sinfonietta.blobs import store
from sinfonietta.dicom import queries
from sinfonietta.dicom.models import DicomInstance, Peer
from sinfonietta.dicom.peers import services as peers
from sinfonietta.library import services as library
from sinfonietta.library.models import Level, Node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
CT = "1.2.840.10008.5.1.4.1.1.2"


def pixels_of(path: Path) -> bytes:
    return bytes(pydicom.dcmread(path).PixelData)


def test_echo_is_for_nodes_that_we_know(door: Door, peer: None) -> None:
    assert to_us("echoscu", door).code == 0
    stranger = to_us("echoscu", door, title="NOBODY")
    assert "Calling AE Title Not Recognized" in stranger.text
    other = to_us("echoscu", door, "-aec", "OTHER")
    assert "Called AE Title Not Recognized" in other.text


def test_a_node_calls_from_its_own_address(door: Door, alice: Actor) -> None:
    peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="192.0.2.1", port=104, account="alice")
    assert "Calling AE Title Not Recognized" in to_us("echoscu", door).text


def test_what_is_stored_is_filed_like_all_else(
    door: Door, peer: None, alice: Actor, slices: list[Path], at_home: Callable[[Actor], list[str]]
) -> None:
    said = to_us("storescu", door, *slices)
    assert said.code == 0, said.text
    assert said.statuses() == ["Success"] * 3
    assert at_home(alice) == ["1.2.5.1.1.dcm", "1.2.5.1.2.dcm", "1.2.5.1.3.dcm"]
    study = queries.study(actor=alice, uid="1.2.5")
    assert (study.instances, study.modalities) == (3, ["CT"])
    row = DicomInstance.objects.get(sop_uid="1.2.5.1.1")
    path = store.default().path(row.version.blob)
    assert path
    assert pydicom.dcmread(path) == pydicom.dcmread(slices[0])
    event = Event.objects.filter(action="file.added").first()
    assert event
    assert (event.door, event.actor, event.address) == ("dimse", alice.uid, "127.0.0.1")
    # Once more: identical content changes nothing.
    assert to_us("storescu", door, *slices).statuses() == ["Success"] * 3
    assert len(at_home(alice)) == 3


def test_other_content_under_a_known_uid_is_a_conflict(
    door: Door, peer: None, alice: Actor, slices: list[Path], at_home: Callable[[Actor], list[str]]
) -> None:
    to_us("storescu", door, slices[0])
    slices[0].write_bytes(instance(1, study="1.2.5", series="1.2.5.1", PatientID="P9"))
    assert to_us("storescu", door, slices[0]).statuses() == ["Success"]
    assert len(at_home(alice)) == 2
    assert set(DicomInstance.objects.values_list("version__state", flat=True)) == {"conflict"}


def test_the_same_dataset_that_came_by_another_door_is_no_conflict(
    door: Door, alice: Actor, slices: list[Path]
) -> None:
    folder = library.create_collection(actor=alice, name="Trial")
    put(alice, folder.uid, slices[0].read_bytes(), "by hand.dcm")
    peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=104, account="alice", into=folder.uid)
    assert to_us("storescu", door, slices[0]).statuses() == ["Success"]
    assert list(DicomInstance.objects.values_list("version__state", flat=True)) == ["ready"]


def test_a_node_writes_where_its_account_may(door: Door, alice: Actor, bob: Actor, slices: list[Path]) -> None:
    place = library.create_collection(actor=alice, name="Trial")
    library.set_grants(actor=alice, uid=place.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    peers.create_peer(actor=SYSTEM, ae_title=THEIRS, host="127.0.0.1", port=104, account="bob", into=place.uid)
    assert to_us("storescu", door, slices[0]).statuses() == ["Success"]
    library.set_grants(actor=alice, uid=place.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    said = to_us("storescu", door, *slices[1:])
    assert "Success" not in said.statuses()
    assert DicomInstance.objects.count() == 1
    assert Node.objects.filter(kind="file").count() == 1


def test_a_removed_node_and_a_closed_account_are_out(door: Door, peer: None, alice: Actor, slices: list[Path]) -> None:
    accounts.set_active(actor=SYSTEM, user=User.objects.get(pk=alice.user_id), active=False)
    assert "Rejected" in to_us("storescu", door, *slices).text
    accounts.set_active(actor=SYSTEM, user=User.objects.get(pk=alice.user_id), active=True)
    assert to_us("echoscu", door).code == 0
    peers.remove_peer(actor=SYSTEM, uid=Peer.objects.get().uid)
    assert "Rejected" in to_us("echoscu", door).text


def test_compressed_instances_stay_as_they_are(door: Door, peer: None, alice: Actor) -> None:
    files = ["JPEG2000.dcm", "MR_small_RLE.dcm", "SC_rgb_jpeg_dcmtk.dcm", "MR_small_bigendian.dcm", "image_dfl.dcm"]
    wanted = {}
    entity = ApplicationEntity(THEIRS)
    for name in files:
        found = pydicom.dcmread(sample(name))
        wanted[str(found.SOPInstanceUID)] = str(found.file_meta.TransferSyntaxUID)
        entity.add_requested_context(found.SOPClassUID, found.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", door.port, ae_title=OURS)
    assert association.is_established
    for name in files:
        assert association.send_c_store(sample(name)).Status == 0, name
    association.release()
    rows = DicomInstance.objects.select_related("version__blob")
    assert {row.sop_uid: row.transfer_syntax for row in rows} == wanted


def test_private_classes_too(door: Door, peer: None) -> None:
    private = "1.3.12.2.1107.5.9.1"
    entity = ApplicationEntity(THEIRS)
    entity.add_requested_context(private)
    association = entity.associate("127.0.0.1", door.port, ae_title=OURS)
    found = pydicom.dcmread(io.BytesIO(encoded(image(SOPClassUID=private))))
    assert association.send_c_store(found).Status == 0
    association.release()
    assert DicomInstance.objects.get().sop_class == private


def test_a_bad_instance_is_refused_and_the_rest_is_stored(
    door: Door, peer: None, staged: Callable[[], set[str]], tmp_path: Path
) -> None:
    entity = ApplicationEntity(THEIRS)
    entity.add_requested_context(CT)
    association = entity.associate("127.0.0.1", door.port, ae_title=OURS)

    def stored(content: bytes) -> int:
        path = tmp_path / "one.dcm"
        path.write_bytes(content)
        return int(association.send_c_store(path).Status)

    assert stored(instance(1)) == 0
    assert stored(encoded(image(StudyInstanceUID=None))) == 0xC000
    assert stored(nested(70)) == 0xC000
    assert stored(instance(2)) == 0
    association.release()
    assert DicomInstance.objects.count() == 2
    assert staged() == set()


def test_several_associations_at_once(door: Door, peer: None, alice: Actor, tmp_path: Path) -> None:
    said = []

    def send(number: int) -> None:
        paths = []
        for slice_ in range(5):
            path = tmp_path / f"{number}-{slice_}.dcm"
            path.write_bytes(instance(slice_, series=f"1.2.3.{number}", SeriesNumber=number))
            paths.append(path)
        said.append(to_us("storescu", door, *paths))

    threads = [threading.Thread(target=send, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.statuses() for one in said] == [["Success"] * 5] * 4
    study = queries.study(actor=alice, uid="1.2.3")
    assert (len(study.series), study.instances) == (4, 20)
    assert Node.objects.filter(kind="folder").count() == 1
