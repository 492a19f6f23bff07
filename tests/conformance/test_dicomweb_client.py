"""Another people's client (dicomweb-client) searches, stores and retrieves at a server that listens."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session_from_user_pass
from tests.conftest import password_of

if TYPE_CHECKING:
    from sinfonietta.accounts.actor import Actor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from django.conf import settings
    from pytest_django.live_server_helper import LiveServer

    running = LiveServer("127.0.0.1")
    # The client sends a Host header without the port, so addresses cannot be made from it.
    monkeypatch.setattr(settings.OPTIONS, "public_url", running.url)
    yield running.url
    running.stop()


def client_of(server: str, actor: Actor, root: str = "") -> DICOMwebClient:
    session = create_session_from_user_pass(actor.name, password_of(actor.name))
    return DICOMwebClient(f"{server}/dicomweb{root}", session=session)


@pytest.fixture
def hers(server: str, alice: Actor) -> Iterator[DICOMwebClient]:
    """A client of Alice's, who has stored two series."""
    from tests.support.studies import instance

    client = client_of(server, alice)
    slices = [instance(number, PixelData=pixels(number)) for number in (1, 2, 3)]
    others = [instance(1, series="1.2.3.2", Modality="MR", SeriesNumber=2)]
    stored = client.store_instances([pydicom.dcmread(io.BytesIO(raw)) for raw in slices + others])
    assert len(stored.ReferencedSOPSequence) == 4
    assert "FailedSOPSequence" not in stored
    yield client
    client._session.close()


def pixels(number: int) -> bytes:
    return np.full((4, 6), number, "<u2").tobytes()


def test_search(hers: DICOMwebClient) -> None:
    (study,) = hers.search_for_studies(search_filters={"PatientID": "P1"})
    assert study["00201208"]["Value"] == [4]
    assert hers.search_for_studies(search_filters={"PatientName": "phantom*"}, fields=["StudyDescription"])
    assert hers.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    assert [one["00080060"]["Value"] for one in hers.search_for_series("1.2.3")] == [["CT"], ["MR"]]
    assert len(hers.search_for_instances("1.2.3", "1.2.3.1")) == 3
    assert len(hers.search_for_instances(limit=2)) == 2
    assert len(hers.search_for_instances(limit=2, get_remaining=True)) == 4


def test_metadata_and_bulk_data(hers: DICOMwebClient) -> None:
    found = [
        pydicom.Dataset.from_json(one, lambda *_: b"") for one in hers.retrieve_series_metadata("1.2.3", "1.2.3.1")
    ]
    assert [one.InstanceNumber for one in found] == [1, 2, 3]
    assert str(found[0].PatientName) == "Phantom^Anna"
    uri = hers.retrieve_instance_metadata("1.2.3", "1.2.3.1", "1.2.3.1.2")["7FE00010"]["BulkDataURI"]
    assert hers.retrieve_bulkdata(uri) == [pixels(2)]


def test_instances(hers: DICOMwebClient) -> None:
    one = hers.retrieve_instance("1.2.3", "1.2.3.1", "1.2.3.1.2")
    assert one.PixelData == pixels(2)
    assert len(hers.retrieve_series("1.2.3", "1.2.3.1")) == 3
    assert {one.Modality for one in hers.iter_study("1.2.3")} == {"CT", "MR"}


def test_frames_and_pictures(hers: DICOMwebClient) -> None:
    assert hers.retrieve_instance_frames("1.2.3", "1.2.3.1", "1.2.3.1.3", [1]) == [pixels(3)]
    jpeg = hers.retrieve_instance_rendered("1.2.3", "1.2.3.1", "1.2.3.1.3", media_types=("image/jpeg",))
    assert jpeg.startswith(b"\xff\xd8\xff")
    png = hers.retrieve_instance_frames_rendered("1.2.3", "1.2.3.1", "1.2.3.1.3", [1], media_types=("image/png",))
    assert png.startswith(b"\x89PNG")


def test_a_stranger_finds_nothing(hers: DICOMwebClient, server: str, mallory: Actor) -> None:
    his = client_of(server, mallory)
    try:
        assert his.search_for_studies() == []
        assert his.search_for_instances() == []
        with pytest.raises(requests.HTTPError, match="404"):
            his.retrieve_series_metadata("1.2.3", "1.2.3.1")
        with pytest.raises(requests.HTTPError, match="404"):
            his.retrieve_instance("1.2.3", "1.2.3.1", "1.2.3.1.2")
    finally:
        his._session.close()


def test_a_scoped_root(server: str, alice: Actor) -> None:
    from tests.support.studies import instance

    from sinfonietta.library import services

    box = services.create_collection(actor=alice, name="Box")
    client = client_of(server, alice, f"/collections/{box.uid}")
    try:
        client.store_instances([pydicom.dcmread(io.BytesIO(instance(1)))])
        assert len(client.search_for_studies()) == 1
        assert client.retrieve_instance("1.2.3", "1.2.3.1", "1.2.3.1.1").PatientID == "P1"
    finally:
        client._session.close()


def test_files_in_another_transfer_syntax(hers: DICOMwebClient) -> None:
    for syntax in ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"):
        one = hers.retrieve_instance("1.2.3", "1.2.3.1", "1.2.3.1.2", media_types=(("application/dicom", syntax),))
        assert one.file_meta.TransferSyntaxUID == syntax
        assert one.pixel_array.tobytes() == pixels(2)
        all_ = hers.retrieve_series("1.2.3", "1.2.3.1", media_types=(("application/dicom", syntax),))
        assert [found.pixel_array.tobytes() for found in all_] == [pixels(number) for number in (1, 2, 3)]
    frames = hers.retrieve_instance_frames(
        "1.2.3", "1.2.3.1", "1.2.3.1.2", [1], media_types=(("image/jls", "1.2.840.10008.1.2.4.80"),)
    )
    assert frames[0].startswith(b"\xff\xd8")


def test_search_into_sequences_and_loosely(hers: DICOMwebClient) -> None:
    assert len(hers.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "anna"})) == 1
    assert hers.search_for_studies(search_filters={"RequestAttributesSequence.ScheduledProcedureStepID": "S1"}) == []


def test_deleting(hers: DICOMwebClient) -> None:
    hers.delete_instance("1.2.3", "1.2.3.1", "1.2.3.1.3")
    assert len(hers.search_for_instances("1.2.3", "1.2.3.1")) == 2
    hers.delete_series("1.2.3", "1.2.3.1")
    assert [one["00080060"]["Value"] for one in hers.search_for_series("1.2.3")] == [["MR"]]
    hers.delete_study("1.2.3")
    assert hers.search_for_studies() == []
    with pytest.raises(requests.HTTPError, match="404"):
        hers.delete_study("1.2.3")
