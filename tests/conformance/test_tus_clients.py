"""Other people's tus clients, and our own: upload, break off, go on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.server import Server
from tusclient.client import TusClient

pytestmark = pytest.mark.service
FRONTEND = Path(__file__).resolve().parents[2] / "frontend"
SCRIPT = """
const tus = require('tus-js-client');
const fs = require('fs');
const [path, endpoint, token, parent, url] = process.argv.slice(1);
const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint, uploadUrl: url || null, uploadSize: fs.statSync(path).size, chunkSize: 1 << 20,
  metadata: { filename: 'js.bin', parent }, headers: { Authorization: `Bearer ${token}` },
  onChunkComplete: (size, accepted) => {
    if (!url && accepted >= 3 << 20) { console.log(upload.url); process.exit(0); }
  },
  onError: error => { console.error(error); process.exit(1); },
  onSuccess: () => { console.log(upload.url); process.exit(0); },
});
upload.start();
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("tus") / "data")
    found.start()
    found.user("alice")
    yield found
    assert found.verify() == []
    found.stop()


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return server.token("alice", "write")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.bin"
    path.write_bytes(os.urandom(5 << 20))
    return path


def home(server: Server, token: str) -> str:
    return str(httpx.get(f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {token}"}).json()["home"])


def stored(server: Server, token: str, name: str) -> str:
    """The SHA-256 of the bytes that come out again."""
    headers = {"Authorization": f"Bearer {token}"}
    node = httpx.get(f"{server.url}/api/v1/nodes", params={"path": f"/alice/{name}"}, headers=headers).json()
    body = httpx.get(f"{server.url}/api/v1/files/{node['id']}/content", headers=headers).content
    assert node["sha256"] == hashlib.sha256(body).hexdigest()
    return str(node["sha256"])


def test_tuspy_uploads_and_resumes(server: Server, token: str, source: Path) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    metadata = {"filename": "py.bin", "parent": home(server, token)}
    client = TusClient(f"{server.url}/api/v1/uploads/", headers=headers)
    with source.open("rb") as stream:
        first = client.uploader(file_stream=stream, chunk_size=1 << 20, metadata=metadata)
        first.upload(stop_at=3 << 20)
    with source.open("rb") as stream:
        second = client.uploader(file_stream=stream, chunk_size=1 << 20, url=first.url)
        assert second.offset == 3 << 20
        second.upload()
    assert stored(server, token, "py.bin") == hashlib.sha256(source.read_bytes()).hexdigest()


def test_tus_js_client_uploads_and_resumes(server: Server, token: str, source: Path) -> None:
    tools = Path(__file__).resolve().parents[2] / ".tools" / "venv" / "bin"
    node = shutil.which("node", path=f"{tools}{os.pathsep}{os.environ['PATH']}")
    assert node, "Node is missing. scripts/setup.py brings it."
    command = [node, "-e", SCRIPT, str(source), f"{server.url}/api/v1/uploads/", token, home(server, token)]
    first = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=True)
    subprocess.run([*command, first.stdout.strip()], cwd=FRONTEND, check=True, capture_output=True)
    assert stored(server, token, "js.bin") == hashlib.sha256(source.read_bytes()).hexdigest()


def test_put_and_get_bring_a_folder_there_and_back(server: Server, token: str, tmp_path: Path) -> None:
    folder = tmp_path / "Patient 1"
    for name in ("a.bin", "deep/er/ümläut.bin", "large.bin"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom((20 << 20) if name == "large.bin" else 1000))
    env = {**os.environ, "SINFONIETTA_SERVER": server.url, "SINFONIETTA_TOKEN": token, "XDG_CACHE_HOME": str(tmp_path)}

    def run(*arguments: str) -> dict[str, list[dict[str, str]]]:
        command = [sys.executable, "-m", "sinfonietta", *arguments, "--json"]
        return dict(json.loads(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout))

    assert {row["state"] for row in run("put", str(folder), "--into", "Trial/Site A")["results"]} == {"sent"}
    assert {row["state"] for row in run("put", str(folder), "--into", "Trial/Site A")["results"]} == {"already there"}
    back = tmp_path / "back"
    assert len(run("get", "/Trial/Site A", str(back))["results"]) == 3
    for path in folder.rglob("*.bin"):
        assert (back / "Patient 1" / path.relative_to(folder)).read_bytes() == path.read_bytes()
