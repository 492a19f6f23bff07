"""Events are written with what they speak of; reads are gathered for at most a second."""

from __future__ import annotations

import atexit
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from django.db import Error, connection

from sinfonietta.audit.models import Event
from sinfonietta.common.time import now

log = structlog.get_logger("sinfonietta.audit")
FLUSH_S = 1.0
MOST_WAITING = 20_000
"""Beyond this the reader who comes next writes the buffer: memory is bounded, and no event is dropped."""


class Origin(Protocol):
    """Where a request came from (``accounts.actor.Origin``)."""

    @property
    def door(self) -> str: ...
    @property
    def request(self) -> str: ...
    @property
    def address(self) -> str | None: ...


class Who(Protocol):
    """Who acts (``accounts.actor.Actor``); this room lies below accounts."""

    @property
    def uid(self) -> UUID | None: ...
    @property
    def origin(self) -> Origin: ...


def record(
    *, actor: Who, action: str, target: UUID | None = None, collection: UUID | None = None, **detail: object
) -> None:
    """Write an event in the caller's transaction. ``detail`` holds ids and numbers, never names or contents."""
    _event(Read(actor.uid, action, target, collection, actor.origin.door, actor.origin.request, actor.origin.address),
           now(), detail).save(force_insert=True)  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A read, without its time: the same one again within the window is counted, not repeated."""

    actor: UUID | None
    action: str
    target: UUID | None
    collection: UUID | None
    door: str
    request: str
    address: str | None


def _event(read: Read, at: datetime, detail: dict[str, object]) -> Event:
    return Event(
        at=at, actor=read.actor, action=read.action, target=read.target, collection=read.collection, door=read.door,
        request=read.request, address=read.address, detail=detail,
    )  # fmt: skip


class Buffer:
    """Reads that wait to be written, at most a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads: Counter[Read] = Counter()
        self._timer: threading.Timer | None = None

    def add(self, read: Read) -> None:
        """Note a read; the first one of a window starts its clock."""
        with self._lock:
            self._reads[read] += 1
            full = len(self._reads) >= MOST_WAITING
            if self._timer is None:
                self._timer = threading.Timer(FLUSH_S, self._flush_in_thread)
                self._timer.daemon = True
                self._timer.start()
        if full:
            self.flush()

    def flush(self) -> None:
        """Write what waits. What cannot be written now waits for the next window."""
        with self._lock:
            waiting, self._reads, self._timer = self._reads, Counter(), None
        if not waiting:
            return
        moment = now()
        try:
            Event.objects.bulk_create(
                [_event(read, moment, {"count": count} if count > 1 else {}) for read, count in waiting.items()],
                batch_size=500,
            )
        except Error as error:
            log.error("audit of reads is delayed", waiting=len(waiting), problem=str(error))
            for read, count in waiting.items():
                for _ in range(count):
                    self.add(read)

    def drop(self) -> None:
        """Forget what waits, and its clock."""
        with self._lock:
            if self._timer:
                self._timer.cancel()
            self._reads, self._timer = Counter(), None

    def _flush_in_thread(self) -> None:
        try:
            self.flush()
        finally:
            connection.close()  # the timer's thread ends here, and its connection with it


_buffer = Buffer()
flush = _buffer.flush
atexit.register(flush)


def record_read(*, actor: Who, action: str, target: UUID | None, collection: UUID | None = None) -> None:
    """Note that something was read, without making the reader wait. At most a second of reads is lost by a crash."""
    origin = actor.origin
    _buffer.add(Read(actor.uid, action, target, collection, origin.door, origin.request, origin.address))


def forget_waiting() -> None:
    """Drop what waits unwritten: for tests, whose database is rolled back anyhow."""
    _buffer.drop()
