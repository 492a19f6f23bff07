"""Background work of the way in."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Origin, Scope
from sinfonietta.blobs import store
from sinfonietta.common.errors import Problem
from sinfonietta.common.time import now
from sinfonietta.ingest import uploads
from sinfonietta.ingest.models import Upload
from sinfonietta.jobs.runner import JobContext

QUIET = timedelta(minutes=2)
DONE_KEPT = timedelta(hours=1)
"""A finished upload still answers its client this long, should the last answer have been lost."""


def expire(context: JobContext) -> dict[str, int]:
    """File uploads that are complete and were not filed (the server died in between); forget those that expired."""
    return {"filed": _finish(context), "expired": _expire()}


def _finish(context: JobContext) -> int:
    filed = 0
    waiting = Upload.objects.filter(
        file=None, is_partial=False, offset_bytes=F("length_bytes"), created__lt=now() - QUIET
    )
    for found in waiting.select_related("user", "parent"):
        context.check()
        try:
            actor = accounts.actor_by_uid(found.user.uid, Scope.WRITE, Origin(door="worker"))
            with store.default().hold(found.staged):
                uploads.finish(actor=actor, found=found)
            filed += 1
        except Problem:
            continue  # it stays for its owner to see, until it expires
    return filed


def _expire() -> int:
    over = list(Upload.objects.filter(expires__lt=now()))
    done = list(
        Upload.objects.exclude(file=None).filter(expires__lt=now() + timedelta(days=365), created__lt=now() - DONE_KEPT)
    )
    for found in over + done:
        store.default().discard(found.staged)
        Upload.objects.filter(uid=found.uid).delete()
    return len(over)
