"""Strangers' files are opened by processes that may die.

A pool of child processes, each with bounded memory and bounded time per file: a bomb, a crash in a decoder or an
endless loop ends one child and one call, which raises, and the next call gets a new child. Children start when first
needed and end when idle. One pool per process; many threads may use it, and a forked process begins with an empty one.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sinfonietta.dicom import reports
from sinfonietta.dicom.dataset.elements import Limits
from sinfonietta.dicom.dataset.packing import from_described
from sinfonietta.dicom.dataset.parse import Header
from sinfonietta.dicom.dataset.tags import TagRow
from sinfonietta.dicom.image.options import RenderOptions
from sinfonietta.dicom.image.segments import Segmentation
from sinfonietta.dicom.radiation.irradiation import DoseReport
from sinfonietta.dicom.reports import Content
from sinfonietta.dicom.sandbox import wire

if TYPE_CHECKING:
    from sinfonietta.dicom.rt.structures import StructureSet

DRAWING = frozenset({"render", "animate", "decode", "transcode", "transcoded frame", "overlay", "report", "segments"})
# A child that has been idle for nearly as long as it may be could end just when it is asked.
IDLE_MARGIN_S = 2.0


class IsolationError(Exception):
    """A file could not be processed; the message is a sentence for a person."""


class Crashed(IsolationError):
    """The child died over the file."""


class TimedOut(IsolationError):
    """The file took longer than a file may, or no child was free for as long."""


class Busy(TimedOut):
    """No process is free, or was for as long as a file may take; it says nothing of the file."""


class TooBig(IsolationError):
    """The file needs more memory than one may take."""


class Undrawable(IsolationError):
    """The image cannot be drawn, and the message says why."""


class Unreadable(IsolationError):
    """The file is not there or cannot be read."""


class NoSuchValue(IsolationError):
    """The file has no bulk data under this name."""


class Malformed(IsolationError):
    """The text is no metadata of DICOM."""


_ERRORS = {kind.__name__: kind for kind in (Crashed, TimedOut, TooBig, Undrawable, Unreadable, NoSuchValue, Malformed)}


def _error(head: dict[str, Any]) -> IsolationError:
    return _ERRORS.get(head["error"], Crashed)(str(head.get("reason", "")))


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """Native pixels, little endian, colour by pixel: (rows, columns[, samples]) of ``bits_allocated`` each."""

    data: bytes
    rows: int
    columns: int
    samples: int
    bits_allocated: int
    photometric: str


class _Child:
    """One process and the socket to it."""

    def __init__(self, module: str, memory_bytes: int, idle_s: float) -> None:
        self.sock, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", module, str(theirs.fileno())]
            self.process = subprocess.Popen(
                [*command, str(memory_bytes), str(idle_s)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(),
                cwd="/",
            )
        self.last_used = time.monotonic()

    def ask(self, question: dict[str, Any], timeout_s: float) -> wire.Message:
        """Raises TimeoutError, OSError or wire.Closed (it died), ValueError or wire.Oversized (it lies)."""
        self.sock.settimeout(timeout_s)
        wire.send(self.sock, {**question, "timeout_s": timeout_s})
        found = wire.receive(self.sock, wire.Deadline(timeout_s))
        self.last_used = time.monotonic()
        return found

    def end(self) -> None:
        """Kills it and waits for it."""
        self.sock.close()
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """Lets go of it where it is another process' child."""
        self.sock.close()
        self.process.returncode = 0


