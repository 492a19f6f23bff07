"""A private PostgreSQL cluster for one session of tests."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path


class Cluster:
    """``initdb`` into a temporary folder, a server on a free port of loopback, gone afterwards."""

    def __init__(self) -> None:
        self.binaries = _binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="sinfonietta-pg-"))
        self.data = self.folder / "data"
        # The server refuses to run as root; the package's own account serves.
        self.user = "postgres" if os.geteuid() == 0 else ""
        if self.user:
            os.chown(self.folder, pwd.getpwnam(self.user).pw_uid, -1)

    def _run(self, program: str, *arguments: str) -> None:
        before = ["setpriv", f"--reuid={self.user}", "--clear-groups", "--"] if self.user else []
        subprocess.run(
            [*before, str(self.binaries / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self.folder
        )

    def start(self) -> str:
        """Start it; the URL of its database."""
        self._run("initdb", "-D", str(self.data), "-U", "test", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.port = _free_port()
        self.resume()
        return f"postgresql://test@127.0.0.1:{self.port}/postgres"

    def resume(self) -> None:
        """Start it where it was."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def pause(self) -> None:
        """End it as a crash would; its data stay."""
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")

    def stop(self) -> None:
        """End it and remove its folder."""
        if (self.data / "postmaster.pid").exists():
            self.pause()
        shutil.rmtree(self.folder, ignore_errors=True)


def _binaries() -> Path:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not installed:
        raise RuntimeError("PostgreSQL is missing: no initdb. `make test` installs it (package postgresql).")
    return installed[-1].parent


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
