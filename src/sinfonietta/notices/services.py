"""Telling people, and what they say to it.

What a person has read of their notices is theirs alone and of no consequence: no audit event. Their wishes have one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.conf import settings
from django.db import transaction

from sinfonietta.accounts.actor import SYSTEM, Actor, Scope
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import Forbidden
from sinfonietta.common.time import now
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.notices.models import DEFAULTS, Kind, Notice, Wish

BATCH = 500


def tell(
    *, actor: Actor, kind: Kind, users: Iterable[int], subject: UUID, facts: Mapping[str, object] | None = None
) -> None:
    """Tell each of the users, as they wish to be told; not again of what they have not read yet."""
    told = list(users)
    if not told:
        return
    with transaction.atomic():
        wishes = {wish.user_id: (wish.in_page, wish.by_mail) for wish in Wish.objects.filter(kind=kind, user__in=told)}
        same = Notice.objects.filter(kind=kind, subject=subject, read_at=None, user__in=told)
        knowing = set(same.values_list("user_id", flat=True))
        made = []
        for user in told:
            in_page, by_mail = wishes.get(user, DEFAULTS[kind])
            by_mail = by_mail and bool(settings.OPTIONS.mail_url)
            if user not in knowing and (in_page or by_mail):
                mail = Notice.Mail.DUE if by_mail else Notice.Mail.NONE
                made.append(
                    Notice(
                        user_id=user, kind=kind, at=now(), subject=subject, by=actor.uid, facts=facts or {},
                        is_shown=in_page, mail=mail,
                    )
                )  # fmt: skip
        Notice.objects.bulk_create(made, batch_size=BATCH)
        if any(one.mail for one in made) and not _mail_is_asked():
            jobs.enqueue(actor=SYSTEM, kind="notices.mail", payload={})


def _mail_is_asked() -> bool:
    """Whether a job waits that will see what this transaction writes. One that runs may have looked already."""
    return Job.objects.filter(kind="notices.mail", state=Job.State.QUEUED).exists()


def mark_read(*, actor: Actor, ids: Iterable[int] | None = None) -> None:
    """Those of the actor's notices, or all of them, are read. Raises Forbidden for a read token."""
    _may_write(actor)
    unread = Notice.objects.filter(user=actor.user_id, read_at=None)
    (unread if ids is None else unread.filter(id__in=list(ids))).update(read_at=now())


def set_wishes(*, actor: Actor, wishes: Mapping[Kind, tuple[bool, bool]]) -> None:
    """How the actor wants to be told of each kind: in the page, by mail. Raises Forbidden for a read token."""
    _may_write(actor)
    with transaction.atomic():
        for kind, (in_page, by_mail) in wishes.items():
            Wish.objects.update_or_create(
                user_id=actor.user_id, kind=kind, defaults={"in_page": in_page, "by_mail": by_mail}
            )
        audit.record(actor=actor, action="notices.chosen", target=actor.uid)


def _may_write(actor: Actor) -> None:
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
