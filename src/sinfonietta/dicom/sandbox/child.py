"""The process that opens strangers' files: ``python -m sinfonietta.dicom.sandbox.child FD MEMORY IDLE``.

Started by ``isolation``; answers one question after the other over the socket ``FD`` and ends when it is closed or
nothing was asked for ``IDLE`` seconds. Whatever happens to it happens to it alone: its address space is bounded to
``MEMORY`` bytes, it writes no core and no files.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.packing import described, pack_dataset
from sinfonietta.dicom.dataset.parse import BIG_ENDIAN, Header, open_dataset, parse
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.dataset.values import little_endian
from sinfonietta.dicom.image.options import RenderOptions, presets
from sinfonietta.dicom.sandbox import wire

Answer = tuple[dict[str, Any], bytes]


class Refused(Exception):
    """The child's own no: ``kind`` names the exception that the parent raises."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def _parse(path: str, limits: dict[str, int]) -> Answer:
    header = parse(Path(path), limits=Limits(**limits))
    return ({"header": None}, b"") if header is None else ({"header": described(header)}, pack_dataset(header.json))


def _parse_all(path: str, limits: dict[str, int], others: list[str]) -> Answer:
    answers = [answer({"operation": "parse", "path": one, "limits": limits}) for one in (path, *others)]
    return {"files": [{**head, "bytes": len(body)} for head, body in answers]}, b"".join(body for _, body in answers)


def _tags(path: str, limits: dict[str, int], frame: int | None = None) -> Answer:
    from sinfonietta.dicom.dataset.csa import MOST_BYTES  # noqa: PLC0415
    from sinfonietta.dicom.dataset.functional import of_frame  # noqa: PLC0415
    from sinfonietta.dicom.dataset.tags import rows  # noqa: PLC0415

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:

        def load(uri: str) -> bytes:
            offset, length, _ = header.bulk.get(uri, (0, 0, ""))
            return source.read(offset, min(length, MOST_BYTES))

        said = header.json if frame is None else of_frame(header.json, frame)
        return {"rows": [asdict(row) for row in rows(said, load=load)], "presets": presets(header)}, b""


def _structures(path: str, limits: dict[str, int]) -> Answer:
    from sinfonietta.dicom.rt import structures  # noqa: PLC0415

    return structures.packed(structures.read(_image(path, limits).json))


def _render(path: str, limits: dict[str, int], frame: int, options: dict[str, Any]) -> Answer:
    from sinfonietta.dicom.image.render import render  # noqa: PLC0415 - only who draws pays for numpy

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        return {}, render(source, header, frame, RenderOptions(**options))


def _animate(path: str, limits: dict[str, int], options: dict[str, Any]) -> Answer:
    from sinfonietta.dicom.image.render import animate  # noqa: PLC0415

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        return {}, animate(source, header, RenderOptions(**options))


def _decode(path: str, limits: dict[str, int], frame: int) -> Answer:
    from sinfonietta.dicom.image.decode import decode  # noqa: PLC0415

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        array, photometric = decode(source, header, frame)
    described = {
        "rows": array.shape[0],
        "columns": array.shape[1],
        "samples": array.shape[2] if array.ndim == 3 else 1,
        "bits_allocated": array.dtype.itemsize * 8,
        "photometric": photometric,
    }
    return described, array.astype(array.dtype.newbyteorder("<")).tobytes()


def _transcode(path: str, limits: dict[str, int], target: str) -> Answer:
    from sinfonietta.dicom.image.transcode import plan  # noqa: PLC0415

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        made = plan(Path(path), source, header, target)
    return {"pieces": made.pieces}, made.body


def _transcoded_frame(path: str, limits: dict[str, int], target: str, frame: int) -> Answer:
    from sinfonietta.dicom.image.transcode import frame_of  # noqa: PLC0415

    header = _image(path, limits)
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        return {}, frame_of(source, header, target, frame)


def _compose(path: str, limits: dict[str, int], kind: str, bulk: dict[str, Any]) -> Answer:
    from sinfonietta.dicom.dataset.compose import Bulk, compose, datasets  # noqa: PLC0415
    from sinfonietta.dicom.dataset.native import Malformed  # noqa: PLC0415

    try:
        found = datasets(Path(path).read_bytes(), kind)
    except Malformed as malformed:
        raise Refused("Malformed", str(malformed)) from malformed
    given = {location: Bulk(tuple(sizes), syntax) for location, (sizes, syntax) in bulk.items()}
    made, body = compose(found, given)
    return {"files": [asdict(one) for one in made]}, body


def _xml(path: str, limits: dict[str, int]) -> Answer:
    from sinfonietta.dicom.dataset.native import to_xml  # noqa: PLC0415

    return {}, to_xml(_image(path, limits).json)


def _bulk(path: str, limits: dict[str, int], uri: str) -> Answer:
    header = _image(path, limits)
    place = header.bulk.get(uri)
    if place is None:
        raise Refused("NoSuchValue", "The file has no such bulk data.")
    offset, length, vr = place
    if length > wire.MAX_BODY_BYTES:
        raise Refused("TooBig", "The value is too large to be read at once.")
    with open_dataset(Path(path), header, Limits(**limits)) as source:
        data = source.read(offset, length)
    return {"vr": vr}, little_endian(vr, data) if header.transfer_syntax == BIG_ENDIAN else data


