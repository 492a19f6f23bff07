"""Background work of the jobs themselves."""

from __future__ import annotations

from datetime import timedelta

from sinfonietta.common.time import now
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import JobContext

KEPT_DAYS = 30
SYSTEM_KEPT_DAYS = 2


def forget(context: JobContext) -> dict[str, int]:
    """Forget jobs that ended long ago; those of schedules sooner."""
    ended = Job.objects.exclude(state__in=[Job.State.QUEUED, Job.State.RUNNING])
    old = ended.filter(finished__lt=now() - timedelta(days=KEPT_DAYS)).delete()[0]
    old += ended.filter(owner=None, finished__lt=now() - timedelta(days=SYSTEM_KEPT_DAYS)).delete()[0]
    return {"jobs": old}