def _environment() -> dict[str, str]:
    """No secret of the server, one thread per child, and the same packages as here."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_ARENA_MAX": "2",
    }


_SANDBOXES: weakref.WeakSet[Sandbox] = weakref.WeakSet()


class Sandbox:
    """A pool of up to ``size`` children, each with ``memory_bytes`` of address space and ``timeout_s`` per call.

    Who draws neither takes all children nor all threads of a server: one child is left to files that arrive, and at
    most ``callers`` draw or wait to; whoever comes then is told at once that it is busy.

    ``module`` is the program of the children, which ends in ``child.serve``; another room has a pool of its own with
    its own operations, all of them drawing, and asks by ``ask``.
    """

    def __init__(
        self,
        *,
        size: int | None = None,
        callers: int = 64,
        memory_bytes: int = 2 << 30,
        timeout_s: float = 30.0,
        idle_s: float = 60.0,
        limits: Limits | None = None,
        module: str = "sinfonietta.dicom.sandbox.child",
    ) -> None:
        self.timeout_s = timeout_s
        self._module = module
        self._size = size or max(2, os.cpu_count() or 1)
        self._callers = callers
        self._memory_bytes = memory_bytes
        self._idle_s = idle_s
        self._limits = asdict(limits or Limits())
        self._idle: list[_Child] = []
        self.reset()
        _SANDBOXES.add(self)

    def reset(self) -> None:
        """Begins anew in a forked process, leaving the parent's children alone."""
        for child in self._idle:
            child.forget()
        self._free = threading.BoundedSemaphore(self._size)
        self._drawing = threading.BoundedSemaphore(max(1, self._size - 1))
        self._queue = threading.BoundedSemaphore(self._callers)
        self._lock = threading.Lock()
        self._idle = []

    def parse(self, path: Path) -> Header | None:
        """As ``parse.parse``, the dataset packed. Raises Crashed, TimedOut, TooBig, Unreadable."""
        head, body = self._call("parse", path)
        return None if head["header"] is None else from_described(head["header"], body)

    def parse_all(self, paths: Sequence[Path]) -> list[Header | IsolationError | None]:
        """As ``parse`` of several files, or what it raises. One question for all, which is quicker; where one of the
        files ends the child, each is asked for alone.
        """
        try:
            others = [os.fspath(path.absolute()) for path in paths[1:]]
            head, body = self._call("parse all", paths[0], others=others)
        except IsolationError:
            return [self._parsed(path) for path in paths]
        found: list[Header | IsolationError | None] = []
        at = 0
        for one in head["files"]:
            if "error" in one:
                found.append(_error(one))
            else:
                found.append(
                    None if one["header"] is None else from_described(one["header"], body[at : at + one["bytes"]])
                )
            at += one["bytes"]
        return found

    def _parsed(self, path: Path) -> Header | IsolationError | None:
        try:
            return self.parse(path)
        except IsolationError as error:
            return error

    def tags(self, path: Path, frame: int | None = None) -> tuple[list[TagRow], dict[str, tuple[float, float]]]:
        """``tags.rows`` (of an enhanced object those of one frame) and ``options.presets`` of a file.

        Raises Undrawable (no DICOM), and as ``parse``.
        """
        head, _ = self._call("tags", path, frame=frame)
        windows = {name: (center, width) for name, (center, width) in head["presets"].items()}
        return [TagRow(**row) for row in head["rows"]], windows

    def structures(self, path: Path) -> StructureSet:
        """``rt.structures.read`` of a file. Raises Undrawable (no DICOM), and as ``parse``."""
        from sinfonietta.dicom.rt.structures import unpacked  # noqa: PLC0415 - numpy is for who looks at structures

        return unpacked(*self._call("structures", path))

    def render(self, path: Path, frame: int = 0, options: RenderOptions | None = None) -> bytes:
        """As ``render.render``: a PNG or JPEG. Raises Undrawable, Crashed, TimedOut, TooBig, Unreadable."""
        return self._call("render", path, frame=frame, options=asdict(options) if options else {})[1]

    def animate(self, path: Path, options: RenderOptions) -> bytes:
        """As ``render.animate``: a GIF. Raises as ``render``."""
        return self._call("animate", path, options=asdict(options))[1]

    def decode_frame(self, path: Path, frame: int = 0) -> DecodedFrame:
        """A frame as native pixels, for explicit VR little endian. Raises as ``render``."""
        head, body = self._call("decode", path, frame=frame)
        return DecodedFrame(body, **head)

    def transcode(self, path: Path, target: str) -> tuple[list[list[Any]], bytes]:
        """``transcode.plan``: its pieces and its body. Raises as ``render``."""
        head, body = self._call("transcode", path, target=target)
        return head["pieces"], body

    def transcoded_frame(self, path: Path, target: str, frame: int) -> bytes:
        """``transcode.frame_of``. Raises as ``render``."""
        return self._call("transcoded frame", path, target=target, frame=frame)[1]

    def xml(self, path: Path) -> bytes:
        """The dataset as the Native DICOM Model, bulk data by relative URIs. Raises as ``parse``."""
        return self._call("xml", path)[1]

    def compose(
        self, path: Path, kind: str, bulk: dict[str, tuple[list[int], str]]
    ) -> tuple[list[dict[str, Any]], bytes]:
        """``compose.compose`` of the metadata (``kind``: json or xml) in a file. Raises Malformed, and as ``parse``."""
        head, body = self._call("compose", path, kind=kind, bulk=bulk)
        return head["files"], body

    def bulk(self, path: Path, uri: str) -> bytes:
        """The bytes of a bulk value by its URI in the header's JSON. Raises NoSuchValue, and as ``parse``."""
        return self._call("bulk", path, uri=uri)[1]

    def report(self, path: Path, at: str = "", most: int = 0) -> Content:
        """As ``reports.read``. Raises NoSuchValue, and as ``parse``."""
        return reports.from_dict(self._call("report", path, at=at, most=most)[0]["report"])

    def irradiation(self, path: Path) -> DoseReport | None:
        """As ``irradiation.read``; None where the file is no dose report. Raises as ``parse``."""
        found = self._call("irradiation", path)[0]["report"]
        return DoseReport.from_dict(found) if found else None

    def segments(self, path: Path) -> Segmentation:
        """As ``segments.read``. Raises as ``parse``."""
        return Segmentation.from_dict(self._call("segments", path)[0]["segments"])

    def overlay(self, path: Path, plane: dict[str, Any], wanted: Sequence[int]) -> tuple[list[int], bytes]:
        """The numbers of the segments that meet a plane (``volume.plane_as_dict``), and a transparent PNG of them.

        Without bytes where there is none. Raises as ``render``.
        """
        head, picture = self._call("overlay", path, plane=plane, wanted=list(wanted))
        return head["segments"], picture

    def close(self) -> None:
        """Ends the idle children; the pool may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def ask(self, operation: str, path: Path, **more: Any) -> wire.Message:
        """What the child's operation answers of a file. Raises Undrawable, Crashed, TimedOut, TooBig, Unreadable."""
        return self._gated({"operation": operation, "path": os.fspath(path.absolute()), **more}, is_drawing=True)

    def _call(self, operation: str, path: Path, **more: Any) -> wire.Message:
        question = {"operation": operation, "path": os.fspath(path.absolute()), "limits": self._limits, **more}
        return self._gated(question, is_drawing=operation in DRAWING)

    def _gated(self, question: dict[str, Any], *, is_drawing: bool) -> wire.Message:
        timeout_s = self.timeout_s
        gates = [(self._queue, 0.0), (self._drawing, timeout_s)] if is_drawing else []
        with ExitStack() as passed:
            for gate, patience_s in (*gates, (self._free, timeout_s)):
                if not gate.acquire(timeout=patience_s):
                    raise Busy("Too many files are being processed at the moment.")
                passed.callback(gate.release)
            return self._serve(question, timeout_s)

    def _serve(self, question: dict[str, Any], timeout_s: float, *, by_a_new_child: bool = False) -> wire.Message:
        """Asks a child; where one fails that has seen other files, a new one is asked, for the fault may be theirs."""
        child = None if by_a_new_child else self._take()
        is_new = child is None
        child = child or _Child(self._module, self._memory_bytes, self._idle_s)
        try:
            found = self._ask(child, question, timeout_s)
            head = found[0]
            if "error" in head:
                raise _error(head)
        except (Crashed, TooBig):
            child.end()
            if is_new:
                raise
            return self._serve(question, timeout_s, by_a_new_child=True)
        except TimedOut:
            raise
        except IsolationError:
            self._keep(child)
            raise
        self._keep(child)
        return found

    def _keep(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)

    def _ask(self, child: _Child, question: dict[str, Any], timeout_s: float) -> wire.Message:
        try:
            return child.ask(question, timeout_s)
        except TimeoutError as error:
            child.end()
            raise TimedOut(f"The file took longer than {timeout_s:g} seconds.") from error
        except (OSError, wire.Closed, wire.Oversized, ValueError) as error:
            child.end()
            raise Crashed("The process that read the file died over it.") from error
        except BaseException:
            child.end()
            raise

    def _take(self) -> _Child | None:
        """The idle child used last, so that the others may grow old and end."""
        old = []
        with self._lock:
            freshest = time.monotonic() - max(self._idle_s - IDLE_MARGIN_S, 0)
            while self._idle and self._idle[0].last_used < freshest:
                old.append(self._idle.pop(0))
            child = self._idle.pop() if self._idle else None
        for each in old:
            each.end()
        return child


_pool: Sandbox | None = None
_pool_lock = threading.Lock()


def configure(sandbox: Sandbox) -> None:
    """Makes ``sandbox`` the pool of this process; done once, from the settings."""
    global _pool
    with _pool_lock:
        old, _pool = _pool, sandbox
    if old is not None:
        old.close()


def pool() -> Sandbox:
    """The pool of this process; made with defaults where ``configure`` was not called."""
    global _pool  # noqa: PLW0603
    with _pool_lock:
        if _pool is None:
            _pool = Sandbox()
        return _pool


def render(path: Path, frame: int = 0, options: RenderOptions | None = None) -> bytes:
    """``Sandbox.render`` in the pool of this process."""
    return pool().render(path, frame, options)


def _forked() -> None:
    global _pool_lock  # noqa: PLW0603
    _pool_lock = threading.Lock()
    for sandbox in list(_SANDBOXES):
        sandbox.reset()


def _leaving() -> None:
    for sandbox in list(_SANDBOXES):
        sandbox.close()


os.register_at_fork(after_in_child=_forked)
atexit.register(_leaving)
