"""PDUs, command sets and identifiers: whatever comes, the right exception, and what is written is read again."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.network import commands, identifiers, negotiation, part10
from sinfonietta.dicom.network.association import Association, Context, Message, Released
from sinfonietta.dicom.network.negotiation import BIG_ENDIAN, EXPLICIT, IMPLICIT
from sinfonietta.dicom.network.pdu import Closed, ProtocolError, Reader

CONTEXT = Context(1, "1.2", EXPLICIT)
EXPECTED = (Closed, ProtocolError, Released)


def heard(data: bytes, longest: int = 4096) -> list[tuple[Message, bytes]]:
    """All messages that an association hears; how it ends is raised."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5)
        sender = threading.Thread(target=_send, args=(theirs, data))
        sender.start()
        association = Association(ours, Reader(ours, longest, 5), [CONTEXT], 0)
        found = []
        try:
            while True:
                message = association.receive()
                found.append((message, association.dataset(message) if message.has_dataset else b""))
        except Closed:
            return found
        finally:
            ours.close()
            sender.join()


def _send(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@given(st.binary(max_size=300))
def test_any_bytes_end_in_an_expected_way(data: bytes) -> None:
    with contextlib.suppress(EXPECTED):
        heard(data)


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(0, 3), st.binary(max_size=60)), max_size=6))
def test_any_pieces_end_in_an_expected_way(pieces: list[tuple[int, int, bytes]]) -> None:
    data = b"".join(
        struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, context, control) + piece
        for context, control, piece in pieces
    )
    with contextlib.suppress(EXPECTED):
        heard(data)


@given(st.binary(max_size=5000), st.integers(16, 2000), st.lists(st.integers(1, 999), max_size=8))
def test_what_is_sent_is_heard(data: bytes, peer_pdu: int, cuts: list[int]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(5)
        sender = Association(ours, Reader(ours, 100, 5), [CONTEXT], peer_pdu)
        blocks, rest = [], data
        for cut in cuts:
            blocks.append(rest[:cut])
            rest = rest[cut:]
        blocks.append(rest)
        command = {"CommandField": 1, "MessageID": 7, "AffectedSOPInstanceUID": "1.2.3"}
        thread = threading.Thread(target=sender.send, args=(CONTEXT, command, blocks))
        thread.start()
        hearer = Association(theirs, Reader(theirs, peer_pdu, 5), [CONTEXT], 0)
        message = hearer.receive()
        assert message.command["AffectedSOPInstanceUID"] == "1.2.3"
        assert hearer.dataset(message) == data
        thread.join()


NUMBERS = ("CommandField", "MessageID", "Status", "Priority")
TEXTS = ("AffectedSOPClassUID", "MoveDestination", "ErrorComment")
WORDS = st.text("abcXYZ019. ", max_size=40).map(str.strip)


@given(
    st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 0xFFFF)), st.dictionaries(st.sampled_from(TEXTS), WORDS)
)
def test_command_sets_come_back(numbers: dict[str, int], texts: dict[str, str]) -> None:
    said: dict[str, int | str] = {"CommandField": 1, **numbers, **texts}
    data = commands.encode(said, with_dataset=True)
    assert commands.decode(data) == said | {"CommandDataSetType": 1}
    judged = dcmread(io.BytesIO(data), force=True)  # what pydicom makes of it
    assert judged[0x00000100].value == said["CommandField"]


@given(st.binary(max_size=200))
def test_command_sets_of_anything(data: bytes) -> None:
    with contextlib.suppress(commands.BadCommand):
        commands.decode(data)


@given(st.binary(max_size=300), st.sampled_from([EXPLICIT, IMPLICIT, BIG_ENDIAN]))
def test_identifiers_of_anything(data: bytes, syntax: str) -> None:
    try:
        found = identifiers.decode(data, syntax)
    except Broken:
        return
    for element in found.values():
        identifiers.text_of(element)
    identifiers.encode(found, syntax)


@given(st.binary(max_size=400))
def test_association_requests_of_anything(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        negotiation.read_request(data)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG_ENDIAN])
def test_identifiers_as_pydicom_writes_and_reads_them(syntax: str) -> None:
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    dataset.StudyDate, dataset.ModalitiesInStudy = "20200101-20201231", ["CT", "MR"]
    dataset.Rows, dataset.NumberOfStudyRelatedInstances, dataset.PatientWeight = 512, 12, "70.5"
    item = Dataset()
    item.ScheduledProcedureStepID = "Größe"
    dataset.RequestAttributesSequence = [item, Dataset()]
    out = DicomBytesIO()
    out.is_implicit_VR, out.is_little_endian = syntax == IMPLICIT, syntax != BIG_ENDIAN
    write_dataset(out, dataset)
    found = identifiers.decode(out.getvalue(), syntax)
    assert identifiers.text_of(found["00100010"]) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    assert identifiers.text_of(found["00080061"]) == "CT\\MR"
    assert identifiers.encode(found, syntax) == out.getvalue()


@pytest.mark.parametrize(
    ("text", "asked", "charset"),
    [("Anna", "ISO_IR 192", None), ("Größe", "ISO_IR 100", "ISO_IR 100"), ("Größe", "", "ISO_IR 192"),
     ("山田", "ISO_IR 100", "ISO_IR 192"), ("Größe", "ISO 2022 IR 87", "ISO_IR 192")],
)  # fmt: skip
def test_the_character_set_of_an_answer(text: str, asked: str, charset: str | None) -> None:
    answer: dict[str, Any] = {"00081030": {"vr": "LO", "Value": [text]}}
    found = identifiers.decode(identifiers.encode(answer, EXPLICIT, asked), EXPLICIT)
    assert found["00081030"] == answer["00081030"]
    assert identifiers.text_of(found.get("00080005", {})) == (charset or "")


def test_the_head_of_a_file_is_what_pydicom_reads() -> None:
    head = part10.head("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT)
    meta = dcmread(io.BytesIO(head)).file_meta
    assert (meta.MediaStorageSOPInstanceUID, meta.TransferSyntaxUID) == ("1.2.3", EXPLICIT)
    assert head == part10.head("1.2.840.10008.5.1.4.1.1.2", "1.2.3", EXPLICIT)


def test_every_class_and_syntax_that_pydicom_knows() -> None:
    assert len(negotiation.storage_classes()) > 190
    assert {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.3"} <= negotiation.storage_classes()
    assert not negotiation.storage_classes() & negotiation.SERVICES
    assert {"1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.1.99"} <= negotiation.transfer_syntaxes()
    assert negotiation.is_storage("1.2.3.4", unknown_too=True)
    assert not negotiation.is_storage("1.2.3.4", unknown_too=False)
    assert not negotiation.is_storage("1.2.840.10008.5.1.4.31", unknown_too=True)  # modality worklist
