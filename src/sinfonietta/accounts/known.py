"""Credentials that were found good, with the epoch in which they were.

The database counts every change that can take a right from a credential: a token or session that ends, an account that
is closed or gets another password or role, a group that gains or loses a member. What was found under another count is
not believed, in no process. So a request asks the database one number instead of three tables, and a right that was
taken away is gone with the next request. What a person may see is decided anew by every query (``library.access``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.db import connection

from sinfonietta.accounts.actor import Actor, Origin
from sinfonietta.common.time import now

BELIEVED_S = 60.0
"""So long at most: a token notes its use by the minute."""
MOST = 10_000
Look = Callable[[], tuple[Actor, datetime | None]]


@dataclass(frozen=True)
class Found:
    """An actor, and until when: another epoch or this moment (of the monotonic clock) ends it."""

    actor: Actor
    epoch: int
    until: float


_lock = threading.Lock()
_found: dict[bytes, Found] = {}


def epoch() -> int:
    """How often rights of credentials have changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM accounts_epoch WHERE id = 1")
        row = cursor.fetchone()
    return row[0] if row else 0


def actor(mark: bytes, look: Look, origin: Origin) -> Actor:
    """The actor of a credential with this mark; ``look`` finds them, and when the credential expires.

    Raises what ``look`` raises; a credential that does not hold is not remembered.
    """
    at = epoch()  # before looking: a change meanwhile makes what is found now count as old
    found = _found.get(mark)
    if found is None or found.epoch != at or found.until <= monotonic():
        who, expires = look()
        left = BELIEVED_S if expires is None else min(BELIEVED_S, (expires - now()).total_seconds())
        found = Found(who, at, monotonic() + left)
        with _lock:
            if len(_found) >= MOST:
                _found.clear()
            _found[mark] = found
    return found.actor.at(origin)
