"""Who works on what: leases with a fence, on one machine or many.

A lease is held by (id, fence). Taking a job raises its fence; every later write of its worker asks for that fence, so
that a worker which was thought dead and comes back can change nothing. Leases are timed by the database's clock, which
all workers share.
"""

from __future__ import annotations

from datetime import timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from sinfonietta.common.time import now
from sinfonietta.jobs import hooks
from sinfonietta.jobs.models import Job

LEASE_S = 20
RETRY_S = 5


def take(worker: str, kinds: list[str]) -> Job | None:
    """Lease the job that has waited longest, or one whose worker went silent; None when there is nothing to do."""
    moment = now()
    due = Q(state=Job.State.QUEUED, run_after__lte=moment) | Q(state=Job.State.RUNNING, lease_until__lt=Now())
    if not Job.objects.filter(due, kind__in=kinds).exists():  # without a write lock: the usual case of an idle worker
        return None
    with transaction.atomic():
        waiting = Job.objects.filter(due, kind__in=kinds).order_by("run_after", "id")
        if connection.vendor == "postgresql":
            waiting = waiting.select_for_update(skip_locked=True)
        job = waiting.first()
        if job is None:
            return None
        Job.objects.filter(id=job.id).update(
            state=Job.State.RUNNING,
            attempts=F("attempts") + 1,
            fence=F("fence") + 1,
            leased_by=worker,
            lease_until=Now() + timedelta(seconds=LEASE_S),
            started=job.started or moment,
        )
        job.refresh_from_db()
    return job


def held(job: Job) -> Q:
    """The condition that this worker still holds the job."""
    return Q(id=job.id, fence=job.fence, state=Job.State.RUNNING)


def renew(job: Job) -> bool:
    """Hold the job longer; False when it was taken away."""
    return bool(Job.objects.filter(held(job)).update(lease_until=Now() + timedelta(seconds=LEASE_S)))


def end(job: Job, state: str, *, detail: str = "", result: object = None) -> bool:
    """Write how the job ended; False when it was taken away, and nothing is written."""
    progress = {"progress": 1.0} if state == Job.State.SUCCEEDED else {}
    with transaction.atomic():
        if not Job.objects.filter(held(job)).update(
            state=state, detail=detail, result=result, finished=now(), lease_until=None, **progress
        ):
            return False
        job.state, job.detail = state, detail
        hooks.job_ended(job)
    return True


def put_back(job: Job, detail: str, *, after_s: float, count: bool = True) -> bool:
    """Let the job be tried again later; without ``count`` this attempt is not counted."""
    return bool(
        Job.objects.filter(held(job)).update(
            state=Job.State.QUEUED,
            detail=detail,
            lease_until=None,
            run_after=now() + timedelta(seconds=after_s),
            attempts=F("attempts") if count else F("attempts") - 1,
        )
    )
