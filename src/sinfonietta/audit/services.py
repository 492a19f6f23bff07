"""Events are written with what they speak of; reads are gathered for at most a second."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from django.db import Error, connection

from sinfonietta.audit.models import Event
from sinfonietta.common import rows
from sinfonietta.common.time import now

log = structlog.get_logger("sinfonietta.audit")
FLUSH_S = 1.0
MOST_WAITING = 20_000
"""A buffer with so many different reads is written at once: its memory is bounded, and no event is dropped."""


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
    _write(actor, action, collection, [(target, detail)])


def record_all(
    *, actor: Who, action: str, collection: UUID | None, details: Sequence[tuple[UUID, dict[str, object]]]
) -> None:
    """As ``record``, of several targets in one collection, each with its detail."""
    _write(actor, action, collection, details)


def _write(
    actor: Who, action: str, collection: UUID | None, details: Sequence[tuple[UUID | None, dict[str, object]]]
) -> None:
    moment, origin = now(), actor.origin
    rows.create(
        [
            Event(
                at=moment, actor=actor.uid, action=action, target=target, collection=collection, door=origin.door,
                request=origin.request, address=origin.address, detail=detail,
            )
            for target, detail in details
        ]
    )  # fmt: skip


@dataclass(frozen=True)
class Read:
    """A read, without its time and request: the same one again within the window is counted, not repeated."""

    actor: UUID | None
    action: str
    target: UUID | None
    collection: UUID | None
    door: str
    address: str | None
    detail: tuple[tuple[str, str | int], ...]


@dataclass
class Seen:
    """How often a read happened in the window, when first, and in which request."""

    at: datetime
    request: str
    count: int = 0


class Buffer:
    """Reads that wait to be written, at most a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reads: dict[Read, Seen] = {}
        self._timer: threading.Timer | None = None

    def add(self, read: Read, request: str) -> None:
        """Note a read; the first one of a window starts its clock, the one that fills the buffer ends it."""
        with self._lock:
            self._reads.setdefault(read, Seen(now(), request)).count += 1
            full = len(self._reads) == MOST_WAITING
            if self._timer is None or full:
                self._start(0.0 if full else FLUSH_S)

    def _start(self, after_s: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = threading.Timer(after_s, self._flush_in_thread)
        self._timer.daemon = True
        self._timer.start()

    def flush(self) -> None:
        """Write what waits. What cannot be written now waits for the next window."""
        with self._lock:
            waiting = self._take()
        if not waiting:
            return
        try:
            Event.objects.bulk_create([_event(read, seen) for read, seen in waiting.items()], batch_size=500)
        except Error as error:
            log.error("audit of reads is delayed", waiting=len(waiting), problem=str(error))
            with self._lock:
                for read, seen in self._reads.items():
                    waiting.setdefault(read, Seen(seen.at, seen.request)).count += seen.count
                self._reads = waiting
                self._start(FLUSH_S)

    def drop(self) -> None:
        """Forget what waits."""
        with self._lock:
            self._take()

    def _take(self) -> dict[Read, Seen]:
        """What waits; nothing waits afterwards, and no clock runs."""
        if self._timer:
            self._timer.cancel()
        waiting, self._reads, self._timer = self._reads, {}, None
        return waiting

    def _flush_in_thread(self) -> None:
        try:
            self.flush()
        finally:
            connection.close()  # the timer's thread ends here, and its connection with it


def _event(read: Read, seen: Seen) -> Event:
    detail: dict[str, object] = dict(read.detail)
    if seen.count > 1:
        detail["count"] = seen.count
    return Event(
        at=seen.at,
        actor=read.actor,
        action=read.action,
        target=read.target,
        collection=read.collection,
        door=read.door,
        request=seen.request,
        address=read.address,
        detail=detail,
    )


_buffer = Buffer()
flush = _buffer.flush
atexit.register(flush)


def record_read(
    *, actor: Who, action: str, target: UUID | None, collection: UUID | None = None, **detail: str | int
) -> None:
    """Note that something was read, without making the reader wait. At most a second of reads is lost by a crash."""
    origin = actor.origin
    said = tuple(sorted(detail.items()))
    _buffer.add(Read(actor.uid, action, target, collection, origin.door, origin.address, said), origin.request)


def forget_waiting() -> None:
    """Drop what waits unwritten: for tests, whose database is rolled back anyhow."""
    _buffer.drop()
