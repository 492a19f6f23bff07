"""How a job ends before its handler does."""

from __future__ import annotations


class Cancelled(Exception):
    """Somebody asked the job to end."""


class LostLease(Exception):
    """Another worker has taken the job up; whatever this one still writes is refused."""


class Stopping(Exception):
    """The worker is to stop; the job goes back and is begun again elsewhere."""
