"""The transaction of a write, and the feed of changes that it leaves.

Ids of changes must be in the order of commits, or a follower would skip some. On PostgreSQL two transactions could
interleave; so the changes of a transaction are collected and written last, under a lock that lives until its commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import connection, transaction

from sinfonietta.common import rows
from sinfonietta.common.time import now
from sinfonietta.library.models import Change, Node

LOCK = 7_310_001
"""Key of the advisory lock that orders changes."""

_pending: ContextVar[list[Change] | None] = ContextVar("pending changes", default=None)


@contextmanager
def writing() -> Iterator[None]:
    """One transaction; a write inside another one joins it."""
    if _pending.get() is not None:
        with transaction.atomic():  # a savepoint: an inner write that fails undoes itself alone
            mark = len(_pending.get() or [])
            try:
                yield
            except BaseException:
                del (_pending.get() or [])[mark:]
                raise
        return
    token = _pending.set([])
    try:
        with transaction.atomic():
            yield
            _write(_pending.get() or [])
    finally:
        _pending.reset(token)


def record(what: Change.What, *nodes: Node) -> None:
    """Note changes of nodes; call it inside ``writing``."""
    pending = _pending.get()
    assert pending is not None, "changes are recorded inside writing()"
    pending.extend(Change(at=now(), what=what, node=node.uid, kind=node.kind, acl_id=node.acl_id) for node in nodes)


def _write(changes: list[Change]) -> None:
    if not changes:
        return
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    rows.create(changes)
