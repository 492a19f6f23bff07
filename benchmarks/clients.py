"""Clients of the comparison: forked processes that speak HTTP/1.1 on a socket, so that the client costs little.

Bodies of answers are thrown away inside the kernel (MSG_TRUNC); one of each kind is looked at before the clock starts.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

FORK = multiprocessing.get_context("fork")
Act = Callable[["Connection"], int]
"""One request; what it counts for (instances, bytes, requests)."""


class Connection:
    """A kept connection to a server."""

    def __init__(self, root: str, token: str = "") -> None:
        parts = urlsplit(root)
        self.address, self.path = (parts.hostname or "", parts.port or 80), parts.path
        self.common = f"Host: {parts.netloc}\r\n" + (f"Authorization: Bearer {token}\r\n" if token else "")
        self.room = memoryview(bytearray(1 << 20))
        self.connect()

    def connect(self) -> None:
        """Open it anew."""
        self.socket = socket.create_connection(self.address, 120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(
        self, method: str, path: str, headers: str, body: Sequence[bytes] = (), *, keep: bool = False
    ) -> bytes | int:
        """The body of a successful answer, or how long it was. Raises RuntimeError."""
        length = f"Content-Length: {sum(map(len, body))}\r\n" if body else ""
        self.socket.sendall(f"{method} {self.path}{path} HTTP/1.1\r\n{self.common}{headers}{length}\r\n".encode())
        for piece in body:
            self.socket.sendall(piece)
        head, rest = self._head()
        lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines[1:] if b": " in line)
        if fields.get(b"transfer-encoding") == b"chunked":
            found = self._chunks(rest)
        elif b"content-length" not in fields:
            found = self._rest(rest)
            fields[b"connection"] = b"close"
        elif keep:
            found = self._exactly(int(fields[b"content-length"]), rest)
        else:
            found = self._drop(int(fields[b"content-length"]), len(rest))
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{method} {path}: {head[:60]!r} {found!r:.300}")
        if fields.get(b"connection") == b"close":
            self.socket.close()
            self.connect()
        return found if keep or isinstance(found, int) else len(found)

    def _head(self) -> tuple[bytes, bytes]:
        data = b""
        while b"\r\n\r\n" not in data:
            block = self.socket.recv(16384)
            if not block:
                raise RuntimeError("the server closed the connection")
            data += block
        head, _, rest = data.partition(b"\r\n\r\n")
        return head, rest

    def _drop(self, length: int, there: int) -> int:
        left = length - there
        while left > 0:
            left -= self._some(left, socket.MSG_TRUNC)
        return length

    def _rest(self, data: bytes) -> int:
        """To the end of the connection."""
        length = len(data)
        while count := self.socket.recv_into(self.room, len(self.room), socket.MSG_TRUNC):
            length += count
        return length

    def _some(self, most: int, how: int = 0) -> int:
        count = self.socket.recv_into(self.room, min(most, len(self.room)), how)
        if not count:
            raise RuntimeError("the answer ended too early")
        return count

    def _exactly(self, length: int, data: bytes) -> bytes:
        pieces = bytearray(data)
        while len(pieces) < length:
            pieces += self.room[: self._some(length - len(pieces))]
        return bytes(pieces)

    def _chunks(self, data: bytes) -> bytes:
        found = bytearray()
        while True:
            while b"\r\n" not in data:
                data += self.socket.recv(65536)
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            data = self._exactly(length + 2, data) if len(data) < length + 2 else data
            found += data[:length]
            data = data[length + 2 :]
            if not length:
                return bytes(found)


@dataclass(frozen=True)
class Measured:
    """What clients got out of a server in a stretch of time."""

    per_s: float
    median_ms: float
    cpu_ms: float
    memory_mb: float


def family(root: int) -> list[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        process = waiting.pop()
        found.append(process)
        waiting += children.get(process, [])
    return found


def measure(
    processes: Sequence[int], root: str, token: str, acts: Sequence[Sequence[Act]], seconds: float | None
) -> Measured:
    """One client for each row of acts; each does them once (``seconds`` None), or again and again for so long.

    Raises RuntimeError with what the first client to fail says.
    """
    ready, go, results = FORK.Barrier(len(acts) + 1), FORK.Barrier(len(acts) + 1), FORK.Queue()

    def client(number: int) -> None:
        count, times, failure = 0, [], ""
        try:
            connection, mine = Connection(root, token), acts[number]
            ready.wait(300)
            go.wait(300)
            end = None if seconds is None else time.perf_counter() + seconds
            at = 0
            while at < len(mine) if end is None else time.perf_counter() < end:
                begun = time.perf_counter()
                count += mine[at % len(mine)](connection)
                times.append(time.perf_counter() - begun)
                at += 1
        except Exception as error:  # noqa: BLE001 - it travels to the parent
            failure = repr(error)
        results.put((count, times, failure))

    clients = [FORK.Process(target=client, args=(number,), daemon=True) for number in range(len(acts))]
    for process in clients:
        process.start()
    ready.wait(300)
    watch = _Watch(processes)
    cpu, begun = _cpu_s(processes), time.perf_counter()
    go.wait(300)
    found = [results.get() for _ in clients]
    wall = time.perf_counter() - begun
    cpu = _cpu_s(processes) - cpu
    for process in clients:
        process.join()
    failures = [failure for _, _, failure in found if failure]
    if failures:
        raise RuntimeError(failures[0])
    count = sum(counted for counted, _, _ in found)
    times = [one for _, each, _ in found for one in each]
    return Measured(count / wall, statistics.median(times) * 1000, cpu / max(count, 1) * 1000, watch.stop())


def _cpu_s(processes: Sequence[int]) -> float:
    total = 0.0
    for root in processes:
        for process in family(root):
            try:
                fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")  # with the children that have ended
    return total


class _Watch:
    """The peak of the memory that processes have for themselves and their part of what they share (PSS)."""

    def __init__(self, processes: Sequence[int]) -> None:
        self._processes, self._peak, self._end = processes, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while True:
            total = 0
            for root in self._processes:
                for process in family(root):
                    try:
                        text = Path(f"/proc/{process}/smaps_rollup").read_text()
                    except OSError:
                        continue
                    total += sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))
            self._peak = max(self._peak, total)
            if self._end.wait(0.5):
                return

    def stop(self) -> float:
        """The peak, in MB."""
        self._end.set()
        self._thread.join()
        return self._peak / 1024
