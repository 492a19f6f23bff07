"""A real Orthanc as peer, in both directions: it calls our door, and we call it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.dimse import Door
from tests.support.orthanc import Orthanc
from tests.support.rest import Rest, program_of
from tests.support.studies import instance, put_series

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.dicom import queries
from sinfonietta.dicom.models import Peer
from sinfonietta.dicom.peers import services as peers
from sinfonietta.jobs.runner import run_worker
from sinfonietta.library import services as library
from sinfonietta.library.models import Node

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]


@pytest.fixture(autouse=True)
def _reads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes the audit of reads would come when the test is over."""
    from sinfonietta.audit import services

    monkeypatch.setattr(services, "FLUSH_S", 3600.0)


@pytest.fixture
def door(transactional_db: None) -> Iterator[Door]:
    with Door() as opened:
        yield opened


@pytest.fixture
def orthanc(door: Door, tmp_path: Path) -> Iterator[Orthanc]:
    found = Orthanc(tmp_path / "orthanc", door.port)
    found.start()
    yield found
    found.stop()


@pytest.fixture
def place(alice: Actor) -> Node:
    return library.create_collection(actor=alice, name="Trial")


@pytest.fixture
def peer(orthanc: Orthanc, place: Node) -> Peer:
    return peers.create_peer(
        actor=SYSTEM, ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom, account="alice", into=place.uid
    )


@pytest.fixture
def program(alice: Actor) -> Rest:
    return program_of(alice)


def run(program: Rest, job: dict[str, Any]) -> dict[str, Any]:
    """A job to its end."""
    run_worker(threading.Event(), once=True)
    found = dict(program.get(f"jobs/{job['id']}"))
    assert found["state"] == "succeeded", found
    return dict(found["result"])


def given(orthanc: Orthanc, *files: bytes) -> list[str]:
    """Instances that Orthanc has already; its own ids of them."""
    return [orthanc.ask("POST", "/instances", content)["ID"] for content in files]


def test_orthanc_calls_us(orthanc: Orthanc, peer: Peer, alice: Actor, place: Node) -> None:
    orthanc.ask("POST", "/modalities/us/echo")
    ids = given(orthanc, *(instance(number) for number in (1, 2, 3)))
    orthanc.ask("POST", "/modalities/us/store", {"Resources": ids, "Synchronous": True})
    (study,) = queries.studies(actor=alice, root=queries.root(actor=alice, uid=place.uid, kinds=["collection"])).rows
    assert study.instances == 3
    query = orthanc.ask("POST", "/modalities/us/query", {"Level": "Study", "Query": {"PatientName": "Phantom*"}})
    (answer,) = orthanc.ask("GET", f"/queries/{query['ID']}/answers?expand&simplify")
    assert answer["StudyInstanceUID"] == "1.2.3"
    put_series(alice, place, 4, study="1.2.8", series="1.2.8.1")
    query = orthanc.ask("POST", "/modalities/us/query", {"Level": "Study", "Query": {"StudyInstanceUID": "1.2.8"}})
    orthanc.ask("POST", f"/queries/{query['ID']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
    assert orthanc.instances() == 7
    asked = {"DicomInstances": [["1.2.840.10008.5.1.4.1.1.2", "1.2.3.1.1"], ["1.2.840.10008.5.1.4.1.1.2", "1.2.99"]]}
    report = orthanc.ask("POST", "/modalities/us/storage-commitment", asked)
    run_worker(threading.Event(), once=True)
    deadline = time.monotonic() + 30
    while (found := orthanc.ask("GET", report["Path"]))["Status"] == "Pending":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert found["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in found["Success"]] == ["1.2.3.1.1"]
    assert [one["SOPInstanceUID"] for one in found["Failures"]] == ["1.2.99"]


def test_we_call_orthanc(orthanc: Orthanc, peer: Peer, alice: Actor, place: Node, program: Rest) -> None:
    url = f"peers/{peer.uid}"
    assert program.send("POST", f"{url}/echo") == {"answers": True}
    # Send: a study, a file.
    filed = put_series(alice, place, 3)
    sent = run(program, program.send("POST", f"{url}/send", {"study": "1.2.3"}, 202))
    assert (sent["sent"], sent["failed"], orthanc.instances()) == (3, 0, 3)
    assert run(program, program.send("POST", f"{url}/send", {"node": str(filed[0].node.uid)}, 202))["sent"] == 1
    # Query, fetch by C-GET into a place of our choice, mirror what is not here.
    given(orthanc, *(instance(number, study="1.2.7", series="1.2.7.1", PatientID="P7") for number in (1, 2)))
    given(orthanc, instance(1, study="1.2.8", series="1.2.8.1", PatientID="P8"))
    answers = program.send("POST", f"{url}/query", {"patient_id": "P7"})
    (row,) = answers["results"]
    assert (row["study"], row["modality"], row["number_of_instances"], answers["more"]) == ("1.2.7", "CT", "2", False)
    (series,) = program.send("POST", f"{url}/query", {"study": "1.2.7"})["results"]
    assert (series["series"], series["series_modality"]) == ("1.2.7.1", "CT")
    other = library.create_folder(actor=alice, parent=place.uid, name="Fetched")
    job = program.send("POST", f"{url}/fetch", {"study": "1.2.7", "node": str(other.uid)}, 202)
    assert run(program, job) == {"by": "C-GET", "stored": 2, "failed": 0}
    assert queries.studies(actor=alice, root=other).rows[0].instances == 2
    mirrored = run(program, program.send("POST", f"{url}/mirror", {}, 202))
    assert (mirrored["studies"], mirrored["fetched"], mirrored["stored"], mirrored["failed"]) == (3, 1, 1, 0)
    assert {study.study_uid for study in queries.studies(actor=alice).rows} == {"1.2.3", "1.2.7", "1.2.8"}
    # What went there and comes back is what is here: no conflict, nothing new.
    job = program.send("POST", f"{url}/fetch", {"study": "1.2.3"}, 202)
    assert run(program, job)["failed"] == 0
    assert queries.study(actor=alice, uid="1.2.3").instances == 3
    assert not Node.objects.filter(kind="file", current__state="conflict").exists()


def test_without_c_get_we_ask_for_c_move(door: Door, alice: Actor, program: Rest, tmp_path: Path) -> None:
    orthanc = Orthanc(tmp_path / "orthanc", door.port, allows_get=False)
    orthanc.start()
    try:
        from django.conf import settings

        place = library.create_collection(actor=alice, name="Trial")
        peer = peers.create_peer(
            actor=SYSTEM, ae_title="ORTHANC", host="127.0.0.1", port=orthanc.dicom, account="alice", into=place.uid
        )
        assert settings.OPTIONS.ae_title == "SINFONIETTA"
        given(orthanc, *(instance(number) for number in (1, 2)))
        job = program.send("POST", f"peers/{peer.uid}/fetch", {"study": "1.2.3"}, 202)
        assert run(program, job) == {"by": "C-MOVE", "stored": 2, "failed": 0}
        assert queries.study(actor=alice, uid="1.2.3").instances == 2
    finally:
        orthanc.stop()
