"""Asking for work, and asking it to end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import Forbidden
from sinfonietta.common.time import now
from sinfonietta.jobs import queries
from sinfonietta.jobs.models import Job


def enqueue(
    *,
    actor: Actor,
    kind: str,
    payload: Mapping[str, Any],
    run_after: datetime | None = None,
    max_attempts: int = 3,
) -> Job:
    """A new job, in the caller's transaction: it is there if and only if that commits.

    It runs with the rights that the actor has when it runs, under the scope that their credential has now.
    """
    with transaction.atomic():
        job = Job.objects.create(
            kind=kind,
            payload={**payload, "scope": int(actor.scope)},
            owner=actor.uid,
            run_after=run_after or now(),
            max_attempts=max_attempts,
        )
        if not actor.is_system:
            audit.record(actor=actor, action="job.asked", target=job.uid, kind=kind)
    return job


def cancel(*, actor: Actor, uid: UUID) -> Job:
    """Ask a job to end: a waiting one ends at once, a running one at its next step, an ended one stays as it is.

    Raises NotFound, Forbidden with a token that may only read.
    """
    job = queries.job(actor=actor, uid=uid)
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    with transaction.atomic():
        waiting = Job.objects.filter(id=job.id, state=Job.State.QUEUED)
        running = Job.objects.filter(id=job.id, state=Job.State.RUNNING, cancel_requested=False)
        if waiting.update(state=Job.State.CANCELLED, cancel_requested=True, finished=now()) or running.update(
            cancel_requested=True
        ):
            audit.record(actor=actor, action="job.cancelled", target=job.uid)
    job.refresh_from_db()
    return job
