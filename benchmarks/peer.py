"""Beside Orthanc, in one run: ``make bench-peer``, or ``python -m benchmarks.peer [--quick] [--only NAME ...]``.

Debian's Orthanc with its DICOMweb plug-in and our ``serve``, on the same machine with the same data; both make what
they acknowledge durable. Ours has permissions and audit on, the policy ``accept``, and a thousand ACLs, half of which
let the account read. The servers take turns, with every operation and every repetition. Prints a table, writes JSON
to var/bench.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from tests.support.server import Server, free_port

from benchmarks import clients, dataset
from benchmarks.clients import Act, Connection, Measured
from benchmarks.dataset import Sample

ACLS = 1000
BATCH = 20
WARM_S = 0.7
BOUNDARY = "comparison-7d3f"
DATA = Path("/var/tmp/sinfonietta-bench-peer")
JSON = "Accept: application/dicom+json\r\n"
PARTS = 'Accept: multipart/related; type="application/dicom"; transfer-syntax=*\r\n'
FRAME = 'Accept: multipart/related; type="application/octet-stream"\r\n'
PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"
PEER = "Orthanc"
OURS = "Sinfonietta"


@dataclass
class Peer:
    """A server in the comparison: its processes, where DICOMweb is, and where it stores."""

    name: str
    processes: list[int]
    root: str
    store: str
    token: str = ""
    peak_mb: float = 0.0
    figures: dict[str, list[Measured]] = field(default_factory=dict)


@dataclass(frozen=True)
class Operation:
    """One line of the table. ``acts(run)`` are the requests of each client; ``once``: each is made once."""

    name: str
    unit: str
    goal: float
    acts: Callable[[int], list[list[Act]]]
    once: bool = False
    store: bool = False


def main() -> int:
    """Run, print, write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peer", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round with a tenth of the data")
    parser.add_argument("--ours", action="store_true", help="without the peer: for work on our side")
    parser.add_argument("--only", nargs="*", default=[], help="operations whose names begin so")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--database", default="", help="postgresql://... that is empty; else SQLite")
    said = parser.parse_args()
    if not said.ours and not Path(PLUGIN).exists():
        print("Install Debian's orthanc and orthanc-dicomweb (scripts/setup.py tests does).", file=sys.stderr)
        return 1
    size = {"slices": 60, "series": 1, "small": 5} if said.quick else {}
    samples = dataset.make(DATA / ("quick" if said.quick else "whole"), **size)
    folder = DATA / ("quick" if said.quick else "whole")
    with (
        tempfile.TemporaryDirectory(dir=DATA) as scratch,
        _Servers(Path(scratch), said.database, with_peer=not said.ours) as servers,
    ):
        compare(servers.peers, folder, samples, said)
        report(servers.peers, said)
    return 0


def compare(peers: Sequence[Peer], folder: Path, samples: list[Sample], said: argparse.Namespace) -> None:
    """Load the data, then every operation in turns."""
    for peer in peers:
        for kind in ("ct", "small"):
            chosen = [sample for sample in samples if sample.kind == kind]
            measured = clients.measure(peer.processes, peer.store, peer.token, storing(folder, chosen, 0), None)
            peer.peak_mb = max(peer.peak_mb, measured.memory_mb)
            print(f"{peer.name}: {kind} loaded, {measured.per_s:.0f}/s", file=sys.stderr, flush=True)
    chosen_names = tuple(said.only) or ("",)
    wanted = [one for one in operations(folder, samples) if one.name.startswith(chosen_names)]
    runs = count(1)
    for number in range(1 if said.quick else said.rounds):
        for operation in wanted:
            run = next(runs)
            for peer in peers if number % 2 else reversed(peers):
                root = peer.store if operation.store else peer.root
                seconds = None if operation.once else said.seconds
                if seconds and not number:  # what starts with the first request is not measured
                    clients.measure(peer.processes, root, peer.token, operation.acts(run), WARM_S)
                measured = clients.measure(peer.processes, root, peer.token, operation.acts(run), seconds)
                peer.figures.setdefault(operation.name, []).append(measured)
                peer.peak_mb = max(peer.peak_mb, measured.memory_mb)
                line = f"{operation.name:46} {peer.name:12} {measured.per_s:10.1f} {operation.unit:12}"
                print(f"{line} {measured.cpu_ms:9.3f} ms CPU", file=sys.stderr, flush=True)


