"""Background work of the blobs."""

from __future__ import annotations

from sinfonietta.blobs import services
from sinfonietta.jobs.runner import JobContext


def collect(context: JobContext) -> dict[str, int]:
    """Delete bytes that nothing refers to any more."""
    return {"deleted": services.collect(actor=context.actor)}


def strays(context: JobContext) -> dict[str, int]:
    """Remove bytes that never got a row."""
    return {"removed": services.remove_strays(actor=context.actor)}
