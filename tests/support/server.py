"""The real server, as a person would start it: an installation in a temporary folder, gunicorn on a free port."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

PATIENCE_S = 60


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """``sinfonietta serve`` on loopback, with the command line to administer it."""

    data: Path
    workers: int = 0
    dimse_port: int = 0
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cli(self, *arguments: str, said: str = "") -> str:
        """A command of the program; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "sinfonietta", *arguments],
            env=self._environment(), input=said, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()

    def user(self, name: str) -> str:
        """A new account; its password."""
        password = f"quite-long-{name}"
        self.cli("create-user", name, "--full-name", name.capitalize(), "--password-stdin", said=password)
        return password

    def token(self, name: str, scope: str = "admin") -> str:
        """A token of an account."""
        return self.cli("create-token", name, "--name", "tests", "--scope", scope)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        log = (self.data.parent / "serve.log").open("ab")
        arguments = ["serve", "--port", str(self.port), "--workers", str(self.workers)]
        arguments += ["--dimse-port", str(self.dimse_port)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sinfonietta", *arguments], env=self._environment(), stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200 and self._listens():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, (self.data.parent / "serve.log").read_text()
            assert time.monotonic() < deadline, "the server did not become ready"
            time.sleep(0.05)

    def _listens(self) -> bool:
        """Whether the DIMSE door is open, where there is to be one."""
        if not self.dimse_port:
            return True
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.dimse_port)) == 0

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None

    def verify(self) -> list[object]:
        """What ``verify`` finds."""
        return list(json.loads(self.cli("verify", "--json"))["findings"])

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SINFONIETTA_")}
        return kept | {"SINFONIETTA_DATA": str(self.data), "SINFONIETTA_LOG_LEVEL": "WARNING"} | self.settings
