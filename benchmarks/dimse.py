"""C-STORE of CT slices and of tiny instances over four associations, beside Debian's Orthanc.

    python -m benchmarks.dimse [--quick] [--alone]

Both on one machine, with fsync, alternating; Orthanc with ``TCP_NODELAY=1``. The client sends ready-made PDUs from
threads, so that it costs little beside either server; each answer is awaited, as storescu does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import struct
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from tests.support.orthanc import Orthanc
from tests.support.server import Server, free_port

from benchmarks.figures import Figure, table
from sinfonietta.dicom.network import commands
from sinfonietta.dicom.network.negotiation import EXPLICIT, Proposal
from sinfonietta.dicom.network.requestor import Node, Requestor

ASSOCIATIONS = 4
OURS = "SINFONIETTA"
REPEAT = 3
CT = "1.2.840.10008.5.1.4.1.1.2"
PDU_BYTES = 1 << 17
ROOT = "1.2.826.0.1.3680043.10.1234"


@dataclass(frozen=True)
class Speed:
    """Instances a second, and CPU of the server per instance in ms."""

    per_s: float
    cpu_ms: float


class Slices:
    """Instances of made-up studies: one dataset, whose UIDs, of one length, are written over."""

    def __init__(self, rows: int) -> None:
        dataset = _header(rows)
        noise = np.random.default_rng(7).integers(0, 4096, rows * rows, dtype=np.uint16)
        dataset.PixelData = noise.tobytes()
        dataset["PixelData"].VR = "OW"
        out = DicomBytesIO()
        out.is_implicit_VR, out.is_little_endian = False, True
        write_dataset(out, dataset)
        self._data = out.getvalue()

    def message(self, context: int, run: int, series: int, number: int, longest: int) -> bytes:
        """A C-STORE-RQ with its dataset as PDUs."""
        study, one, instance = _uids(run, series, number)
        data = self._data
        for old, new in zip(_uids(0, 0, 0), (study, one, instance), strict=True):
            data = data[:2048].replace(old.encode(), new.encode()) + data[2048:]
        fields = {"CommandField": 1, "MessageID": 1, "Priority": 0, "AffectedSOPClassUID": CT}
        command = commands.encode({**fields, "AffectedSOPInstanceUID": instance}, with_dataset=True)
        size = min(longest or PDU_BYTES, PDU_BYTES) - 6
        pieces = ((data[at : at + size], at + size >= len(data)) for at in range(0, len(data), size))
        parts = [_pdv(context, 2 if is_last else 0, piece) for piece, is_last in pieces]
        return _pdv(context, 3, command) + b"".join(parts)


def _pdv(context: int, control: int, piece: bytes) -> bytes:
    return struct.pack(">BxIIBB", 4, len(piece) + 6, len(piece) + 2, context, control) + piece


def _uids(run: int, series: int, number: int) -> tuple[str, str, str]:
    study = f"{ROOT}.{1_000_000 + run}.{100 + series}"
    return f"{study}.1", f"{study}.2", f"{study}.3.{10_000 + number}"


def _header(rows: int) -> Dataset:
    """About seventy elements, as a scanner writes them."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.Modality = CT, "CT"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.SOPInstanceUID = _uids(0, 0, 0)
    texts = {
        "SpecificCharacterSet": "ISO_IR 100", "PatientName": "Bench^Anna", "PatientID": "BENCH-1",
        "PatientBirthDate": "19500102", "PatientSex": "F", "StudyDate": "20240102", "SeriesDate": "20240102",
        "ContentDate": "20240102", "StudyTime": "101112", "SeriesTime": "101112", "ContentTime": "101112",
        "AccessionNumber": "A1", "ReferringPhysicianName": "Ref^Doctor", "StudyDescription": "CT ABDOMEN",
        "SeriesDescription": "AX", "Manufacturer": "SYNTHETIC", "ManufacturerModelName": "Phantom 1",
        "InstitutionName": "Benchmark Hospital", "StationName": "ST01", "StudyID": "S1", "ProtocolName": "Routine",
        "BodyPartExamined": "ABDOMEN", "PatientPosition": "HFS", "ConvolutionKernel": "B30f", "PatientAge": "070Y",
        "SoftwareVersions": "1.0", "PositionReferenceIndicator": "", "PhotometricInterpretation": "MONOCHROME2",
        "RescaleType": "HU",
    }  # fmt: skip
    numbers = {
        "SeriesNumber": 1, "AcquisitionNumber": 1, "InstanceNumber": 1, "SliceThickness": 2.5, "KVP": 120,
        "XRayTubeCurrent": 220, "ExposureTime": 500, "DataCollectionDiameter": 500, "ReconstructionDiameter": 400,
        "GantryDetectorTilt": 0, "TableHeight": 150, "SliceLocation": 1.5, "WindowCenter": 40, "WindowWidth": 400,
        "RescaleIntercept": -1024, "RescaleSlope": 1, "SamplesPerPixel": 1, "Rows": rows, "Columns": rows,
        "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1, "PatientWeight": 72,
    }  # fmt: skip
    for keyword, value in (texts | numbers).items():
        setattr(dataset, keyword, value)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [-200, -200, 1.5], [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing, dataset.FrameOfReferenceUID = [0.78, 0.78], f"{ROOT}.9"
    return dataset


def store(node: Node, slices: Slices, run: int, count: int) -> float:
    """Send ``count`` instances over all associations; seconds from the first byte to the last answer."""
    requestors = [Requestor(node, [Proposal(CT, (EXPLICIT,))]) for _ in range(ASSOCIATIONS)]
    share = count // ASSOCIATIONS
    wrong: list[int] = []

    def send(number: int, requestor: Requestor) -> None:
        context = requestor.context(CT)
        assert context
        association = requestor.association
        longest = association._block + 6
        for index in range(share):
            association.sock.sendall(slices.message(context.id, run, number, index, longest))
            status = commands.number(association.receive().command, "Status")
            if status:
                wrong.append(status)

    threads = [threading.Thread(target=send, args=pair) for pair in enumerate(requestors)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - began
    for requestor in requestors:
        requestor.association.release()
    assert not wrong, wrong[:3]
    return taken


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and all below it, the ended ones included."""
    total, waiting = 0.0, [pid]
    ticks = os.sysconf("SC_CLK_TCK")
    while waiting:
        one = waiting.pop()
        try:
            stat = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, stat[11:15])) / ticks
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return total


@dataclass
class Peer:
    """A server to measure."""

    node: Node
    pid: int
    runs: Iterator[int]

    def measure(self, slices: Slices, count: int) -> Speed:
        """Send new instances to it."""
        before = cpu_s(self.pid)
        taken = store(self.node, slices, next(self.runs), count)
        return Speed(count / taken, (cpu_s(self.pid) - before) / count * 1000)


@contextmanager
def sinfonietta(root: Path, runs: Iterator[int]) -> Iterator[Peer]:
    """Our own server, its DIMSE door alone."""
    server = Server(root / "sinfonietta", dimse_port=free_port())
    server.start()
    try:
        server.user("bench")
        arguments = ("--host", "127.0.0.1", "--port", "104", "--account", "bench", "--into", "Bench")
        server.cli("create-peer", "BENCH", *arguments)
        assert server.process
        yield Peer(Node(OURS, "127.0.0.1", server.dimse_port, "BENCH"), server.process.pid, runs)
    finally:
        server.stop()


@contextmanager
def orthanc(root: Path, runs: Iterator[int]) -> Iterator[Peer]:
    """Debian's Orthanc."""
    os.environ["TCP_NODELAY"] = "1"
    server = Orthanc(root / "orthanc", 104)
    server.start()
    try:
        assert server.process
        yield Peer(Node("ORTHANC", "127.0.0.1", server.dicom, "BENCH"), server.process.pid, runs)
    finally:
        server.stop()


def measure(quick: bool, *, alone: bool = False) -> list[Figure]:
    """Speeds of ours, and ratios to Orthanc: medians of alternating runs."""
    counts = {"CT": 80 if quick else 400, "tiny": 200 if quick else 1000}
    slices = {"CT": Slices(512), "tiny": Slices(64)}
    figures = []
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        runs = iter(range(1, 1000))
        with sinfonietta(Path(folder), runs) as ours, orthanc(Path(folder), runs) as theirs:
            servers = {"ours": ours} if alone else {"ours": ours, "Orthanc": theirs}
            for server in servers.values():
                server.measure(slices["tiny"], 40)  # processes for parsing are up, pages are in memory
            for kind, count in counts.items():
                found: dict[str, list[Speed]] = {name: [] for name in servers}
                for _ in range(REPEAT):
                    for name, server in servers.items():
                        found[name].append(server.measure(slices[kind], count))
                figures += _figures(kind, found)
    return figures


def _figures(kind: str, found: dict[str, Sequence[Speed]]) -> Iterator[Figure]:
    medians = {name: statistics.median(one.per_s for one in speeds) for name, speeds in found.items()}
    for name, speeds in found.items():
        spread = "-".join(
            f"{speed:.0f}" for speed in sorted({min(s.per_s for s in speeds), max(s.per_s for s in speeds)})
        )
        cpu = statistics.median(one.cpu_ms for one in speeds)
        yield Figure(
            f"C-STORE {kind}, 4 associations, {name}", medians[name], "instances/s", note=f"{spread}; CPU {cpu:.2f} ms"
        )
    if "Orthanc" in medians:
        ratio = medians["ours"] / medians["Orthanc"]
        yield Figure(f"C-STORE {kind}, ratio to Orthanc", ratio, "x", ">= 1.3", ratio >= 1.3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dimse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer instances, for a look")
    parser.add_argument("--alone", action="store_true", help="without Orthanc")
    said = parser.parse_args()
    print(table(measure(said.quick, alone=said.alone)))


if __name__ == "__main__":
    main()