def _report(path: str, limits: dict[str, int], at: str, most: int) -> Answer:
    from sinfonietta.dicom import reports  # noqa: PLC0415

    try:
        return {"report": asdict(reports.read(_image(path, limits).json, at, most))}, b""
    except KeyError as error:
        raise Refused("NoSuchValue", "The report has no such place.") from error


def _irradiation(path: str, limits: dict[str, int]) -> Answer:
    from sinfonietta.dicom import reports  # noqa: PLC0415
    from sinfonietta.dicom.radiation import irradiation  # noqa: PLC0415

    header = _image(path, limits)
    report = reports.read(header.json)
    if not irradiation.is_dose_report(header.sop_class_uid, report):
        return {"report": None}, b""
    return {"report": irradiation.read(report).as_dict()}, b""


def _segments(path: str, limits: dict[str, int]) -> Answer:
    from sinfonietta.dicom.image import segments  # noqa: PLC0415

    return {"segments": segments.read(_image(path, limits).json).as_dict()}, b""


def _overlay(path: str, limits: dict[str, int], plane: dict[str, Any], wanted: list[int]) -> Answer:
    from sinfonietta.dicom.image import masks, overlay, segments  # noqa: PLC0415
    from sinfonietta.dicom.image.decode import decode  # noqa: PLC0415
    from sinfonietta.dicom.image.volume import plane_from_dict  # noqa: PLC0415
    from sinfonietta.dicom.rt.geometry import Unplaced  # noqa: PLC0415

    header = _image(path, limits)
    try:
        with open_dataset(Path(path), header, Limits(**limits)) as source:
            found = masks.on(
                header.json, plane_from_dict(plane), wanted, lambda frame: decode(source, header, frame)[0]
            )
    except Unplaced as error:
        raise Refused("Undrawable", str(error)) from error
    if not found:
        return {"segments": []}, b""
    colors = {one.number: one.color for one in segments.read(header.json).segments}
    picture = overlay.of_masks(found, {number: colors.get(number, (255, 255, 255)) for number in found})
    return {"segments": sorted(found)}, overlay.png(picture)


def _image(path: str, limits: dict[str, int]) -> Header:
    header = _header(path, _stamp(path), **limits)
    if header is None:
        raise Refused("Undrawable", "The file is not DICOM.")
    return header


def _stamp(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=4)  # the frames of one file are asked for one after the other
def _header(path: str, stamp: tuple[int, ...], **limits: int) -> Header | None:
    return parse(Path(path), limits=Limits(**limits))


OPERATIONS: dict[str, Callable[..., Answer]] = {
    "parse": _parse,
    "parse all": _parse_all,
    "tags": _tags,
    "structures": _structures,
    "render": _render,
    "animate": _animate,
    "decode": _decode,
    "transcode": _transcode,
    "transcoded frame": _transcoded_frame,
    "bulk": _bulk,
    "xml": _xml,
    "compose": _compose,
    "report": _report,
    "irradiation": _irradiation,
    "segments": _segments,
    "overlay": _overlay,
}


def answer(question: dict[str, Any], operations: dict[str, Callable[..., Answer]] = OPERATIONS) -> Answer:
    """Does what is asked; a failure is an answer too, as ``{"error": kind, "reason": sentence}``."""
    try:
        return operations[question.pop("operation")](**question)
    except Refused as refused:
        return {"error": refused.kind, "reason": str(refused)}, b""
    except (MemoryError, OverflowError):
        return {"error": "TooBig", "reason": "The file needs more memory than one file may take."}, b""
    except Broken as broken:
        return {"error": "Undrawable", "reason": str(broken)}, b""
    except OSError as error:
        return {"error": "Unreadable", "reason": f"The file cannot be read ({error.strerror})."}, b""
    except Exception as error:  # noqa: BLE001 - the process serves the next file, whatever this one did
        kind = type(error).__name__
        if kind == "Undrawable":  # its module needs numpy, which may not have been imported
            return {"error": kind, "reason": str(error)}, b""
        return {"error": "Crashed", "reason": f"The file could not be processed ({kind})."}, b""


def confine(memory_bytes: int) -> None:
    """Takes away what the work does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; the closed socket ends us


def serve(operations: dict[str, Callable[..., Answer]]) -> None:
    """Answers questions until the socket closes."""
    descriptor, memory_bytes, idle_s = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    confine(memory_bytes)
    with socket.socket(fileno=descriptor) as sock:
        while True:
            try:
                question, _ = wire.receive(sock, wire.Deadline(idle_s))
            except (TimeoutError, wire.Closed, ConnectionError):
                return
            # Should the parent die while we compute, nobody else would end us.
            signal.setitimer(signal.ITIMER_REAL, question.pop("timeout_s") + 5)
            head, body = answer(question, operations)
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                wire.send(sock, head, body)
            except (ConnectionError, TimeoutError):
                return
            except wire.Oversized:
                wire.send(sock, {"error": "TooBig", "reason": "What the file holds is too large to be shown."})


if __name__ == "__main__":
    serve(OPERATIONS)
