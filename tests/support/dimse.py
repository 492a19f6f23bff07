"""The DIMSE door in this process, other people's programs that talk to it, and certificates for TLS."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sinfonietta.interfaces.dimse.server import Process
from tests.support.server import free_port

OURS, THEIRS = "SINFONIETTA", "TESTER"
PATIENCE_S = 60


@dataclass
class Door:
    """The door, open on a free port of loopback."""

    port: int = 0
    _process: Process | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Door:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(listener.getsockname()[1])
        self._process = Process(listener)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def _accept(self) -> None:
        from django.db import connection

        assert self._process
        try:
            self._process.accept()
        finally:
            self._process.close()
            connection.close()

    def __exit__(self, *error: object) -> None:
        assert self._process
        assert self._thread
        self._process.stop()
        self._thread.join(PATIENCE_S)


@dataclass(frozen=True)
class Said:
    """How a program ended, and what it said."""

    code: int
    text: str

    def statuses(self) -> list[str]:
        """The status words of C-STORE answers."""
        return re.findall(r"Received Store Response \((.*)\)", self.text)


def run(program: str, *arguments: object) -> Said:
    """A program of DCMTK to its end."""
    done = subprocess.run(
        [program, *map(str, arguments)],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE_S,
        check=False,
    )
    return Said(done.returncode, done.stdout + done.stderr)


def to_us(program: str, door: Door, *arguments: object, title: str = THEIRS) -> Said:
    """A user of DCMTK that calls our door. Options first, then files."""
    return run(program, "-v", "-aet", title, "-aec", OURS, "127.0.0.1", door.port, *arguments)


@dataclass
class Listener:
    """DCMTK's storescp, which keeps what it is sent in a folder."""

    folder: Path
    options: Sequence[str] = ()
    port: int = field(default_factory=free_port)

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.is_file())


@contextmanager
def listening(folder: Path, *options: str) -> Iterator[Listener]:
    """A node that listens, until it is not needed any more."""
    folder.mkdir(exist_ok=True)
    listener = Listener(folder, options)
    command = ["storescp", *options, "-od", str(folder), "-aet", THEIRS, str(listener.port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", listener.port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "storescp did not start"
                time.sleep(0.02)
        yield listener
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def make_certificates(folder: Path) -> None:
    """An authority, ``us`` and ``them``, signed by it, and a ``stranger`` who is not."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    openssl(*new, "-x509", "-days", "2", "-subj", "/CN=stranger", "-keyout", "stranger.key", "-out", "stranger.pem")
    for name in ("us", "them"):
        openssl(*new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(
            "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", f"{name}.pem",
        )  # fmt: skip
