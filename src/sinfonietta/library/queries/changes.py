"""The feed of changes, for those who keep a copy in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import decode_cursor, encode_cursor
from sinfonietta.library import access
from sinfonietta.library.models import Change


@dataclass(frozen=True)
class Changes:
    """Some changes in order, the cursor to ask with next, and whether more are waiting."""

    items: Sequence[Change]
    since: str
    more: bool


def changes(*, actor: Actor, since: str = "", limit: int = 100) -> Changes:
    """What was added, changed or removed after ``since`` (empty: from the beginning), within the actor's rights.

    A folder that was removed or moved stands for all below it. Raises Invalid for a cursor that is not ours.
    """
    found = Change.objects.order_by("id")
    if not actor.is_system:
        found = found.filter(acl__in=access.acls(actor))
    if since:
        last = decode_cursor(since, 1)[0]
        if not isinstance(last, int):
            raise Invalid("That is not a cursor of this feed.", errors={"since": ["not valid"]})
        found = found.filter(id__gt=last)
    rows = list(found[: limit + 1])
    kept = rows[:limit]
    return Changes(kept, encode_cursor(kept[-1].id) if kept else since, len(rows) > limit)
