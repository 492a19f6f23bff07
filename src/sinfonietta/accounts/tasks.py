"""Background work of accounts."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.sessions.models import Session

from sinfonietta.accounts.models import FailedAttempts
from sinfonietta.common.time import now


def forget(context: object) -> dict[str, int]:
    """Forget counts of failures and sessions that are over."""
    stale = now() - timedelta(seconds=settings.OPTIONS.block_s)
    attempts = FailedAttempts.objects.filter(last__lt=stale).delete()[0]
    sessions = Session.objects.filter(expire_date__lt=now()).delete()[0]
    return {"attempts": attempts, "sessions": sessions}
