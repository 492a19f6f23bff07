"""Handlers of jobs as tests need them, and worker processes that know them.

Run as a program this is ``sinfonietta worker`` with the kinds below. A handler and its test speak through the files of
the folder that the payload names.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KINDS = {f"test.{name}": f"tests.support.jobs.{name}" for name in ("finish", "wait", "hold", "count", "fail")}
LONG_S = 60.0
"""What has not happened by then will not happen."""


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return as soon as the condition holds; fail the test when it never does."""
    deadline = time.monotonic() + LONG_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never happened: {what}")
        time.sleep(0.02)


def finish(context: object) -> dict[str, int]:
    """A job that does nothing, well."""
    return {"answer": 42}


def wait(context: object) -> dict[str, int]:
    """Says that it began (a file named after its process), and works on until the file ``go`` is there."""
    folder = Path(context.payload["folder"])  # type: ignore[attr-defined]
    (folder / f"began-{os.getpid()}").touch()
    while not (folder / "go").exists():
        context.check()  # type: ignore[attr-defined]
        time.sleep(0.02)
    return {"pid": os.getpid()}


def hold(context: object) -> dict[str, int]:
    """As ``wait``, but deaf: it asks nothing until ``go`` is there, and then writes in a fenced transaction."""
    from sinfonietta.accounts.models import FailedAttempts
    from sinfonietta.common.time import now
    from sinfonietta.jobs.errors import LostLease

    folder = Path(context.payload["folder"])  # type: ignore[attr-defined]
    (folder / f"began-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.02)
    try:
        with context.transaction():  # type: ignore[attr-defined]
            FailedAttempts.objects.create(name=f"written by {os.getpid()}", last=now())
    except LostLease:
        (folder / f"refused-{os.getpid()}").touch()
        raise
    return {"pid": os.getpid()}


def count(context: object) -> None:
    """Leaves one file for each run; two runs at the same time leave ``overlap``."""
    folder = Path(context.payload["folder"])  # type: ignore[attr-defined]
    uid = context.job.uid  # type: ignore[attr-defined]
    try:
        (folder / f"busy-{uid}").touch(exist_ok=False)
    except FileExistsError:
        (folder / "overlap").touch()
    (folder / f"ran-{uid}-{os.getpid()}").touch(exist_ok=False)
    (folder / f"busy-{uid}").unlink()


def fail(context: object) -> None:
    """A handler with a bug."""
    raise ZeroDivisionError("secret detail")


@contextmanager
def workers(number: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes on the database of the running test, gone afterwards."""
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])} | database_environment()
    processes = [
        subprocess.Popen([sys.executable, "-m", "tests.support.jobs"], env=environment, cwd=root) for _ in range(number)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.wait()


def database_environment() -> dict[str, str]:
    """What a process needs in its environment, beyond this one's, to use the database of the running test."""
    from django.db import connection

    said = connection.settings_dict
    if connection.vendor == "sqlite":
        return {}  # the file of the installation, see conftest.py
    url = f"postgresql://{said['USER']}@{said['HOST']}:{said['PORT']}/{said['NAME']}"
    return {"SINFONIETTA_TEST_DATABASE_URL": url}


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> int:
    """Signal a process and wait for its end; its exit code."""
    process.send_signal(number)
    return process.wait(LONG_S)


if __name__ == "__main__":
    from sinfonietta.config import rooms

    rooms.JOB_KINDS |= KINDS
    rooms.SCHEDULES.clear()
    from sinfonietta.interfaces.cli.serve import worker

    worker.main([])
