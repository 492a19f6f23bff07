"""The process that reads one stranger's archive: ``python -m sinfonietta.archives.child MEMORY STALL QUESTION``.

The archive is its standard input, frames are its standard output, what to do is JSON on the descriptor ``QUESTION``.
Its address space is bounded to ``MEMORY`` bytes, it writes no core and no files, and it ends by itself when it has said
nothing for ``STALL`` seconds or nobody listens. Whatever happens to it happens to it alone.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

from sinfonietta.archives import frames
from sinfonietta.archives.formats.entries import Broken, Content, Entry, Locked, NotAnArchive
from sinfonietta.archives.formats.opening import opened

BATCH, LETTERS = 500, 1 << 20
BEAT_S = 0.25
ARCHIVE, OUTPUT = 0, 1


class Output:
    """Frames on their way out, gathered so that small entries cost few calls of the kernel."""

    def __init__(self, stall_s: int) -> None:
        self._waiting = bytearray()
        self._stall_s, self._said = stall_s, time.monotonic()
        self.at = 0.0

    def put(self, kind: bytes, body: bytes = b"") -> None:
        """One frame."""
        self._waiting += frames.HEAD.pack(kind, len(body))
        self._waiting += body
        if len(self._waiting) > frames.GATHER_BYTES:
            self.flush()

    def said(self, frame: bytes, /, **fields: Any) -> None:
        """A frame of JSON."""
        self.put(frame, orjson.dumps(fields))

    def beat(self, fraction: float) -> None:
        """How far the archive has been read; said now and then."""
        self.at = fraction
        if time.monotonic() - self._said > BEAT_S:
            self.said(frames.BEAT, at=round(fraction, 4))
            self.flush()

    def flush(self) -> None:
        """Send what waits. The alarm, which ends us, is set anew."""
        self._said = time.monotonic()
        signal.alarm(0)  # who reads may take its time: it is there while the pipe is
        view = memoryview(self._waiting)
        while view:
            view = view[os.write(OUTPUT, view) :]
        view.release()
        self._waiting.clear()
        signal.alarm(self._stall_s)


def _row(entry: Entry) -> list[Any]:
    return [
        entry.name, entry.kind, entry.size_bytes, entry.compressed_bytes, entry.modified, entry.is_encrypted,
        entry.locator,
    ]  # fmt: skip


def _list(output: Output, password: str) -> None:
    archive = opened(ARCHIVE, password, output.beat)
    batch: list[list[Any]] = []
    letters = 0
    for entry in archive.entries():
        batch.append(_row(entry))
        letters += len(entry.name)
        if len(batch) == BATCH or letters > LETTERS:
            output.put(frames.ENTRIES, orjson.dumps(batch))
            batch, letters = [], 0
    output.put(frames.ENTRIES, orjson.dumps(batch))
    output.said(frames.END, format=archive.format, problem=archive.problem)


def _everything(output: Output, password: str, first: int) -> None:
    archive = opened(ARCHIVE, password, output.beat)
    for entry, content in archive.contents(first):
        output.put(frames.ENTRY, orjson.dumps(_row(entry)))
        _pour(output, content)
    output.said(frames.END, format=archive.format, problem="")


def _one(output: Output, password: str, number: int, locator: int | None) -> None:
    _pour(output, opened(ARCHIVE, password, output.beat).content(number, locator))
    output.said(frames.END)


def _pour(output: Output, content: Content) -> None:
    try:
        for block in content:
            if block:
                output.put(frames.DATA, block)
    except Locked as locked:
        output.said(frames.FAILED, reason=str(locked), password="wrong" if locked.wrong else "needed")
    except Broken as broken:
        output.said(frames.FAILED, reason=str(broken))
    else:
        output.put(frames.DONE, frames.AT.pack(output.at))


OPERATIONS: dict[str, Callable[..., None]] = {"list": _list, "everything": _everything, "one": _one}


def answer(question: dict[str, Any], output: Output) -> None:
    """Does what is asked; how it failed is a frame too."""
    try:
        OPERATIONS[question.pop("operation")](output, **question)
    except NotAnArchive as no:
        output.said(frames.REFUSED, kind="NotAnArchive", reason=str(no))
    except Locked as locked:
        output.said(frames.REFUSED, kind="WrongPassword" if locked.wrong else "NeedsPassword", reason=str(locked))
    except Broken as broken:
        output.said(frames.REFUSED, kind="Unreadable", reason=str(broken))
    except MemoryError:
        output.said(frames.REFUSED, kind="Unreadable", reason="It needs more memory than one archive may take.")
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - whatever a reader stumbles over is said, and ends this process alone
        output.said(frames.REFUSED, kind="Unreadable", reason=f"It is damaged ({type(error).__name__}).")
    output.flush()


def confine(memory_bytes: int) -> None:
    """Takes away what the work does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def main() -> None:
    """One question, one answer."""
    memory_bytes, stall_s, asked_at = map(int, sys.argv[1:])
    confine(memory_bytes)
    signal.alarm(stall_s)
    with os.fdopen(asked_at, "rb") as asked:
        question = orjson.loads(asked.read())
    answer(question, Output(stall_s))


if __name__ == "__main__":
    main()
