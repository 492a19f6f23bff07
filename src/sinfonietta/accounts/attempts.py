"""One count of wrong secrets over all doors, for each sign-in name and address.

Guesses made at the same moment are all checked before any of them is counted; therefore a right one must find the name
open once more when it is about to be accepted (``succeeded``).
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from sinfonietta.accounts.models import FailedAttempts
from sinfonietta.common.errors import TooManyAttempts
from sinfonietta.common.time import now


def check(name: str, address: str | None) -> None:
    """Raises TooManyAttempts while the name is blocked for that address."""
    row = FailedAttempts.objects.filter(name=_key(name), address=address or "").first()
    if row and row.blocked_until and row.blocked_until > now():
        left = max(1, int((row.blocked_until - now()).total_seconds()))
        raise TooManyAttempts("Too many wrong passwords; wait a little and try again.", retry_after_s=left)


def failed(name: str, address: str | None) -> None:
    """Count a wrong secret; the count begins anew when the last one is older than a block lasts."""
    options, moment = settings.OPTIONS, now()
    with transaction.atomic():
        row, _ = FailedAttempts.objects.select_for_update().get_or_create(
            name=_key(name), address=address or "", defaults={"last": moment}
        )
        stale = moment - row.last > timedelta(seconds=options.block_s)
        row.count, row.last = (1 if stale else row.count + 1), moment
        if row.count >= options.attempts_before_block:
            row.blocked_until = moment + timedelta(seconds=options.block_s)
        row.save()


def succeeded(name: str, address: str | None) -> None:
    """Forget the count. Raises TooManyAttempts when the name was blocked in the meantime."""
    is_open = Q(blocked_until=None) | Q(blocked_until__lte=now())
    FailedAttempts.objects.filter(is_open, name=_key(name), address=address or "").delete()
    check(name, address)


def _key(name: str) -> str:
    return name.casefold()[:150]
