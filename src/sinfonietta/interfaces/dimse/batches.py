"""Instances that several associations of a node bring at one moment are filed in one transaction.

Each association waits for its answer, so none can fill a batch alone. Whoever comes while nobody files, files; who
comes meanwhile waits, and goes with the next batch. What is answered is durable.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Problem
from sinfonietta.dicom.services import (
    BATCH_FILES,
    NOT_AUTHORISED,
    PROCESSING_FAILURE,
    Arrived,
    Filing,
    Stored,
    reason_of,
)

log = structlog.get_logger("sinfonietta.dimse")
FRESH_S = 1.0


@contextmanager
def _writing_alone() -> Iterator[None]:
    """SQLite has one writer, and who comes second sleeps and tries again: our processes take turns instead, at once."""
    if connection.vendor != "sqlite":
        yield
        return
    with (settings.OPTIONS.data / "dimse.lock").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


@dataclass(eq=False)
class _Entry:
    actor: Actor
    arrived: Arrived
    result: Stored | None = None


@dataclass
class Batch:
    """The queue of one node."""

    target: UUID
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[_Entry] = field(default_factory=list)
    _busy: bool = False
    _filing: Filing | None = None
    _begun: float = 0.0

    def file(self, actor: Actor, arrived: Arrived) -> Stored:
        """File one instance, together with those of others. Raises nothing."""
        entry = _Entry(actor, arrived)
        with self._turn:
            self._waiting.append(entry)
            while entry.result is None and self._busy:
                self._turn.wait()
            if entry.result is not None:
                return entry.result
            self._busy = True
        with _writing_alone():
            with self._turn:
                self._waiting.remove(entry)
                mine = [entry, *self._waiting[: BATCH_FILES - 1]]
                del self._waiting[: BATCH_FILES - 1]
            results = self._file_all(mine)
        with self._turn:
            for one, result in zip(mine, results, strict=True):
                one.result = result
            self._busy = False
            self._turn.notify_all()
        assert entry.result is not None
        return entry.result

    def _file_all(self, entries: Sequence[_Entry]) -> list[Stored]:
        arrived = [entry.arrived for entry in entries]
        actor = entries[-1].actor
        try:
            results = self._put(actor, arrived, fresh=False)
            if any(result.reason == NOT_AUTHORISED for result in results):
                # The place may have moved since it was looked up.
                results = self._put(actor, arrived, fresh=True)
        except Problem as problem:
            return [Stored(reason=reason_of(problem), problem=str(problem))] * len(entries)
        except Exception:
            log.exception("a batch could not be filed")
            self._filing = None
            return [Stored(reason=PROCESSING_FAILURE, problem="It could not be filed.")] * len(entries)
        return results

    def _put(self, actor: Actor, arrived: Sequence[Arrived], *, fresh: bool) -> list[Stored]:
        old = time.monotonic() - self._begun > FRESH_S
        # The actors of two associations differ in their origin alone.
        if fresh or old or self._filing is None or self._filing.actor.principals != actor.principals:
            self._filing, self._begun = Filing(actor=actor, target=self.target), time.monotonic()
        filing = self._filing
        filing.results = []
        for one in arrived:
            filing.take(one)
        filing.flush()
        return filing.results


class Batches:
    """The queues of all nodes that call one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[tuple[int, UUID], Batch] = {}

    def of(self, actor: Actor, target: UUID) -> Batch:
        """The queue of an account and a place."""
        with self._lock:
            return self._of.setdefault((actor.user_id, target), Batch(target))
