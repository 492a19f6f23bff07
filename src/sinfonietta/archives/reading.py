"""Strangers' archives, read by a process that may die (``child``): what it says, in order, with memory flat.

Each reading has a process of its own, which lives as long as the reading and dies with it: nothing that one archive
did to it can reach another. What comes out is held up by the pipe until it is taken.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from sinfonietta.archives import frames
from sinfonietta.archives.errors import NeedsPassword, NotAnArchive, Unreadable, WrongPassword
from sinfonietta.common.errors import Problem, Unavailable

READ_BYTES = 1 << 18
CHILD = "sinfonietta.archives.child"
REFUSALS: dict[str, type[Problem]] = {
    "NotAnArchive": NotAnArchive, "Unreadable": Unreadable,
    "NeedsPassword": NeedsPassword, "WrongPassword": WrongPassword,
}  # fmt: skip
Beat = Callable[[float], None]
FAR_S = 30.0
FILE, FOLDER, LINK = "file", "folder", "link"
WAIT_S = 10.0
_free = threading.BoundedSemaphore(8)
"""So many readings at one time in one process of the server."""


@dataclass(frozen=True)
class Row:
    """What an archive says of an entry. ``compressed_bytes`` is None where entries are compressed together."""

    name: str
    kind: str
    size_bytes: int
    compressed_bytes: int | None
    modified: float | None
    is_encrypted: bool
    locator: int | None


@dataclass(frozen=True)
class Failure:
    """Why the bytes of an entry did not come whole. ``password``: empty, ``needed`` or ``wrong``."""

    reason: str
    password: str = ""

    def problem(self) -> Problem:
        """To be raised where one entry was asked for."""
        return {"needed": NeedsPassword, "wrong": WrongPassword}.get(self.password, Unreadable)(self.reason)


@dataclass
class Reading:
    """A process at work on one archive. ``at``: how far it has read, 0 to 1; ``about``: what it said at its end.

    ``beat`` is told how far, a few times a second while nothing else comes, and may raise to end the reading.
    """

    path: Path
    question: dict[str, Any]
    beat: Beat = field(default=lambda at: None)
    at: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Reading:
        if not _free.acquire(timeout=WAIT_S):
            raise Unavailable("Too many archives are being read at the moment; try again shortly.")
        try:
            self._start()
        except BaseException:
            _free.release()
            raise
        return self

    def _start(self) -> None:
        options = settings.OPTIONS
        self._stall_s = options.parse_timeout_s
        asked, ask = os.pipe()
        try:
            with self.path.open("rb", buffering=0) as archive, os.fdopen(ask, "wb") as question:
                said = [str(options.parse_memory_bytes), str(int(self._stall_s) + 5), str(asked)]
                self._process = subprocess.Popen(
                    [sys.executable, "-S", "-m", CHILD, *said],
                    stdin=archive,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(asked,),
                    env=_environment(),
                    cwd="/",
                    bufsize=0,
                )
                question.write(orjson.dumps(self.question))
        finally:
            os.close(asked)
        self._buffer, self._used = bytearray(), 0

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()
        _free.release()

    def frames(self) -> Iterator[tuple[bytes, bytes]]:
        """All frames but those of the process itself, until the end. Raises what it refuses, Unreadable where it dies
        or stalls.
        """
        while True:
            kind, length = frames.HEAD.unpack(self._take(frames.HEAD.size))
            if length > frames.LARGEST_BYTES:
                raise Unreadable("The process that read the archive went astray over it.")
            body = self._take(length)
            if kind == frames.BEAT:
                self.at = float(orjson.loads(body)["at"])
                self.beat(self.at)
            elif kind == frames.REFUSED:
                said = orjson.loads(body)
                raise REFUSALS[said["kind"]](said["reason"])
            elif kind == frames.END:
                self.about = orjson.loads(body)
                return
            else:
                if kind == frames.DONE:
                    (self.at,) = frames.AT.unpack(body)
                yield kind, body

    def _take(self, length: int) -> bytes:
        """So many bytes. Raises Unreadable."""
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        while len(self._buffer) - self._used < length:
            if self._used:
                del self._buffer[: self._used]
                self._used = 0
            if not select.select([pipe], [], [], self._stall_s)[0]:
                raise Unreadable(f"Reading it did not go on for {self._stall_s:g} seconds.")
            block = os.read(pipe, READ_BYTES)
            if not block:
                raise Unreadable("It is damaged, or needs more memory than one archive may take: its reader died.")
            self._buffer += block
        found = bytes(memoryview(self._buffer)[self._used : self._used + length])
        self._used += length
        return found


def _environment() -> dict[str, str]:
    """No secret of the server, and the same packages as here."""
    return {
        "PATH": os.defpath,
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "PYTHONWARNINGS": "ignore",
        "PYTHONDONTWRITEBYTECODE": "1",
        "MALLOC_ARENA_MAX": "2",
    }


def listing(reading: Reading) -> Iterator[list[list[Any]]]:
    """Batches of the columns of ``Row``; afterwards ``reading.about`` says what it is. Raises as ``frames``."""
    for kind, body in reading.frames():
        if kind == frames.ENTRIES:
            yield orjson.loads(body)


def one(path: Path, number: int, locator: int | None, password: str) -> Iterator[bytes]:
    """The bytes of one entry, in blocks; what is wrong with it is raised at the latest in place of its end.

    Raises Unreadable also where so much has to be decompressed before it that nobody would wait for it.
    """
    began = time.monotonic()

    def beat(at: float) -> None:
        if not came and time.monotonic() - began > FAR_S:
            raise Unreadable("It lies too far inside to be taken out alone; unpack the archive.")

    came = False
    question = {"operation": "one", "number": number, "locator": locator, "password": password}
    with Reading(path, question, beat) as reading:
        for kind, body in reading.frames():
            if kind == frames.DATA:
                came = True
                yield body
            elif kind == frames.FAILED:
                raise Failure(**orjson.loads(body)).problem()
            elif kind == frames.DONE:
                return


class Member:
    """An entry of a whole archive that is read from front to end; a stream of its bytes.

    After the end of the stream ``failure`` says whether they are whole (None).
    """

    def __init__(self, number: int, row: Row, stream: Iterator[tuple[bytes, bytes]]) -> None:
        self.number, self.row = number, row
        self.failure: Failure | None = None
        self._stream, self._waiting, self._over = stream, memoryview(b""), False

    def read(self, size: int) -> bytes:
        """As of a file, at most ``size`` bytes. Raises as ``frames``."""
        while not self._waiting and not self._over:
            kind, body = next(self._stream, (frames.DONE, b""))
            if kind == frames.DATA:
                self._waiting = memoryview(body)
                continue
            self._over = True
            if kind == frames.FAILED:
                self.failure = Failure(**orjson.loads(body))
        block, self._waiting = self._waiting[:size], self._waiting[size:]
        return bytes(block)

    def skip(self) -> None:
        """Come to its end."""
        while not self._over:
            self._waiting = memoryview(b"")
            self.read(READ_BYTES)


def members(reading: Reading) -> Iterator[Member]:
    """All entries of an archive that is read with ``everything``, each good until the next. Raises as ``frames``."""
    stream = reading.frames()
    number = 0
    for kind, body in stream:
        if kind != frames.ENTRY:
            continue  # the rest of a member that nobody read
        member = Member(number, Row(*orjson.loads(body)), stream)
        yield member
        member.skip()
        number += 1


def everything(path: Path, first: int, password: str, beat: Beat = lambda at: None) -> Reading:
    """The reading for ``members``: entries before number ``first`` come without their bytes."""
    return Reading(path, {"operation": "everything", "first": first, "password": password}, beat)
