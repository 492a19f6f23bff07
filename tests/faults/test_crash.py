"""SIGKILL at each system call of an ingest that changes the disk; a full disk. What was acknowledged is there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.server import Server

pytestmark = pytest.mark.service
SCRIPT = Path(__file__).with_name("ingest_once.py")
CALLS = "openat,write,pwrite64,fsync,fdatasync,link,rename,unlink,ftruncate,mkdir"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Server:
    server = Server(tmp_path_factory.mktemp("crash") / "data")
    server.cli("init")
    server.user("alice")
    return server


def run(server: Server, name: str, *inject: str, trace: Path | None = None) -> bool:
    """Ingest a file under strace; whether it was acknowledged."""
    strace = shutil.which("strace")
    assert strace, "strace is missing. `make test` installs it."
    out = ["-o", str(trace)] if trace else ["-o", "/dev/null"]
    command = [strace, "-f", "-e", f"trace={CALLS}", *out, *inject, sys.executable, str(SCRIPT), name]
    env = {key: value for key, value in os.environ.items() if not key.startswith("SINFONIETTA_")}
    env |= {"SINFONIETTA_DATA": str(server.data), "SINFONIETTA_LOG_LEVEL": "ERROR", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return "acknowledged" in done.stdout


def files(server: Server) -> dict[str, str]:
    """Names and hashes of what is filed."""
    code = (
        "import django; django.setup()\n"
        "import json; from sinfonietta.library.models import Node\n"
        "found = Node.objects.filter(kind='file', trash=None).values_list('name', 'current__blob__sha256')\n"
        "print(json.dumps(dict(found)))"
    )
    env = {**os.environ, "SINFONIETTA_DATA": str(server.data), "DJANGO_SETTINGS_MODULE": "sinfonietta.config.settings"}
    env["SINFONIETTA_TEST_DATABASE_URL"] = ""
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def test_the_order_of_a_commit(installation: Server, tmp_path: Path) -> None:
    """The file's bytes durable, its name under its hash, the folder durable, and only then the database."""
    trace = tmp_path / "trace"
    assert run(installation, "ordered", trace=trace)
    steps = []
    for line in trace.read_text().splitlines():
        call = re.search(r"\b(fsync|fdatasync|link|pwrite64)\(", line)
        if call:
            steps.append(call[1])
    link = steps.index("link")
    assert {"fsync", "fdatasync"} & set(steps[:link]), "the bytes are durable"
    after = steps[link:]
    assert "fsync" in after, "the folder's entry is durable"
    assert after.index("fsync") < after.index("pwrite64"), "only then does the database speak of it"


@pytest.mark.parametrize("call", ["fsync", "fdatasync", "link", "rename", "pwrite64", "unlink"])
def test_killed_at_any_step_it_is_there_whole_or_not_at_all(installation: Server, call: str, tmp_path: Path) -> None:
    """Kill at the first, second, ... such call, until one run gets through."""
    for number in range(1, 60 if call != "pwrite64" else 200, 1 if call != "pwrite64" else 12):
        name = f"{call}-{number}"
        if call == "rename":  # bytes that are there already are replaced
            name = "rename"
            assert number > 1 or run(installation, name)
        acknowledged = run(installation, name, "-e", f"inject={call}:signal=KILL:when={number}")
        found = files(installation)
        digest = hashlib.sha256(name.encode() * 1000).hexdigest()
        if acknowledged:
            assert found.get(name) == digest
            break
        assert found.get(name) in (None, digest)
    else:
        pytest.fail("no run got through")
    assert installation.verify() == []


@pytest.mark.parametrize("call", ["fdatasync", "link", "rename", "fsync"])
def test_a_disk_that_fails_at_any_step_keeps_nothing_half(installation: Server, call: str) -> None:
    """EIO at the first, second, ... such call, until a run gets through."""
    staging = installation.data / "blobs" / "staging"
    before = set(staging.iterdir())  # of those that were killed
    for number in range(1, 8):
        name = f"eio-{call}-{number}"
        acknowledged = run(installation, name, "-e", f"inject={call}:error=EIO:when={number}")
        digest = hashlib.sha256(name.encode() * 1000).hexdigest()
        found = files(installation)
        assert found.get(name) in ((digest,) if acknowledged else (None, digest))
        if acknowledged:
            break
    else:
        pytest.fail("no run got through")
    assert set(staging.iterdir()) == before
    assert installation.verify() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_an_answer_and_not_the_end(small_disk: Path) -> None:
    server = Server(small_disk / "data")
    server.data.parent.mkdir(exist_ok=True)
    server.start()
    try:
        server.user("alice")
        headers = {"Authorization": f"Bearer {server.token('alice')}"}
        home = httpx.get(f"{server.url}/api/v1/me", headers=headers).json()["home"]

        def put(name: str, size: int) -> int:
            url = f"{server.url}/api/v1/nodes/{home}/files/{name}"
            return httpx.put(url, content=os.urandom(size), headers=headers, timeout=60).status_code

        assert put("small", 1000) == 201
        assert put("large", 40 << 20) == 507
        names = [
            row["name"]
            for row in httpx.get(f"{server.url}/api/v1/nodes/{home}/children", headers=headers).json()["results"]
        ]
        assert names == ["small"]
        assert list((server.data / "blobs" / "staging").iterdir()) == []
        assert put("again", 1000) == 201
        tus = headers | {"Tus-Resumable": "1.0.0", "Upload-Length": str(1 << 30), "Upload-Metadata": "filename YQ=="}
        assert httpx.post(f"{server.url}/api/v1/uploads/", headers=tus).status_code == 507
    finally:
        server.stop()
    assert server.verify() == []
