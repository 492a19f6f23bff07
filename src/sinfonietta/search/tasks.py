"""Background work of the index."""

from __future__ import annotations

from dataclasses import asdict

from sinfonietta.jobs.runner import JobContext
from sinfonietta.search import reading, services


def reindex(context: JobContext) -> dict[str, int]:
    """``services.reindex`` as a job."""
    counts = services.reindex(
        actor=context.actor, step=lambda done: context.progress(done, "Describing everything again")
    )
    return asdict(counts)


def read(context: JobContext) -> dict[str, int]:
    """Read the text of all files whose text is wanted. What a job that died was at is read again by the next."""
    count, node = 0, 0
    while node := reading.read_next(node):
        count += 1
        context.progress(0.0, f"{count} files read")
    return {"files": count}
