"""Who may read which part of the audit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import queries as audit
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Forbidden
from sinfonietta.common.paging import Page
from sinfonietta.library import access
from sinfonietta.library.models import Level


def audit_of(
    *,
    actor: Actor,
    node: UUID | None = None,
    by: UUID | None = None,
    action: str | None = None,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Event]:
    """Events, newest first: all of them for auditors, those of a node for who manages it.

    Raises NotFound for a node that is not the actor's to see, Forbidden where they do not manage it.
    """
    if not (actor.is_auditor or actor.is_system):
        if node is None:
            raise Forbidden("Name a node that you manage; the whole audit is for auditors.")
        access.require(actor, node, Level.MANAGE)
    return audit.events(node=node, by=by, action=action, since=since, cursor=cursor, limit=limit)
