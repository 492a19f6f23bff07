"""Jobs as their owners see them; administrators see all."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.common.time import now
from sinfonietta.jobs.models import Job


def _visible(actor: Actor) -> QuerySet[Job]:
    jobs = Job.objects.all()
    return jobs if actor.is_admin or actor.is_system else jobs.filter(owner=actor.uid)


def job(*, actor: Actor, uid: UUID) -> Job:
    """One job. Raises NotFound when it is not there or another's."""
    found = _visible(actor).filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such job, or it is not yours to see.")
    return found


def jobs(*, actor: Actor, cursor: str | None = None, limit: int = 100, own: bool = True) -> Page[Job]:
    """Jobs, newest first: the actor's own, or all that they may see."""
    found = _visible(actor).filter(owner=actor.uid) if own else _visible(actor)
    if cursor:
        last = decode_cursor(cursor, 1)[0]
        if not isinstance(last, int):
            raise Invalid("That is not a cursor of this list.", errors={"cursor": ["not valid"]})
        found = found.filter(id__lt=last)
    rows = list(found.order_by("-id")[: limit + 1])
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)


def is_awaited(*, but: str) -> bool:
    """Whether work of another kind waits for a worker now; what takes long and nobody waits for gives way to it."""
    return Job.objects.filter(state=Job.State.QUEUED, run_after__lte=now()).exclude(kind=but).exists()
