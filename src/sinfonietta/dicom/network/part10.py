"""The head of a file that is made of a dataset from the network (DICOM PS3.10 7.1)."""

from __future__ import annotations

import re
import struct

from sinfonietta.dicom.network.negotiation import IMPLEMENTATION_NAME, IMPLEMENTATION_UID

UID = re.compile(r"[0-9]+(\.[0-9]+)*")


def is_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1)."""
    return len(text) <= 64 and UID.fullmatch(text) is not None


def head(sop_class: str, instance: str, syntax: str) -> bytes:
    """Preamble and file meta information.

    The same for the same instance whoever sends it and whenever, so that what is sent twice is the same file.
    """
    meta = b"".join(
        (
            struct.pack("<HH2sHI", 2, 0x0001, b"OB", 0, 2) + b"\0\1",
            *(
                _short(number, vr, value)
                for number, vr, value in (
                    (0x0002, b"UI", sop_class),
                    (0x0003, b"UI", instance),
                    (0x0010, b"UI", syntax),
                    (0x0012, b"UI", IMPLEMENTATION_UID),
                    (0x0013, b"SH", IMPLEMENTATION_NAME),
                )
            ),
        )
    )
    return bytes(128) + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta


def _short(number: int, vr: bytes, value: str) -> bytes:
    data = value.encode("ascii")
    data += (b"\0" if vr == b"UI" else b" ") * (len(data) % 2)
    return struct.pack("<HH2sH", 2, number, vr, len(data)) + data
