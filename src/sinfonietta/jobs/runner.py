"""The worker: takes jobs, keeps their leases, runs their handlers, says how they ended."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, close_old_connections, connection, transaction
from django.utils.module_loading import import_string

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.common.errors import Problem
from sinfonietta.common.time import now
from sinfonietta.jobs import leases
from sinfonietta.jobs.errors import Cancelled, LostLease, Stopping
from sinfonietta.jobs.models import Job, Schedule

log = structlog.get_logger("sinfonietta.jobs")
IDLE_S = 0.5
DATABASE_AWAY_S = 2.0
SAY_S = 0.5
"""Progress is written at most this often."""


class JobContext:
    """What a handler has: its payload, the actor, and the ways to tell and to ask."""

    def __init__(self, job: Job, actor: Actor, stop: threading.Event) -> None:
        self.job, self.payload, self.actor = job, job.payload, actor
        self._stop = stop
        self._said = 0.0

    def progress(self, fraction: float, detail: str = "") -> None:
        """Say how far it is (0 to 1) and what it does; raises as ``check`` does."""
        if time.monotonic() - self._said < SAY_S and fraction < 1:
            return
        self._said = time.monotonic()
        Job.objects.filter(leases.held(self.job)).update(progress=min(max(fraction, 0.0), 1.0), detail=detail)
        self.check()

    def check(self) -> None:
        """Call it between steps. Raises Cancelled, LostLease, or Stopping when the worker is to stop."""
        if self._stop.is_set():
            raise Stopping
        row = Job.objects.filter(leases.held(self.job)).values_list("cancel_requested", flat=True).first()
        if row is None:
            raise LostLease
        if row:
            raise Cancelled

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that only the holder of the job can commit. Raises LostLease."""
        with transaction.atomic():
            found = Job.objects.filter(leases.held(self.job))
            if connection.vendor == "postgresql":
                found = found.select_for_update()
            if not list(found.values_list("id")):
                raise LostLease
            yield


Handler = Callable[[JobContext], Any]


class Heartbeat:
    """Renews the lease from a thread of its own while the handler works."""

    def __init__(self, job: Job) -> None:
        self._job, self._over = job, threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        try:
            while not self._over.wait(leases.LEASE_S / 4):
                try:
                    if not leases.renew(self._job):
                        return
                except Error as error:  # a busy or absent database: try again at the next beat, on a new connection
                    log.warning("a lease could not be renewed", job=str(self._job.uid), problem=str(error))
                    connection.close()
        finally:
            connection.close()


def run_worker(stop: threading.Event, *, once: bool = False) -> None:
    """Take and run jobs until ``stop``; with ``once`` until there is nothing to do."""
    name = f"{socket.gethostname()}:{os.getpid()}"
    _sync_schedules()
    while not stop.is_set():
        try:
            close_old_connections()
            _enqueue_due()
            job = leases.take(name, list(settings.JOB_KINDS))
            if job:
                run_one(job, stop)
        except Error as error:  # the lease of a job that could not be ended runs out, and it is taken up again
            log.warning("the database cannot be used", problem=str(error))
            stop.wait(DATABASE_AWAY_S)
            continue
        if job is None and once:
            return
        if job is None:
            stop.wait(IDLE_S)


def run_one(job: Job, stop: threading.Event) -> None:
    """Run one leased job and write how it ended."""
    with structlog.contextvars.bound_contextvars(job=str(job.uid), kind=job.kind):
        if job.attempts > job.max_attempts:
            leases.end(
                job, Job.State.FAILED, detail=f"It was tried {job.max_attempts} times and its worker died each time."
            )
            return
        if job.cancel_requested:
            leases.end(job, Job.State.CANCELLED)
            return
        with Heartbeat(job):
            _run(job, stop)


def _run(job: Job, stop: threading.Event) -> None:
    try:
        handler: Handler = import_string(settings.JOB_KINDS[job.kind])
        leases.end(job, Job.State.SUCCEEDED, result=handler(JobContext(job, _actor(job), stop)))
    except Cancelled:
        leases.end(job, Job.State.CANCELLED, detail="Cancelled.")
    except Stopping:
        leases.put_back(job, "The worker was stopped; it goes on soon.", after_s=0, count=False)
    except LostLease:
        log.warning("another worker took the job up")
    except Problem as problem:
        leases.end(job, Job.State.FAILED, detail=problem.detail or problem.title)
    except Exception as error:
        log.exception("a job failed")
        if job.attempts < job.max_attempts:
            leases.put_back(job, f"Attempt {job.attempts} failed.", after_s=leases.RETRY_S * 2 ** (job.attempts - 1))
        else:
            leases.end(job, Job.State.FAILED, detail=f"It failed {job.attempts} times: {type(error).__name__}.")


def _actor(job: Job) -> Actor:
    origin = Origin(door="worker", request=str(job.uid)[:36])
    if job.owner is None:
        return SYSTEM.at(origin)
    return accounts.actor_by_uid(job.owner, Scope(job.payload.get("scope", Scope.READ)), origin)


def _sync_schedules() -> None:
    """Make the rows of schedules what the settings say; a new or changed one is due at once."""
    with transaction.atomic():
        Schedule.objects.exclude(name__in=list(settings.SCHEDULES)).delete()
        for name, (kind, every_s) in settings.SCHEDULES.items():
            said = {"kind": kind, "every_s": every_s, "next_run": now()}
            _, made = Schedule.objects.get_or_create(name=name, defaults=said)
            if not made:
                Schedule.objects.filter(name=name).exclude(kind=kind, every_s=every_s).update(**said)


def _enqueue_due() -> None:
    """Enqueue what is due, unless it still waits or runs; of several workers, the one that moves ``next_run`` does."""
    for schedule in Schedule.objects.filter(next_run__lte=now()):
        with transaction.atomic():
            mine = Schedule.objects.filter(name=schedule.name, next_run=schedule.next_run)
            if not mine.update(next_run=now() + timedelta(seconds=schedule.every_s)):
                continue
            open_ones = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING], owner=None)
            if not open_ones.filter(kind=schedule.kind, payload=schedule.payload).exists():
                Job.objects.create(kind=schedule.kind, payload=schedule.payload, run_after=now())
