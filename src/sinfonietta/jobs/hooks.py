"""What happens, in the same transaction, when a job ends: ``config.rooms.JOB_ENDED``."""

from __future__ import annotations

from django.conf import settings
from django.utils.module_loading import import_string

from sinfonietta.jobs.models import Job


def job_ended(job: Job) -> None:
    """Call what higher rooms connected; ``state`` and ``detail`` say how it ended."""
    for path in settings.JOB_ENDED:
        import_string(path)(job)
