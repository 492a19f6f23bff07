"""Background work of the way in."""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.db.models import F

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import SYSTEM, Origin, Scope
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
    return {"filed": _finish(context), "expired": _expire(), "left over": _forget_staged()}


def _finish(context: JobContext) -> int:
    filed = 0
    waiting = Upload.objects.filter(
        file=None, is_partial=False, offset_bytes=F("length_bytes"), created__lt=now() - QUIET
    )
    for found in waiting.select_related("user", "parent"):
        context.check()
        try:
            actor = accounts.actor_by_uid(found.user.uid, Scope.WRITE, Origin(door="worker"))
            uploads.finish(actor=actor, found=found)
            filed += 1
        except Problem:
            continue  # it stays for its owner to see, until it expires
    return filed


def _expire() -> int:
    Upload.objects.exclude(file=None).filter(
        expires__lt=now() + timedelta(days=settings.OPTIONS.upload_days) - DONE_KEPT
    ).delete()  # each append moves the end on: this is when the last bytes came
    over = list(Upload.objects.filter(expires__lt=now()).order_by("expires"))
    return sum(uploads.forget(actor=SYSTEM, found=found) for found in over)


def _forget_staged() -> int:
    """What a server that died in the middle of a request left in staging, after the grace of the site."""
    oldest = time.time() - settings.OPTIONS.blob_grace_h * 3600
    old = {key for key, changed in store.default().staged() if changed < oldest}
    strays = old - set(Upload.objects.filter(staged__in=old).values_list("staged", flat=True))
    for key in strays:
        store.default().discard(key)
    return len(strays)
