"""Background work of the jobs themselves."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

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


def statistics(context: JobContext) -> None:
    """Renew what SQLite's planner knows of its tables; PostgreSQL does so by itself."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("PRAGMA optimize = 0x10002")  # all tables, also those not asked by this connection
