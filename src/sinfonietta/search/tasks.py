"""Background work of the index."""

from __future__ import annotations

from dataclasses import asdict

from sinfonietta.jobs import queries as jobs
from sinfonietta.jobs.runner import JobContext
from sinfonietta.search import following, reading, services


def reindex(context: JobContext) -> dict[str, int]:
    """``services.reindex`` as a job."""
    counts = services.reindex(
        actor=context.actor, step=lambda done: context.progress(done, "Describing everything again")
    )
    return asdict(counts)


def read(context: JobContext) -> dict[str, int]:
    """Read the text of all files whose text is wanted. What a job that died was at is read again by the next.

    It gives way to whoever waits for a worker: thousands of files take minutes, and nobody looks on.
    """
    count, node = 0, 0
    while node := reading.read_next(node):
        count += 1
        context.progress(0.0, f"{count} files read")
        if jobs.is_awaited(but=following.READ):
            following.ask_to_read()
            break
    return {"files": count}
