"""Those who hang, send garbage, break off or send too much: the door stays open for the others, and nothing is kept."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.dimse import OURS, THEIRS, Door, to_us
from tests.support.studies import instance

from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.network import commands, negotiation, pdu
from sinfonietta.dicom.network.negotiation import Proposal
from sinfonietta.dicom.network.requestor import CallFailed, Node, Requestor
from sinfonietta.interfaces.dimse import acceptor

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.service]
CT = "1.2.840.10008.5.1.4.1.1.2"
NOISE = random.Random(7)  # the same for each process that collects
ABORT, REJECT = pdu.ABORT, pdu.ASSOCIATE_RJ


@pytest.fixture(autouse=True)
def _nothing_left_behind(door: Door, peer: None, staged: Callable[[], set[str]]) -> Iterator[None]:
    yield
    assert to_us("echoscu", door).code == 0
    assert staged() == set()


def call(door: Door, *classes: str) -> Requestor:
    node = Node(OURS, "127.0.0.1", door.port, THEIRS)
    return Requestor(node, [Proposal(one, (negotiation.EXPLICIT,)) for one in classes or (CT,)])


def answer(sock: socket.socket) -> int:
    """The type of the PDU that comes, 0 when the connection ends."""
    sock.settimeout(30)
    head = sock.recv(1)
    return head[0] if head else 0


def request(title: str = THEIRS) -> bytes:
    return negotiation.propose(title, OURS, [Proposal(CT, (negotiation.EXPLICIT,))], longest_pdu=16384)[0]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes(64), NOISE.randbytes(64), b"\x16\x03\x01\x02\x00" + bytes(64),
        struct.pack(">BxI", 1, 0xFFFFFFFF) + bytes(64), struct.pack(">BxI", 1, 10) + bytes(10),
        struct.pack(">BxI", 4, 10) + bytes(10), struct.pack(">BxI", 1, 200) + NOISE.randbytes(200),
    ],
)  # fmt: skip
def test_garbage_is_answered_with_an_abort(door: Door, garbage: bytes) -> None:
    with socket.create_connection(("127.0.0.1", door.port)) as sock:
        sock.sendall(garbage)
        assert answer(sock) in {ABORT, REJECT}


def test_who_says_nothing_is_hung_up_on(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acceptor, "REQUEST_S", 0.2)
    for begun in (b"", request()[:20]):
        with socket.create_connection(("127.0.0.1", door.port)) as sock:
            sock.sendall(begun)
            assert answer(sock) == 0


def test_an_idle_association_ends(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings.OPTIONS, "dimse_idle_s", 0.2)
    requestor = call(door)
    with pytest.raises(pdu.Closed):
        requestor.association.receive()
    requestor.association.close()


def test_a_transfer_that_breaks_off_leaves_nothing(door: Door, staged: Callable[[], set[str]]) -> None:
    requestor = call(door)
    context = requestor.context(CT)
    assert context
    data = instance(1)
    head = commands.encode(
        {
            "CommandField": 1,
            "MessageID": 1,
            "AffectedSOPClassUID": CT,
            "AffectedSOPInstanceUID": "1.2.3.1.1",
            "Priority": 0,
        },
        with_dataset=True,
    )
    sock = requestor.association.sock
    for control, piece in ((3, head), (0, data[132:332])):
        sock.sendall(struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, context.id, control) + piece)
    sock.close()
    deadline = time.monotonic() + 10
    while staged() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert DicomInstance.objects.count() == 0


@pytest.mark.parametrize(
    "pieces",
    [
        [(3, b"\0" * 20)], [(3, NOISE.randbytes(200))], [(1, bytes(20_000)), (1, bytes(20_000))], [(2, b"data first")],
        [(0xFF, b"x")],
    ],
)  # fmt: skip
def test_bad_messages_are_answered_with_an_abort(door: Door, pieces: list[tuple[int, bytes]]) -> None:
    requestor = call(door)
    sock = requestor.association.sock
    for control, piece in pieces:
        sock.sendall(struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, 1, control) + piece)
    assert answer(sock) == ABORT
    sock.close()


def test_a_pdu_longer_than_agreed(door: Door) -> None:
    requestor = call(door)
    requestor.association.sock.sendall(struct.pack(">BxI", 4, 1 << 30))
    assert answer(requestor.association.sock) == ABORT
    requestor.association.close()


def test_a_dataset_larger_than_the_limit(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.setattr(settings.OPTIONS, "max_file_bytes", 1 << 20)
    with call(door) as requestor:
        context = requestor.context(CT)
        assert context
        status, said = requestor.store(context, "1.2.3.1.1", (bytes(1 << 18) for _ in range(16)))
        assert status == 0xA700
        assert "at most" in said
        status, _ = requestor.store(context, "1.2.3.1.2", [instance(2)[332:]])
        assert status in {0, 0xC000}


def test_too_many_associations_are_rejected_for_now(door: Door) -> None:
    from django.conf import settings

    held = [call(door) for _ in range(settings.OPTIONS.dimse_associations)]
    with pytest.raises(CallFailed, match="too many associations"):
        call(door)
    for requestor in held:
        requestor.association.release()


def test_other_identities_than_announced(door: Door, tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(instance(1))
    from sinfonietta.dicom.dataset.parse import dataset_start

    data = path.read_bytes()[dataset_start(path) :]
    with call(door) as requestor:
        context = requestor.context(CT)
        assert context
        assert requestor.store(context, "1.2.3.1.2", [data])[0] == 0xA900
        assert requestor.store(context, "../../etc/passwd", [data])[0] == 0x0117
        assert requestor.store(context, "1.2.3.1.1", [data[:-3]])[0] == 0xC000
        assert requestor.store(context, "1.2.3.1.1", [data])[0] == 0
    assert DicomInstance.objects.count() == 1
