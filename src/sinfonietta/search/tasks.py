"""Background work of the index."""

from __future__ import annotations

from dataclasses import asdict

from sinfonietta.jobs.runner import JobContext
from sinfonietta.search import services


def reindex(context: JobContext) -> dict[str, int]:
    """``services.reindex`` as a job."""
    counts = services.reindex(
        actor=context.actor, step=lambda done: context.progress(done, "Describing everything again")
    )
    return asdict(counts)
