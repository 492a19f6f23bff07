"""Whom is told what, here and by mail; and what is not told."""

from __future__ import annotations

import smtplib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from tests.support.portal import browser_of

from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User
from sinfonietta.common.time import now
from sinfonietta.jobs import leases
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node
from sinfonietta.notices import queries
from sinfonietta.notices import services as notices
from sinfonietta.notices.models import Kind, Notice

pytestmark = pytest.mark.django_db


@pytest.fixture
def study(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Lung study")


@pytest.fixture
def mails(settings: Any) -> list[mail.EmailMessage]:
    """A site that mails; what it sent. (Django's test runner keeps mails in memory.)"""
    settings.OPTIONS = settings.OPTIONS.model_copy(
        update={"mail_url": "smtp://mail.example", "public_url": "https://data.example", "site_name": "The Site"}
    )
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    mail.outbox = []
    return mail.outbox


def share(owner: Actor, node: Node, *grants: tuple[str, str, Level]) -> None:
    services.set_grants(actor=owner, uid=node.uid, inherit=False, grants=grants)


def told(actor: Actor) -> list[tuple[str, str, str]]:
    found = queries.notices(actor=actor).items
    return [(one.notice.kind, one.by, one.node.name if one.node else "") for one in found]


def work() -> None:
    """A worker does all that waits."""
    from django.conf import settings

    while job := leases.take("test", list(settings.JOB_KINDS)):
        run_one(job, threading.Event())


def test_who_is_new_to_a_place_is_told_once_and_of_what_they_may_see(
    alice: Actor, bob: Actor, mallory: Actor, study: Node
) -> None:
    share(alice, study, ("user", "bob", Level.READ))
    share(alice, study, ("user", "bob", Level.WRITE), ("user", "alice", Level.READ))
    assert told(bob) == [("shared", "Alice Owner", "Lung study")]
    assert told(alice) == told(mallory) == []
    share(alice, study)
    assert told(bob) == [("shared", "Alice Owner", "")]
    page = browser_of(bob).get("/notices").content.decode()
    assert "not yours to see any more" in page
    assert "Lung study" not in page
    assert str(study.uid) not in page
    share(alice, study, ("user", "bob", Level.READ))
    assert len(told(bob)) == 1, "not again of what is still unread"
    notices.mark_read(actor=bob)
    share(alice, study)
    share(alice, study, ("user", "bob", Level.READ))
    assert len(told(bob)) == 2


def test_a_group_is_told_each_member_once_and_everyone_is_not(
    alice: Actor, bob: Actor, mallory: Actor, admin: Actor, study: Node
) -> None:
    group = accounts.create_group(actor=alice, name="Readers")
    for name in ("bob", "mallory"):
        accounts.add_member(actor=alice, group=group, user=User.objects.get(name=name))
    User.objects.filter(name="mallory").update(is_active=False)
    share(alice, study, ("group", "Readers", Level.READ), ("user", "bob", Level.READ))
    services.set_grants(actor=alice, uid=study.uid, inherit=False, everyone="read", grants=[])
    assert told(bob) == [("shared", "Alice Owner", "Lung study")]
    assert list(Notice.objects.values_list("user__name", flat=True)) == ["bob"]


def test_a_new_owner_is_told(alice: Actor, bob: Actor, study: Node) -> None:
    services.set_owners(actor=alice, uid=study.uid, users=[alice.uid, bob.uid])  # type: ignore[list-item]
    assert told(bob) == [("shared", "Alice Owner", "Lung study")]
    assert told(alice) == []


def test_a_share_that_fails_tells_nobody(alice: Actor, bob: Actor, study: Node) -> None:
    with pytest.raises(Exception, match="not known"):
        share(alice, study, ("user", "bob", Level.READ), ("user", "nobody-such", Level.READ))
    assert not Notice.objects.exists()


@pytest.mark.parametrize(("handler", "kind"), [("finish", Kind.DONE), ("fail", Kind.FAILED)])
def test_who_asked_for_a_job_is_told_how_it_ended(
    alice: Actor, bob: Actor, settings: Any, handler: str, kind: Kind
) -> None:
    settings.JOB_KINDS = {f"test.{name}": f"tests.support.jobs.{name}" for name in ("finish", "fail")}
    settings.NOTICED_JOBS = [f"test.{handler}"]
    jobs.enqueue(actor=alice, kind=f"test.{handler}", payload={}, max_attempts=1)
    jobs.enqueue(actor=SYSTEM, kind=f"test.{handler}", payload={}, max_attempts=1)
    cancelled = jobs.enqueue(actor=alice, kind=f"test.{handler}", payload={})
    jobs.cancel(actor=alice, uid=cancelled.uid)
    work()
    assert [one[0] for one in told(alice)] == [kind]
    settings.NOTICED_JOBS = []
    jobs.enqueue(actor=alice, kind=f"test.{handler}", payload={}, max_attempts=1)
    work()
    assert len(told(alice)) == 1, "not of a kind that is no news"
    assert told(bob) == []
    page = browser_of(alice).get("/notices").content.decode()
    assert ("failed" if kind == Kind.FAILED else "is done") in page
    assert "secret detail" not in page


def test_a_worker_that_lost_its_job_tells_nobody(alice: Actor, settings: Any) -> None:
    settings.NOTICED_JOBS = ["test.finish"]
    jobs.enqueue(actor=alice, kind="test.finish", payload={})
    job = leases.take("one", ["test.finish"])
    assert job
    Job.objects.filter(id=job.id).update(fence=job.fence + 1)
    assert not leases.end(job, Job.State.SUCCEEDED)
    assert told(alice) == []


def test_the_bell_counts_until_all_are_read(alice: Actor, bob: Actor, study: Node) -> None:
    client = browser_of(bob)
    assert "Notices, " not in client.get("/").content.decode()
    share(alice, study, ("user", "bob", Level.READ))
    folder = services.create_folder(actor=alice, parent=study.uid, name="In")
    share(alice, folder, ("user", "bob", Level.READ))
    notices.tell(actor=SYSTEM, kind=Kind.DONE, users=[bob.user_id], subject=study.uid, facts={"job": "library.copy"})
    assert queries.unread(actor=bob) == 2
    assert 'aria-label="Notices, 2 unread"' in client.get("/notices/bell").content.decode()
    theirs, first = browser_of(alice), Notice.objects.order_by("id")[0]
    theirs.post("/notices/read", {"id": first.id})
    assert queries.unread(actor=bob) == 2, "nobody reads another's"
    client.post("/notices/read", {"id": first.id})
    assert queries.unread(actor=bob) == 1
    client.post("/notices/read")
    assert queries.unread(actor=bob) == 0


def wish(client: Client, *, page: list[str], by_mail: list[str]) -> None:
    assert client.post("/notices/wishes", {"page": page, "mail": by_mail}).status_code == 302


def test_mails_go_out_in_a_job_to_who_wants_them(
    alice: Actor, bob: Actor, mallory: Actor, study: Node, mails: list[mail.EmailMessage]
) -> None:
    User.objects.filter(name="bob").update(email="bob@example.org")
    User.objects.filter(name="mallory").update(email="mallory@example.org")
    wish(browser_of(mallory), page=["shared"], by_mail=[])
    share(alice, study, ("user", "bob", Level.READ), ("user", "mallory", Level.READ))
    assert not mails
    work()
    work()
    assert [one.to for one in mails] == [["bob@example.org"]]
    assert mails[0].subject == "[The Site] Alice Owner shared “Lung study” with you."
    assert f"https://data.example/nodes/{study.uid}" in mails[0].body
    assert told(mallory) == [("shared", "Alice Owner", "Lung study")]
    wish(browser_of(bob), page=[], by_mail=["shared"])
    other = services.create_collection(actor=alice, name="Other")
    share(alice, other, ("user", "bob", Level.READ))
    share(alice, other)
    work()
    assert len(mails) == 1, "what they may not see any more is not mailed"
    assert len(told(bob)) == 1, "nor shown to who wants it by mail only"
    wish(browser_of(bob), page=[], by_mail=[])
    share(alice, other, ("user", "bob", Level.READ))
    assert Notice.objects.count() == 3


def test_a_mail_server_that_is_away_is_asked_again_and_a_bad_address_stops_nobody(
    alice: Actor,
    bob: Actor,
    mallory: Actor,
    study: Node,
    mails: list[mail.EmailMessage],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from django.core.mail.backends import locmem

    User.objects.filter(name="bob").update(email="bob@example.org")
    User.objects.filter(name="mallory").update(email="mallory@example.org")
    share(alice, study, ("user", "bob", Level.READ), ("user", "mallory", Level.READ))
    send = locmem.EmailBackend.send_messages

    def away(self: object, messages: object) -> int:
        raise ConnectionRefusedError

    def picky(self: Any, messages: list[mail.EmailMessage]) -> int:
        if messages[0].to == ["bob@example.org"]:
            raise smtplib.SMTPRecipientsRefused({})
        return int(send(self, messages))

    monkeypatch.setattr(locmem.EmailBackend, "send_messages", away)
    work()
    assert Job.objects.get(kind="notices.mail").state == Job.State.QUEUED
    assert Notice.objects.filter(mail="due").count() == 2
    monkeypatch.setattr(locmem.EmailBackend, "send_messages", picky)
    Job.objects.update(run_after=now())
    work()
    assert [one.to for one in mails] == [["mallory@example.org"]]
    assert set(Notice.objects.values_list("mail", flat=True)) == {"taken", "refused"}


def test_a_site_without_a_mail_server_asks_for_no_mail(alice: Actor, bob: Actor, study: Node) -> None:
    share(alice, study, ("user", "bob", Level.READ))
    assert not Job.objects.filter(kind="notices.mail").exists()
    assert "this site sends none" in browser_of(bob).get("/notices").content.decode()
    before = queries.wishes(actor=bob)
    wish(browser_of(bob), page=["shared", "done", "failed"], by_mail=[])
    assert queries.wishes(actor=bob) == before


def test_old_notices_are_forgotten(alice: Actor, bob: Actor, study: Node) -> None:
    share(alice, study, ("user", "bob", Level.READ))
    jobs.enqueue(actor=SYSTEM, kind="notices.forget", payload={})
    work()
    assert len(told(bob)) == 1
    Notice.objects.update(at=now() - timedelta(days=91))
    jobs.enqueue(actor=SYSTEM, kind="notices.forget", payload={})
    work()
    assert told(bob) == []
