"""``serve`` as a person starts it: parts are killed, the port is taken, the database goes away."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.support.jobs import wait_until
from tests.support.postgresql import Cluster
from tests.support.server import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Server:
    served = Server(tmp_path_factory.mktemp("serve") / "data", workers=1)
    served.cli("init")
    return served


@pytest.fixture
def server(installation: Server) -> Server:
    """The server of all these tests, running; who ends it leaves the next one a new start."""
    if installation.process is None or installation.process.poll() is not None:
        installation.start()
    return installation


@pytest.fixture(scope="module", autouse=True)
def _end(installation: Server) -> Iterator[None]:
    yield
    installation.stop()


def children(pid: int) -> list[int]:
    """The child processes of a process (Linux)."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def role(pid: int) -> str:
    """``web`` of ``python -m sinfonietta web``; empty of one that is just being born or dead."""
    command = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return command[3] if len(command) > 3 else ""


def lives(pid: int) -> bool:
    """Whether the process runs; one that nobody has waited for is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def parts(server: Server) -> dict[str, int]:
    assert server.process
    return {role(pid): pid for pid in children(server.process.pid)}


def test_a_port_that_is_taken_is_said_and_nothing_is_left_running(installation: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "sinfonietta", "serve", "--data", str(installation.data), "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"127.0.0.1:{port}: another program listens there" in done.stderr


def test_a_part_that_is_killed_is_replaced_and_no_request_is_turned_away(server: Server) -> None:
    for name in ("web", "worker"):
        killed = parts(server)[name]
        os.kill(killed, signal.SIGKILL)
        for _ in range(5):
            assert httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200
        wait_until(lambda was=killed, name=name: parts(server).get(name, was) != was, f"a new {name}")  # type: ignore[misc]


def test_sigterm_lets_a_download_end_and_loses_no_read(server: Server, tmp_path: Path) -> None:
    size = 64 << 20  # more than the sockets hold
    (tmp_path / "big").write_bytes(bytes(size))
    assert server.process
    server.cli("import", str(tmp_path / "big"), "--into", "Study", "--as", "admin")
    headers = {"Authorization": f"Bearer {server.token('admin')}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
        uid = http.get("/api/v1/nodes", params={"path": "/Study/big"}).json()["id"]
        with http.stream("GET", f"/api/v1/files/{uid}/content") as response:
            blocks = response.iter_raw()
            got = len(next(blocks))
            server.process.terminate()
            wait_until(lambda: not answers(server), "new clients are turned away")
            got += sum(map(len, blocks))
    assert got == size
    assert server.process.wait(60) == 0
    with closing(sqlite3.connect(server.data / "sinfonietta.sqlite3")) as database:
        found = database.execute("SELECT count(*) FROM audit_event WHERE action = 'file.read'").fetchone()
    assert found == (1,)


def test_two_servers_share_one_data_folder_and_nothing_outlives_a_supervisor_that_is_killed(server: Server) -> None:
    second = Server(server.data)
    second.start()
    try:
        headers = {"Authorization": f"Bearer {server.token('admin')}"}
        for one in (server, second):
            assert httpx.get(f"{one.url}/api/v1/me", headers=headers, timeout=60).status_code == 200
        assert second.process
        family = [pid for part in children(second.process.pid) for pid in (part, *children(part))]
        assert len(family) >= 2  # the web server and its processes
        second.process.kill()
        second.process.wait()
        wait_until(lambda: not any(map(lives, family)), "all of them are gone")
    finally:
        second.stop()
    assert answers(server)


def answers(server: Server) -> bool:
    try:
        httpx.get(f"{server.url}/healthz", timeout=5)
    except httpx.TransportError:
        return False
    return True


@pytest.mark.service
def test_a_database_that_goes_away_is_said_and_comes_back(tmp_path: Path) -> None:
    cluster = Cluster()
    url = cluster.start()
    server = Server(tmp_path / "data", settings={"SINFONIETTA_DATABASE_URL": url})
    try:
        server.cli("init")
        token = server.token("admin")
        server.start()

        def ask(path: str) -> httpx.Response:
            return httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=30)

        assert ask("/api/v1/me").status_code == 200
        cluster.pause()
        for path in ("/readyz", "/api/v1/me", "/dicomweb/studies", "/account"):
            answer = ask(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), path
            assert "psycopg" not in answer.text
            assert "127.0.0.1" not in answer.text
        assert ask("/api/v1/me").headers["Content-Type"] == "application/problem+json"
        assert ask("/healthz").status_code == 200
        refused = subprocess.run(
            [sys.executable, "-m", "sinfonietta", "check", "--json"], env=server._environment(), capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert refused.returncode == 1
        assert [row["part"] for row in json.loads(refused.stdout) if not row["works"]] == ["database", "search"]
        cluster.resume()
        wait_until(lambda: ask("/readyz").status_code == 200, "it is ready again")
        assert ask("/api/v1/me").status_code == 200
    finally:
        server.stop()
        cluster.stop()
