"""Notices by mail, and their end."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPRecipientsRefused, SMTPSenderRefused

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Origin, Scope
from sinfonietta.common.time import now
from sinfonietta.jobs.runner import JobContext
from sinfonietta.notices import queries
from sinfonietta.notices.models import Kind, Notice

KEPT_DAYS = 90
TRIED = timedelta(days=1)
"""A mail that could not be sent for so long is not sent any more; the notice is in the page."""


def mail(context: JobContext) -> dict[str, int]:
    """Send what is due, each at most once: it is taken before it is sent, whoever dies in between."""
    if not settings.OPTIONS.mail_url:
        return {"mails": 0}
    due = Notice.objects.filter(mail=Notice.Mail.DUE, at__gt=now() - TRIED).select_related("user").order_by("id")
    sent = 0
    with get_connection() as connection:
        while notice := due.first():
            context.check()
            own = Notice.objects.filter(id=notice.id)
            if not own.filter(mail=Notice.Mail.DUE).update(mail=Notice.Mail.TAKEN):
                continue
            message = _letter(notice)
            try:
                sent += connection.send_messages([message]) or 0 if message else 0
            except SMTPRecipientsRefused:
                own.update(mail=Notice.Mail.REFUSED)
            except (OSError, SMTPSenderRefused):  # the mail server is away: the job is tried again
                own.update(mail=Notice.Mail.DUE)
                raise
    return {"mails": sent}


def _letter(notice: Notice) -> EmailMessage | None:
    """What is written to the person; nothing where they have no address, or may not see the thing any more."""
    user = notice.user
    if not user.email or not user.is_active:
        return None
    actor = accounts.actor_for_user(user, Origin(door="worker"), scope=Scope.READ)
    said = _sentence(queries.told(actor=actor, notices=[notice])[0])
    if not said:
        return None
    sentence, path = said
    site, address = settings.OPTIONS.site_name, settings.OPTIONS.public_url.rstrip("/")
    where = f"{address}{path}" if address else f"Sign in to {site} to see it."
    choose = f"{address}/notices" if address else "the page “Notices”"
    body = f"{sentence}\n\n{where}\n\n-- \n{site}. What you are told by mail you choose at {choose}.\n"
    subject = " ".join(f"[{site}] {sentence}".split())[:200]
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [user.email])


def _sentence(told: queries.Told) -> tuple[str, str] | None:
    """What happened, and the path of the page that shows it."""
    notice = told.notice
    if notice.kind == Kind.SHARED:
        node = told.node
        return (f"{told.by or 'Somebody'} shared “{node.name}” with you.", f"/nodes/{node.uid}") if node else None
    ended = "failed" if notice.kind == Kind.FAILED else "is done"
    return f"A job that you asked for {ended}: {notice.facts['job']}. {notice.facts['detail']}".strip(), "/jobs"


def forget(context: JobContext) -> dict[str, int]:
    """Forget old notices, read or not."""
    return {"notices": Notice.objects.filter(at__lt=now() - timedelta(days=KEPT_DAYS)).delete()[0]}
