"""A real Orthanc (Debian's), as peer of the DIMSE tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.server import free_port

PATIENCE_S = 60


def program() -> str:
    """Where Debian puts it, which is not on everyone's path."""
    return shutil.which("Orthanc") or "/usr/sbin/Orthanc"


@dataclass
class Orthanc:
    """An Orthanc of its own in a folder. ``ours``: the port of our door, known to it as ``us``."""

    folder: Path
    ours: int
    allows_get: bool = True
    web: int = field(default_factory=free_port)
    dicom: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        modality = {"AET": "SINFONIETTA", "Host": "127.0.0.1", "Port": self.ours, "AllowGet": self.allows_get}
        configuration = {
            "StorageDirectory": str(self.folder / "storage"), "IndexDirectory": str(self.folder / "index"),
            "HttpPort": self.web, "DicomPort": self.dicom, "DicomAet": "ORTHANC", "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False, "DicomAlwaysAllowStore": True, "DicomAlwaysAllowGet": self.allows_get,
            "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True, "DicomModalities": {"us": modality},
            "Plugins": [], "ConcurrentJobs": 2,
        }  # fmt: skip
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(configuration))
        log = (self.folder / "orthanc.log").open("ab")
        self.process = subprocess.Popen([program(), str(path)], stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if httpx.get(f"{self.url}/system").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, (self.folder / "orthanc.log").read_text()
            assert time.monotonic() < deadline, "Orthanc did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web}"

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request of its REST; its JSON."""
        content = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        answer = httpx.request(method, f"{self.url}{path}", content=content if method == "POST" else None, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def instances(self) -> int:
        """How many instances it has."""
        return int(self.ask("GET", "/statistics")["CountInstances"])
