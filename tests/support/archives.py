"""Archives as tests need them: made by the real programs, or by hand where no program would."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sinfonietta.accounts.actor import Actor
from sinfonietta.ingest import services as ingest
from sinfonietta.jobs import leases, runner
from sinfonietta.jobs.models import Job
from sinfonietta.library import queries
from sinfonietta.library.models import Node


def program(*names: str) -> str:
    """The first of the programs that is there; the test needs it."""
    found = next((found for name in names if (found := shutil.which(name))), None)
    if found is None:
        pytest.fail(f"needs {names[0]}; `make test` installs it")
    return found


def tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files on disk, for the programs to pack."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def packed(folder: Path, *command: str) -> None:
    """Run a program that packs in the folder."""
    subprocess.run([program(command[0]), *command[1:]], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip, as Python writes it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def put(actor: Actor, parent: UUID, name: str, content: bytes) -> UUID:
    """A file in the repository."""
    return ingest.put(actor=actor, parent_uid=parent, name=name, stream=io.BytesIO(content)).node.uid


def work() -> None:
    """Run the jobs that wait, here."""
    while job := leases.take("test", ["archives.unpack", "archives.read", "archives.forget"]):
        runner.run_one(job, threading.Event())


def ended(job: Job) -> Job:
    """The job, after all work is done."""
    work()
    job.refresh_from_db()
    return job


def below(actor: Actor, uid: UUID) -> dict[str, bytes]:
    """All files below a node with their contents, and folders (with a slash at the end) in which nothing is."""
    from sinfonietta.blobs import store

    files = {row.path: b"".join(store.default().open(row.blob)) for row in queries.manifest(actor=actor, uid=uid)}
    root = Node.objects.get(uid=uid)
    folders = Node.objects.filter(ancestry__startswith=root.below, trash=None).exclude(kind=Node.Kind.FILE)
    for folder in folders.filter(children__isnull=True).select_related("parent"):
        names: list[Any] = []
        at: Node | None = folder
        while at is not None and at.id != root.id:
            names.insert(0, at.name)
            at = at.parent
        files["/".join(names) + "/"] = b""
    return files
