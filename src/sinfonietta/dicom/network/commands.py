"""Command sets (DICOM PS3.7 6.3.1, annex E): group 0000, always implicit VR little endian."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_ELEMENT = struct.Struct("<HHI")
LONGEST_BYTES = 16_384

TAGS = {
    "AffectedSOPClassUID": 0x0002,
    "RequestedSOPClassUID": 0x0003,
    "CommandField": 0x0100,
    "MessageID": 0x0110,
    "MessageIDBeingRespondedTo": 0x0120,
    "MoveDestination": 0x0600,
    "Priority": 0x0700,
    "CommandDataSetType": 0x0800,
    "Status": 0x0900,
    "ErrorComment": 0x0902,
    "AffectedSOPInstanceUID": 0x1000,
    "RequestedSOPInstanceUID": 0x1001,
    "EventTypeID": 0x1002,
    "ActionTypeID": 0x1008,
    "NumberOfRemainingSuboperations": 0x1020,
    "NumberOfCompletedSuboperations": 0x1021,
    "NumberOfFailedSuboperations": 0x1022,
    "NumberOfWarningSuboperations": 0x1023,
    "MoveOriginatorApplicationEntityTitle": 0x1030,
    "MoveOriginatorMessageID": 0x1031,
}
_NAMES = {number: name for name, number in TAGS.items()}
_SHORTS = frozenset(
    {0x0100, 0x0110, 0x0120, 0x0700, 0x0800, 0x0900, 0x1002, 0x1008, 0x1020, 0x1021, 0x1022, 0x1023, 0x1031}
)
_UIDS = frozenset({0x0002, 0x0003, 0x1000, 0x1001})

# Command Field (PS3.7 E.1); a response is its request with the highest bit.
C_STORE, C_GET, C_FIND, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF
N_EVENT_REPORT, N_ACTION = 0x0100, 0x0130
RESPONSE = 0x8000
NO_DATASET, WITH_DATASET = 0x0101, 0x0001

# Status (PS3.7 annex C, PS3.4)
SUCCESS, CANCELLED, PENDING, PENDING_WITH_WARNING = 0x0000, 0xFE00, 0xFF00, 0xFF01
SOME_FAILED = 0xB000
PROCESSING_FAILURE, NO_SUCH_CLASS, NO_SUCH_INSTANCE = 0x0110, 0x0118, 0x0112
NO_SUCH_ACTION, INVALID_ARGUMENT, UNRECOGNISED_OPERATION = 0x0123, 0x0115, 0x0211
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES, CANNOT_SEND, UNKNOWN_DESTINATION = 0xA700, 0xA702, 0xA801
IDENTIFIER_DOES_NOT_MATCH, UNABLE_TO_PROCESS = 0xA900, 0xC000

SUBOPERATIONS = tuple(f"NumberOf{kind}Suboperations" for kind in ("Remaining", "Completed", "Failed", "Warning"))

Command = Mapping[str, int | str]


class BadCommand(Exception):
    """A command set that cannot be read."""


def encode(fields: Command, *, with_dataset: bool = False) -> bytes:
    """The bytes of a command set, its group length and its Command Data Set Type."""
    said = {**fields, "CommandDataSetType": WITH_DATASET if with_dataset else NO_DATASET}
    parts = []
    for name, value in sorted(said.items(), key=lambda item: TAGS[item[0]]):
        number = TAGS[name]
        if isinstance(value, int):
            data = struct.pack("<H", value)
        else:
            data = value.encode("ascii", "replace")
            data += (b"\0" if number in _UIDS else b" ") * (len(data) % 2)
        parts.append(_ELEMENT.pack(0, number, len(data)) + data)
    body = b"".join(parts)
    return _ELEMENT.pack(0, 0, 4) + struct.pack("<I", len(body)) + body


def decode(data: bytes) -> dict[str, int | str]:
    """The fields of a command set that we know. Raises BadCommand."""
    fields: dict[str, int | str] = {}
    position = 0
    while position < len(data):
        if len(data) - position < _ELEMENT.size:
            raise BadCommand("A command set breaks off.")
        group, number, length = _ELEMENT.unpack_from(data, position)
        position += _ELEMENT.size
        value = data[position : position + length]
        position += length
        if group or len(value) < length:
            raise BadCommand("A command set breaks off, or holds what is none of it.")
        name = _NAMES.get(number)
        if name is None:
            continue
        if number in _SHORTS:
            if length != 2:
                raise BadCommand(f"{name} is no number.")
            fields[name] = int.from_bytes(value, "little")
        else:
            fields[name] = value.decode("ascii", "replace").strip("\0 ")
    if not isinstance(fields.get("CommandField"), int):
        raise BadCommand("A command set without Command Field.")
    return fields


def number(fields: Command, name: str) -> int:
    """A number of a command set; 0 where it is absent."""
    value = fields.get(name, 0)
    return value if isinstance(value, int) else 0


def text(fields: Command, name: str) -> str:
    """A text of a command set; empty where it is absent."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def response(request: Command, status: int, **more: int | str) -> dict[str, int | str]:
    """The answer to a request: the same service, message and SOP class and instance."""
    said: dict[str, int | str] = {
        "CommandField": number(request, "CommandField") | RESPONSE,
        "MessageIDBeingRespondedTo": number(request, "MessageID"),
        "Status": status,
    }
    for asked, affected in (
        ("AffectedSOPClassUID", "AffectedSOPClassUID"),
        ("RequestedSOPClassUID", "AffectedSOPClassUID"),
        ("AffectedSOPInstanceUID", "AffectedSOPInstanceUID"),
        ("RequestedSOPInstanceUID", "AffectedSOPInstanceUID"),
    ):
        if asked in request:
            said[affected] = request[asked]
    return said | more
