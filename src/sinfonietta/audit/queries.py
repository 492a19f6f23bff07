"""Reading the audit. Who may, the caller has decided (``library.queries.audit_of``)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Exists

from sinfonietta.audit import services
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor


def events(
    *,
    target: UUID | None = None,
    collection: UUID | None = None,
    condition: Exists | None = None,
    by: UUID | None = None,
    action: str | None = None,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Event]:
    """Events, newest first, those of the last second in this process included; ``condition``: only some of them."""
    services.flush()
    found = Event.objects.order_by("-id")
    wanted = {"target": target, "collection": collection, "actor": by, "action": action, "at__gte": since}
    found = found.filter(**{field: value for field, value in wanted.items() if value is not None})
    if condition is not None:
        found = found.filter(condition)
    if cursor:
        last = decode_cursor(cursor, 1)[0]
        if not isinstance(last, int):
            raise Invalid("That is not a cursor of the audit.", errors={"cursor": ["not valid"]})
        found = found.filter(id__lt=last)
    rows = list(found[: limit + 1])
    return Page(rows[:limit], encode_cursor(rows[limit - 1].id) if len(rows) > limit else None)
