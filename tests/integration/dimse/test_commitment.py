"""Storage commitment: a node asks whether we keep what it sent, and is called back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.ae import ApplicationEntity
from tests.integration.dimse.conftest import HALF
from tests.support.dimse import OURS, Door
from tests.support.server import free_port

from sinfonietta.dicom.models import Peer
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_worker

if TYPE_CHECKING:
    from tests.integration.dimse.conftest import Archive

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
PUSH, WELL_KNOWN = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass
class Reports:
    """A node that takes reports."""

    port: int
    events: list[tuple[int, Dataset]] = field(default_factory=list)


@pytest.fixture
def reports() -> Iterator[Reports]:
    found = Reports(free_port())

    def reported(event: evt.Event) -> tuple[int, None]:
        found.events.append((event.event_type, event.event_information))
        return 0, None

    entity = ApplicationEntity(HALF)
    entity.add_supported_context(PUSH, scu_role=True, scp_role=True)
    server = entity.start_server(
        ("127.0.0.1", found.port), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, reported)]
    )
    yield found
    if server:
        server.shutdown()


def ask(door: Door, title: str, *references: tuple[str, str]) -> int:
    """N-ACTION; its status."""
    asked = Dataset()
    asked.TransactionUID = "1.2.3.4.5"
    asked.ReferencedSOPSequence = []
    for sop_class, instance in references:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, instance
        asked.ReferencedSOPSequence.append(item)
    entity = ApplicationEntity(title)
    entity.add_requested_context(PUSH)
    association = entity.associate("127.0.0.1", door.port, ae_title=OURS)
    assert association.is_established
    status, _ = association.send_n_action(asked, 1, PUSH, WELL_KNOWN)
    association.release()
    return int(status.Status)


def test_what_the_account_sees_is_vouched_for(door: Door, archive: Archive, reports: Reports) -> None:
    Peer.objects.filter(ae_title=HALF).update(port=reports.port)
    hidden, absent, other_class = "1.2.3.2.1", "1.2.99", "1.2.840.10008.5.1.4.1.1.4"
    assert ask(door, HALF, (CT, "1.2.3.1.1"), (CT, hidden), (CT, absent), (other_class, "1.2.3.1.2")) == 0
    run_worker(threading.Event(), once=True)
    ((event, said),) = reports.events
    assert (event, said.TransactionUID) == (2, "1.2.3.4.5")
    assert [item.ReferencedSOPInstanceUID for item in said.ReferencedSOPSequence] == ["1.2.3.1.1"]
    failed = {item.ReferencedSOPInstanceUID: item.FailureReason for item in said.FailedSOPSequence}
    assert failed == {hidden: 0x0112, absent: 0x0112, "1.2.3.1.2": 0x0119}
    assert ask(door, HALF, (CT, "1.2.3.1.1")) == 0
    run_worker(threading.Event(), once=True)
    assert reports.events[1][0] == 1
    assert "FailedSOPSequence" not in reports.events[1][1]


def test_a_node_that_is_away_is_called_again(door: Door, archive: Archive) -> None:
    assert ask(door, HALF, (CT, "1.2.3.1.1")) == 0
    run_worker(threading.Event(), once=True)
    job = Job.objects.get(kind="dicom.commit")
    assert (job.state, job.attempts, job.max_attempts) == ("queued", 1, 10)
    assert "Attempt 1" in job.detail


def test_an_empty_request_is_refused(door: Door, archive: Archive) -> None:
    assert ask(door, HALF) == 0x0115
