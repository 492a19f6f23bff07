"""Keeps processes alive: a part that dies is started again, ever more slowly while it keeps dying."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import structlog

log = structlog.get_logger("sinfonietta.supervisor")
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A part that lived this long is healthy: its next death is its first."""
GRACE_S = 30.0
PR_SET_PDEATHSIG = 1
FEW_HEAPS = {"MALLOC_ARENA_MAX": "2"}
"""Else every thread keeps what it once needed in a heap of its own (glibc)."""


def _die_with_parent() -> None:
    """In the child: be told when the supervisor is gone, even by SIGKILL (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Part:
    """One role with its command line."""

    name: str
    arguments: list[str]
    descriptors: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started: float = 0.0
    restart_at: float = field(default=0.0)

    def start(self) -> None:
        """Start the process of this part."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sinfonietta", *self.arguments],
            pass_fds=self.descriptors,
            env=os.environ | FEW_HEAPS,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has no threads
        )

    def look(self, now: float) -> None:
        """Start it, or note that it died and when to start it again."""
        if self.process is None:
            if now >= self.restart_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        self.deaths = 1 if now - self.started > STEADY_S else self.deaths + 1
        pause = min(LONGEST_PAUSE_S, 2.0 ** (self.deaths - 1) - 1)
        log.warning("a part ended", part=self.name, code=code, again_in_s=pause)
        self.process, self.restart_at = None, now + pause


class Supervisor:
    """Runs parts until SIGTERM or SIGINT, then ends them: first asked, after a grace killed."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts
        self.stopping = False

    def run(self) -> None:
        """Block until asked to stop."""
        wake, woken = os.pipe()
        os.set_blocking(woken, False)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        while not self.stopping:
            for part in self.parts:
                part.look(time.monotonic())
            self._sleep(wake)
        self._end_all()

    def _sleep(self, wake: int) -> None:
        import select

        if select.select([wake], [], [], 1.0)[0]:
            os.read(wake, 4096)

    def _stop(self, number: int, frame: Any) -> None:
        self.stopping = True

    def _end_all(self) -> None:
        for part in self.parts:
            for descriptor in part.descriptors:  # nobody shall wait at a door that does not open again
                os.close(descriptor)
        running = [part.process for part in self.parts if part.process and part.process.poll() is None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + GRACE_S
        for process in running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
