"""Notices as the person reads them who was told: names as they are now, and only of what they may see now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.common.errors import Invalid
from sinfonietta.common.paging import Page, decode_cursor, encode_cursor
from sinfonietta.library import queries as library
from sinfonietta.notices.models import DEFAULTS, Kind, Notice, Wish

MOST_COUNTED = 100


@dataclass(frozen=True)
class Told:
    """A notice; who did it (empty: the system, or an account that is gone), and the node where it is to be seen."""

    notice: Notice
    by: str = ""
    node: library.Entry | None = None


def unread(*, actor: Actor) -> int:
    """How many notices the actor has not read; counted to ``MOST_COUNTED``."""
    return Notice.objects.filter(user=actor.user_id, is_shown=True, read_at=None)[:MOST_COUNTED].count()


def notices(*, actor: Actor, cursor: str | None = None, limit: int = 50) -> Page[Told]:
    """What the actor was told, the latest first. Raises Invalid for a cursor that is not ours."""
    found = Notice.objects.filter(user=actor.user_id, is_shown=True)
    if cursor:
        last = decode_cursor(cursor, 1)[0]
        if not isinstance(last, int):
            raise Invalid("That is not a cursor of this list.", errors={"cursor": ["not valid"]})
        found = found.filter(id__lt=last)
    rows = list(found.order_by("-id")[: limit + 1])
    return Page(told(actor=actor, notices=rows[:limit]), encode_cursor(rows[limit - 1].id) if rows[limit:] else None)


def told(*, actor: Actor, notices: Sequence[Notice]) -> list[Told]:
    """The notices with the names that the actor may see."""
    places = [one.subject for one in notices if one.kind == Kind.SHARED]
    nodes = {node.uid: node for node in library.nodes_by_uid(actor=actor, uids=places)} if places else {}
    names = _names({one.by for one in notices if one.by})
    return [Told(one, names.get(one.by, "") if one.by else "", nodes.get(one.subject)) for one in notices]


def _names(uids: set[UUID]) -> dict[UUID, str]:
    found = User.objects.filter(uid__in=uids).values_list("uid", "full_name", "name") if uids else ()
    return {uid: full_name or name for uid, full_name, name in found}


def wishes(*, actor: Actor) -> dict[Kind, tuple[bool, bool]]:
    """How the actor wants to be told of each kind: in the page, by mail."""
    said = {Kind(one.kind): (one.in_page, one.by_mail) for one in Wish.objects.filter(user=actor.user_id)}
    return {kind: said.get(kind, DEFAULTS[kind]) for kind in Kind}
