"""1 GiB out and in, beside nginx and beside cp; and what the running system weighs at rest."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from tests.support.server import Server, free_port

from benchmarks.figures import Figure, cpu_s

REPEAT, DOWNLOADS = 5, 16
REST_S = 8


def measure(quick: bool) -> list[Figure]:
    """Ratios of download and upload, and memory."""
    size = (128 << 20) if quick else (1 << 30)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        root = Path(folder)
        source = root / "source.bin"
        _fill(source, size)
        server = Server(root / "data", workers=1)
        server.start()
        try:
            time.sleep(REST_S)  # what start-up borrowed is given back
            memory = _memory_mb(server.process.pid if server.process else 0)
            server.user("bench")
            token = server.token("bench")
            figures = _upload(server, token, source, size)
            figures += _download(server, token, root, size)
            figures.append(Figure("the whole system at rest", memory, "MB (PSS)", "< 400", memory < 400))
            return figures
        finally:
            server.stop()


def _fill(path: Path, size: int) -> None:
    block = os.urandom(1 << 20)
    with path.open("wb") as stream:
        for number in range(size >> 20):
            stream.write(number.to_bytes(8, "big") + block[8:])


def _upload(server: Server, token: str, source: Path, size: int) -> list[Figure]:
    home = httpx.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json()["home"]
    ours, theirs = [], []
    for number in range(REPEAT):
        began = time.perf_counter()
        copied = source.with_name(f"copy-{number}")
        subprocess.run(["cp", source, copied], check=True)
        subprocess.run(["sync", "-d", copied], check=True)
        subprocess.run(["sha256sum", copied], check=True, stdout=subprocess.DEVNULL)
        theirs.append(time.perf_counter() - began)
        copied.unlink()
        began = time.perf_counter()
        _tus(server, token, home, source, size, f"file-{number}.bin")
        ours.append(time.perf_counter() - began)
    ratio = statistics.median(theirs) / statistics.median(ours)
    rate = size / statistics.median(ours) / 1e6
    note = f"{rate:.0f} MB/s; cp + sync + sha256sum {size / statistics.median(theirs) / 1e6:.0f} MB/s"
    return [Figure("upload by tus / cp and sha256sum", ratio, "ratio", ">= 0.5", ratio >= 0.5, note)]


def _tus(server: Server, token: str, parent: str, source: Path, size: int, name: str) -> None:
    metadata = ",".join(
        f"{k} {base64.b64encode(v.encode()).decode()}" for k, v in {"filename": name, "parent": parent}.items()
    )
    headers = {"Authorization": f"Bearer {token}", "Tus-Resumable": "1.0.0"}
    made = httpx.post(
        f"{server.url}/api/v1/uploads/",
        headers=headers | {"Upload-Length": str(size), "Upload-Metadata": metadata},
    )
    # The kernel sends the file: the client is not what is measured.
    with socket.create_connection(("127.0.0.1", server.port)) as connection, source.open("rb") as stream:
        lines = [
            f"PATCH {made.headers['Location']} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {token}",
            "Tus-Resumable: 1.0.0", "Upload-Offset: 0", "Content-Type: application/offset+octet-stream",
            f"Content-Length: {size}", "Connection: close", "", "",
        ]  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
        connection.sendfile(stream)
        answer = connection.recv(65536)
    assert b" 204 " in answer.split(b"\r\n", 1)[0], answer[:300]


def _download(server: Server, token: str, root: Path, size: int) -> list[Figure]:
    """The same bytes of the same inode from both, in turns of changing order.

    The quickest of each counts: the one that other work on the machine disturbed least.
    """
    headers = {"Authorization": f"Bearer {token}"}
    found = httpx.get(f"{server.url}/api/v1/nodes?path=/bench/file-0.bin", headers=headers).json()
    blob = server.data / "blobs" / found["sha256"][:2] / found["sha256"][2:4] / found["sha256"]
    nginx, port = _nginx(root, blob)
    ours = Peer(f"{server.url}/api/v1/files/{found['id']}/content", server.process.pid if server.process else 0, token)
    theirs = Peer(f"http://127.0.0.1:{port}/{blob.name}", nginx.pid)
    try:
        for number in range(1 + DOWNLOADS):
            for peer in (ours, theirs) if number % 2 else (theirs, ours):
                peer.drain(size, counted=number > 0)
    finally:
        nginx.terminate()
        nginx.wait()
    ratio = min(theirs.wall) / min(ours.wall)
    note = f"{ours.said(size)}; nginx {theirs.said(size)}"
    return [Figure("download / nginx' static file", ratio, "ratio", ">= 0.8", ratio >= 0.8, note)]


@dataclass
class Peer:
    """A server that sends one file, with the process that it began as."""

    url: str
    process: int
    token: str = ""
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def drain(self, size: int, *, counted: bool) -> None:
        """Download it once; the first time, which opens connections and caches, is not counted."""
        before = _cpu_s(self.process)
        wall = _drain(self.url, size, f"Bearer {self.token}" if self.token else "")
        if counted:
            self.wall.append(wall)
            self.cpu.append(_cpu_s(self.process) - before)

    def said(self, size: int) -> str:
        """Rate and CPU, for the table."""
        rate = size / min(self.wall) / 1e6
        return f"{rate:.0f} MB/s, {sum(self.cpu) / len(self.cpu) * (1 << 30) / size:.2f} s CPU/GiB"


def _nginx(root: Path, file: Path) -> tuple[subprocess.Popen[bytes], int]:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    port, folder = free_port(), root / "nginx"
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        + ("user root;\n" if os.geteuid() == 0 else "")
        + "events {}\nhttp { sendfile on; access_log off;\n"
        + "".join(
            f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        + f"server {{ listen 127.0.0.1:{port}; root {file.parent}; }} }}\n"
    )
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(configuration)])
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.02)
    raise RuntimeError("nginx did not start")


def _drain(url: str, size: int, authorization: str = "") -> float:
    """Seconds for a download whose bytes the kernel throws away (MSG_TRUNC): the client costs nothing."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as connection:
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"Authorization: {authorization}"] if authorization else []
        began = time.perf_counter()
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        left = size - len(head.split(b"\r\n\r\n", 1)[1])
        room = bytearray(1 << 20)
        while left > 0:
            count = connection.recv_into(room, min(left, 1 << 20), socket.MSG_TRUNC)
            if not count:
                raise RuntimeError("the download ended too early")
            left -= count
        return time.perf_counter() - began


def _memory_mb(root: int) -> float:
    """Proportional set size of a process and all below it, in MB."""
    total = 0
    for process in _family(root):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def _cpu_s(root: int) -> float:
    """CPU time that a process and all below it have used, in seconds (to 10 ms each)."""
    return sum(cpu_s(process) for process in _family(root))


def _family(root: int) -> list[int]:
    """A process and all below it."""
    children = [child for task in Path(f"/proc/{root}/task").glob("*/children") for child in task.read_text().split()]
    return [root, *(process for child in children for process in _family(int(child)))]
