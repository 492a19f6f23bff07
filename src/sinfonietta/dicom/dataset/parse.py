"""Reads the header of a DICOM file once, without its pixels.

DICOM PS3.10 (file format), PS3.5 (encoding), PS3.18 F (JSON model). The parser is our own, because it runs once per
arriving file and strangers write these files: every length is checked, nothing is expanded without a limit, and
nothing but "this dataset is incomplete, because ..." can come out. pydicom is its judge in the tests.
"""

from __future__ import annotations

import re
import struct
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sinfonietta.dicom.dataset.dictionary import first
from sinfonietta.dicom.dataset.elements import Coding, Dataset, Limits, Scope, Walker
from sinfonietta.dicom.dataset.pixels import Pixels, describe
from sinfonietta.dicom.dataset.source import Broken, FileSource, InflatedSource, Source
from sinfonietta.dicom.dataset.values import KNOWN

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
MEDIA_TYPE = "application/dicom"
DICOMDIR = "1.2.840.10008.1.3.10"
PREAMBLE_BYTES = 132
COMPARED_BYTES = 1 << 20
PROGRAMS = (b"MZ", b"\x7fELF", b"#!", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")
_IDENTITY = {
    "00080016": "SOP Class UID",
    "00080018": "SOP Instance UID",
    "0020000D": "Study Instance UID",
    "0020000E": "Series Instance UID",
}


@dataclass(frozen=True, slots=True)
class Header:
    """What one pass over a file tells.

    ``json`` is the DICOM JSON model without group 0002, bulk data replaced by relative URIs (``bulk/TAG`` or
    ``bulk/TAG/ITEM/TAG``, items counted from 0), whose (offset, length, VR) are in ``bulk``: places in the file where
    ``seekable``, else in the inflated dataset. ``complete`` is False where the dataset does not parse to its end;
    ``problem`` then says why. ``executable_preamble``: the file is also a program (CVE-2019-11687).

    Outside the process that parsed it, ``json`` holds only what the index is made of (``attributes.indexed``), because
    a hostile header takes a hundred times its size in memory; the whole is in ``packed`` then (``packing``).
    """

    complete: bool
    problem: str
    transfer_syntax: str
    sop_class_uid: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str
    json: Dataset
    bulk: dict[str, tuple[int, int, str]]
    pixels: Pixels | None
    seekable: bool
    executable_preamble: bool
    packed: bytes = b""

    @property
    def is_instance(self) -> bool:
        """Whether DICOMweb can show it: complete, with all UIDs, and no DICOMDIR."""
        named = self.sop_class_uid and self.sop_instance_uid and self.study_uid and self.series_uid
        return self.complete and bool(named) and self.sop_class_uid != DICOMDIR


@dataclass
class _Reading:
    """What has been found so far; kept when the rest turns out broken."""

    syntax: str = ""
    meta: Dataset = field(default_factory=dict)
    json: Dataset = field(default_factory=dict)
    walker: Walker | None = None
    coding: Coding = field(default_factory=Coding)
    problem: str = ""


def parse(path: Path, *, limits: Limits | None = None) -> Header | None:
    """The header of the file at ``path``; None if it is not DICOM.

    What is DICOM is told by content: ``DICM`` after 128 bytes, or a dataset without a preamble that begins like one
    and names its SOP class, instance or study. Raises OSError if the file cannot be read; a broken file raises nothing.
    """
    limits = limits or Limits()
    with ExitStack() as stack:
        file = stack.enter_context(FileSource(path))
        start = file.read(0, min(PREAMBLE_BYTES + 8, file.size))
        has_preamble = start[128:132] == b"DICM"
        if not has_preamble and not _begins_like_a_dataset(start):
            return None
        reading = _Reading()
        try:
            _read(reading, file, PREAMBLE_BYTES if has_preamble else 0, path, limits, stack)
        except Broken as broken:
            reading.problem = str(broken)
        except RecursionError:
            reading.problem = "Sequences are nested too deep."
        header = _header(reading, executable=has_preamble and start.startswith(PROGRAMS))
    if not has_preamble and not (header.sop_class_uid or header.sop_instance_uid or header.study_uid):
        return None
    return header


def dataset_start(path: Path) -> int:
    """Where in a file of ours the dataset begins, behind preamble and file meta information. Raises Broken, OSError."""
    with FileSource(path) as file:
        has_preamble = file.read(0, min(PREAMBLE_BYTES, file.size))[128:] == b"DICM"
        return _read_meta(file, PREAMBLE_BYTES if has_preamble else 0, {}, Limits())


def same_dataset(one: Path, other: Path) -> bool:
    """Whether two files differ in nothing but preamble and file meta information. Raises Broken, OSError."""
    places = [(path, dataset_start(path), path.stat().st_size) for path in (one, other)]
    if len({size - start for _, start, size in places}) > 1:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        first.seek(places[0][1])
        second.seek(places[1][1])
        while block := first.read(COMPARED_BYTES):
            if block != second.read(COMPARED_BYTES):
                return False
    return True


def open_dataset(path: Path, header: Header, limits: Limits | None = None) -> Source:
    """The bytes that the offsets of ``header`` mean; close it (a context manager). Raises Broken, OSError."""
    if header.seekable:
        return FileSource(path)
    with FileSource(path) as file:
        start = _read_meta(file, PREAMBLE_BYTES, {}, Limits())
    return InflatedSource(path, start, (limits or Limits()).inflate_bytes)


def _begins_like_a_dataset(start: bytes) -> bool:
    """Whether the first element is of group 2 or 8, with a VR or a length that fits."""
    if len(start) < 8:
        return False
    for order in "<>":
        group, number, vr, _ = struct.unpack_from(order + "HH2sH", start)
        length = struct.unpack_from(order + "I", start, 4)[0]
        if group in {0x0002, 0x0008} and number <= 0x0100 and (vr in KNOWN or length <= 256):
            return True
    return False


def _read(reading: _Reading, file: FileSource, start: int, path: Path, limits: Limits, stack: ExitStack) -> None:
    start = _read_meta(file, start, reading.meta, limits)
    reading.syntax = _uid(reading.meta, "00020010")
    source: Source = file
    if reading.syntax in DEFLATED:
        source = stack.enter_context(InflatedSource(path, start, limits.inflate_bytes))
        start = 0
    reading.walker = Walker(source, limits)
    reading.coding = _coding(source, start, reading.syntax)
    if not reading.syntax:
        reading.syntax = IMPLICIT if reading.coding.implicit else BIG_ENDIAN if reading.coding.big_endian else EXPLICIT
    reading.walker.dataset(reading.json, start, source.size, reading.coding, Scope())


def _read_meta(file: FileSource, pos: int, meta: Dataset, limits: Limits) -> int:
    """Reads group 0002 (always explicit little endian) and returns where the dataset begins.

    The group's length is not believed: the group ends where another begins.
    """
    walker = Walker(file, limits)
    while file.size - pos >= 8:
        index = file.at(pos, 8)
        if file.buffer[index : index + 2] != b"\x02\x00":
            break
        pos, _ = walker.element(meta, pos, file.size, walker.head(pos, Coding()), Coding(), Scope())
    return pos


def _coding(source: Source, start: int, syntax: str) -> Coding:
    """What the first element shows; the transfer syntax is often wrong about it, and sometimes absent."""
    big = syntax == BIG_ENDIAN
    if source.size - start < 8:
        return Coding(syntax == IMPLICIT, big)
    index = source.at(start, 8)
    group, vr = source.buffer[index : index + 2], source.buffer[index + 4 : index + 6]
    if not syntax and group[0] == 0 and group[1] != 0:
        big = True
    return Coding(vr not in KNOWN, big)


def _uid(dataset: Dataset, tag: str) -> str:
    value = first(dataset, tag)
    return value if isinstance(value, str) else ""


def _problem_with_uids(reading: _Reading) -> str:
    """Why an identity is not one (DICOM PS3.5 9.1: digits and dots, at most 64); empty if all are good."""
    for tag, what in _IDENTITY.items():
        uid = _uid(reading.json, tag)
        if (uid and (len(uid) > 64 or not _UID.fullmatch(uid))) or len(_values(reading.json, tag)) > 1:
            return f"The {what} is not a valid UID."
    for tag, twin in (("00020002", "00080016"), ("00020003", "00080018")):
        uid = _uid(reading.meta, tag)
        if uid and (len(uid) > 64 or not _UID.fullmatch(uid)):
            return f"The {_IDENTITY[twin]} in the file meta information is not a valid UID."
    return ""


def _values(dataset: Dataset, tag: str) -> list[Any]:
    found: list[Any] = dataset.get(tag, {}).get("Value", [])
    return found


def _header(reading: _Reading, *, executable: bool) -> Header:
    problem = reading.problem or _problem_with_uids(reading)
    walker = reading.walker
    json = reading.json
    modality = first(json, "00080060")
    return Header(
        complete=not problem,
        problem=problem,
        transfer_syntax=reading.syntax,
        sop_class_uid=_uid(json, "00080016"),
        sop_instance_uid=_uid(json, "00080018"),
        study_uid=_uid(json, "0020000D"),
        series_uid=_uid(json, "0020000E"),
        modality=modality if isinstance(modality, str) else "",
        json=dict(sorted(json.items())),
        bulk=walker.bulk if walker else {},
        pixels=describe(json, walker, reading.coding) if walker else None,
        seekable=reading.syntax not in DEFLATED,
        executable_preamble=executable,
    )