def operations(folder: Path, samples: list[Sample]) -> list[Operation]:
    """The lines of the table: 8 clients ask, 4 store and retrieve."""
    ct = [sample for sample in samples if sample.kind == "ct"]
    small = [sample for sample in samples if sample.kind == "small"]
    patients = sorted({sample.patient for sample in samples})
    series = list({sample.series: f"/studies/{sample.study}/series/{sample.series}" for sample in ct}.values())
    months = [f"/studies?StudyDate=2024{month:02}01-2024{month:02}28&PatientName=Ro*" for month in range(1, 13)]
    studies = {patient: len({s.study for s in samples if s.patient == patient}) for patient in patients}
    by_patient = [(f"/studies?PatientID={patient}", studies[patient]) for patient in patients]
    slices = len(ct) // len(series)

    def queries(paths: Sequence[tuple[str, int | None]]) -> Callable[[int], list[list[Act]]]:
        return lambda run: _shared(8, [partial(get, path, JSON, 1, _listed(found)) for path, found in paths])

    def retrievals(paths: Sequence[str], accept: str, check: Check) -> Callable[[int], list[list[Act]]]:
        return lambda run: _shared(4, [partial(get, path, accept, 1, check) for path in paths])

    urls = [sample.url for sample in ct[::7]]
    pixels = 2 * 512 * 512
    return [
        Operation("STOW-RS CT slices, 20 a request", "instances/s", 1.5,
                  lambda run: storing(folder, ct[:: max(1, len(ct) // 400)][:400], run), once=True, store=True),
        Operation("STOW-RS small instances, 20 a request", "instances/s", 1.4,
                  lambda run: storing(folder, small[:1000], run), once=True, store=True),
        Operation("QIDO studies by PatientID", "requests/s", 20, queries(by_patient)),
        Operation("QIDO studies by date range and name prefix", "requests/s", 12, queries([(m, None) for m in months])),
        Operation("QIDO a page of studies", "requests/s", 40, queries([("/studies?limit=50", None)])),
        Operation("QIDO instances of a series", "requests/s", 30,
                  queries([(f"{one}/instances", slices) for one in series])),
        Operation("WADO metadata of a series", "requests/s", 12,
                  retrievals([f"{one}/metadata" for one in series], JSON, _listed(slices))),
        Operation("WADO series, multipart", "MB/s", 1.4,
                  lambda run: _shared(4, [partial(megabytes, one) for one in series])),
        Operation("WADO single instance", "requests/s", 4, retrievals(urls, PARTS, _longer(pixels))),
        Operation("WADO single frame", "requests/s", 4,
                  retrievals([f"{url}/frames/1" for url in urls], FRAME, _longer(pixels - 1))),
        Operation("WADO rendered JPEG", "requests/s", 3,
                  retrievals([f"{url}/frames/1/rendered" for url in urls], "Accept: image/jpeg\r\n", _is(b"\xff\xd8"))),
        Operation("WADO rendered PNG", "requests/s", 4,
                  retrievals([f"{url}/frames/1/rendered" for url in urls], "Accept: image/png\r\n", _is(b"\x89PNG"))),
    ]  # fmt: skip


Check = Callable[[bytes], bool]
_checked: set[str] = set()


def get(path: str, accept: str, counts: int, check: Check, connection: Connection) -> int:
    """One request; the first answer of each client is looked at."""
    kind = accept + path.rsplit("/", 1)[-1]
    if kind not in _checked:
        _checked.add(kind)
        found = connection.ask("GET", path, accept, keep=True)
        if not isinstance(found, bytes | int) or (isinstance(found, bytes) and not check(found)):
            raise RuntimeError(f"{path}: a wrong answer {found!r:.200}")
        return counts
    connection.ask("GET", path, accept)
    return counts


def megabytes(path: str, connection: Connection) -> float:  # type: ignore[return]
    """Retrieve a series; how many MB came."""
    found = connection.ask("GET", path, PARTS)
    assert isinstance(found, int)
    return found / 1e6


def storing(folder: Path, samples: Sequence[Sample], run: int) -> list[list[Act]]:
    """Requests of 20 instances each, for four clients; their bodies are made when their turn has come."""
    batches = [samples[at : at + BATCH] for at in range(0, len(samples), BATCH)]
    return _shared(4, [partial(store, folder, batch, run) for batch in batches])


def store(folder: Path, batch: Sequence[Sample], run: int, connection: Connection) -> int:
    """Store a batch; how many instances it was."""
    line = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    pieces = []
    for sample in batch:
        pieces += [line, dataset.retagged((folder / sample.path).read_bytes(), run)]
    pieces.append(f"\r\n--{BOUNDARY}--\r\n".encode())
    headers = f'{JSON}Content-Type: multipart/related; type="application/dicom"; boundary={BOUNDARY}\r\n'
    found = connection.ask("POST", "/studies", headers, pieces, keep=True)
    if not isinstance(found, bytes) or len(json.loads(found)["00081199"]["Value"]) != len(batch):
        raise RuntimeError(f"not all was stored: {found!r:.300}")
    return len(batch)


def _shared(clients_count: int, acts: Sequence[Any]) -> list[list[Act]]:
    if len(acts) < clients_count:
        return [list(acts)] * clients_count
    return [list(acts[number::clients_count]) for number in range(clients_count)]


def _listed(found: int | None) -> Check:
    return lambda body: found is None or len(json.loads(body)) == found


def _longer(size_bytes: int) -> Check:
    return lambda body: len(body) > size_bytes


def _is(magic: bytes) -> Check:
    return lambda body: body.startswith(magic)


class _Servers:
    """Both of them, empty, at free ports."""

    def __init__(self, folder: Path, database: str, *, with_peer: bool) -> None:
        self.folder, self.database, self.with_peer = folder, database, with_peer

    def __enter__(self) -> _Servers:
        self.peers = [self._ours()]
        self.orthanc: subprocess.Popen[bytes] | None = None
        if self.with_peer:
            self.peers.append(self._orthanc())
        return self

    def __exit__(self, *caught: object) -> None:
        self.server.stop()
        if self.orthanc:
            self.orthanc.terminate()
            self.orthanc.wait(60)

    def _ours(self) -> Peer:
        settings = {"SINFONIETTA_DEIDENTIFICATION": "accept", "SINFONIETTA_DATABASE_URL": self.database}
        self.server = Server(self.folder / "data", workers=1, settings=settings)
        made = subprocess.run(
            [sys.executable, "-m", "benchmarks.peer_account", str(self.server.data), self.database, str(ACLS)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        token, collection = made.stdout.split()[-2:]
        self.server.start()
        root = f"{self.server.url}/dicomweb"
        pid = self.server.process.pid if self.server.process else 0
        processes = [pid] + ([int(os.environ["POSTGRES_PID"])] if os.environ.get("POSTGRES_PID") else [])
        return Peer(OURS, processes, root, f"{root}/collections/{collection}", token)

    def _orthanc(self) -> Peer:
        port, dicom = free_port(), free_port()
        folder = self.folder / "orthanc"
        folder.mkdir()
        said = {
            "StorageDirectory": str(folder / "storage"), "IndexDirectory": str(folder / "index"),
            "Plugins": [PLUGIN], "HttpPort": port, "DicomPort": dicom, "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "KeepAlive": True, "SyncStorageArea": True,
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }  # fmt: skip
        (folder / "orthanc.json").write_text(json.dumps(said))
        program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
        log = (folder / "log").open("ab")
        self.orthanc = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        root = f"http://127.0.0.1:{port}/dicom-web"
        for _ in range(300):
            try:
                Connection(root).ask("GET", "/studies", JSON)
                return Peer(PEER, [self.orthanc.pid], root, root)
            except (OSError, RuntimeError):
                time.sleep(0.1)
        raise RuntimeError((folder / "log").read_text()[-2000:])


def report(peers: Sequence[Peer], said: argparse.Namespace) -> None:
    """The table, and JSON."""
    by_name = {peer.name: peer for peer in peers}
    ours, theirs = by_name[OURS], by_name.get(PEER)
    rows: list[dict[str, Any]] = []
    for operation in operations(Path(), _some_samples()):
        if operation.name not in ours.figures:
            continue
        mine = ours.figures[operation.name]
        row: dict[str, Any] = {"operation": operation.name, "unit": operation.unit, "goal": operation.goal}
        row |= {"ours": _median(mine, "per_s"), "ours CPU ms": _median(mine, "cpu_ms")}
        if theirs:
            other = theirs.figures[operation.name]
            row |= {"theirs": _median(other, "per_s"), "theirs CPU ms": _median(other, "cpu_ms")}
            row["ratio"] = statistics.median(a.per_s / b.per_s for a, b in zip(mine, other, strict=True))
        rows.append(row)
    print(f"| operation | {OURS} | {PEER} | ratio | goal | CPU ms | {PEER} CPU ms |\n|---|---|---|---|---|---|---|")
    for row in rows:
        other = f"{row['theirs']:,.0f}" if theirs else "-"
        ratio = f"{row['ratio']:.1f}" if theirs else "-"
        cpu = f"{row['theirs CPU ms']:.2f}" if theirs else "-"
        said_of = f"{row['ours']:,.0f} {row['unit']} | {other} | {ratio} | >= {row['goal']:g}"
        print(f"| {row['operation']} | {said_of} | {row['ours CPU ms']:.2f} | {cpu} |")
    if theirs:
        share = ours.peak_mb / theirs.peak_mb
        print(f"| memory, peak (PSS) | {ours.peak_mb:.0f} MB | {theirs.peak_mb:.0f} | {share:.2f} | <= 0.8 | | |")
    else:
        print(f"| memory, peak (PSS) | {ours.peak_mb:.0f} MB | | | | | |")
    moment = datetime.now(UTC)
    record = {
        "at": moment.isoformat(), "machine": platform.platform(), "cores": os.cpu_count(), "load": os.getloadavg(),
        "arguments": vars(said), "rows": rows, "memory_mb": {peer.name: peer.peak_mb for peer in peers},
        "all": {peer.name: {n: [asdict(m) for m in f] for n, f in peer.figures.items()} for peer in peers},
    }  # fmt: skip
    target = Path("var/bench")
    target.mkdir(parents=True, exist_ok=True)
    (target / f"peer-{moment:%Y%m%d-%H%M%S}.json").write_text(json.dumps(record, indent=1))


def _median(figures: Sequence[Measured], name: str) -> float:
    return statistics.median(getattr(figure, name) for figure in figures)


def _some_samples() -> list[Sample]:
    """Two that stand for all, where only names and goals are wanted."""
    return [Sample("", kind, "1", "1", "1", "P", "20240101", 1, 1) for kind in ("ct", "small")]


if __name__ == "__main__":
    sys.exit(main())
