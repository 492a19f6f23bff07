"""Events: written with what they speak of; reads gathered, merged, bounded, never lost while the process lives."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from tests.support.jobs import database_environment, wait_until

from sinfonietta.accounts.actor import SYSTEM, Actor, Origin
from sinfonietta.audit import queries, services
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Invalid
from sinfonietta.common.time import now

pytestmark = pytest.mark.django_db
WHO = Actor(user_id=7, uid=uuid.uuid4(), name="somebody", principals=(), origin=Origin("api", "r1", "192.0.2.1"))
FILE, STUDY = uuid.uuid4(), uuid.uuid4()


def in_request(request: str) -> Actor:
    return replace(WHO, origin=Origin("api", request, "192.0.2.1"))


def test_an_event_says_who_did_what_to_what_by_which_door() -> None:
    services.record(actor=WHO, action="file.added", target=FILE, collection=STUDY, size_bytes=5)
    event = Event.objects.get()
    assert (event.actor, event.action, event.target, event.collection) == (WHO.uid, "file.added", FILE, STUDY)
    assert (event.door, event.request, event.address, event.detail) == ("api", "r1", "192.0.2.1", {"size_bytes": 5})
    assert timedelta(0) <= now() - event.at < timedelta(minutes=1)


def test_an_event_goes_with_its_transaction() -> None:
    with transaction.atomic():
        services.record(actor=WHO, action="file.added", target=FILE)
        transaction.set_rollback(True)
    assert not Event.objects.exists()


def test_a_read_costs_the_reader_no_query() -> None:
    with CaptureQueriesContext(connection) as seen:
        services.record_read(actor=WHO, action="file.read", target=FILE, collection=STUDY)
    assert len(seen) == 0
    services.flush()
    event = Event.objects.get()
    assert (event.action, event.target, event.collection, event.request, event.detail) == (
        "file.read",
        FILE,
        STUDY,
        "r1",
        {},
    )


def test_the_same_read_in_many_requests_is_one_event_with_a_count() -> None:
    for request in ("r1", "r2", "r3"):
        services.record_read(actor=in_request(request), action="file.read", target=FILE, version=2)
    services.record_read(actor=WHO, action="file.read", target=FILE, version=1)
    services.record_read(actor=WHO, action="file.read", target=STUDY, version=2)
    services.record_read(actor=SYSTEM, action="file.read", target=FILE, version=2)
    services.flush()
    events = Event.objects.filter(actor=WHO.uid).order_by("id")
    assert [(event.target, event.request, event.detail) for event in events] == [
        (FILE, "r1", {"version": 2, "count": 3}),
        (FILE, "r1", {"version": 1}),
        (STUDY, "r1", {"version": 2}),
    ]
    assert Event.objects.count() == 4
    services.flush()
    assert Event.objects.count() == 4


def test_what_cannot_be_written_now_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*arguments: object, **named: object) -> None:
        services.record_read(actor=WHO, action="file.read", target=FILE)  # somebody reads meanwhile
        raise DatabaseError("away")

    services.record_read(actor=WHO, action="file.read", target=FILE)
    with monkeypatch.context() as patched:
        patched.setattr(QuerySet, "bulk_create", away)
        services.flush()
    assert not Event.objects.exists()
    services.flush()
    assert Event.objects.get().detail == {"count": 2}


@pytest.mark.django_db(transaction=True)
def test_reads_are_written_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FLUSH_S", 0.1)
    services.record_read(actor=WHO, action="file.read", target=FILE)
    wait_until(Event.objects.exists, "the read was written")


@pytest.mark.django_db(transaction=True)
def test_a_full_buffer_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_WAITING", 10)
    for _ in range(10):
        services.record_read(actor=WHO, action="file.read", target=uuid.uuid4())
    wait_until(lambda: Event.objects.count() == 10, "the full buffer was written")


@pytest.mark.django_db(transaction=True)
def test_no_read_is_lost_between_threads() -> None:
    def read() -> None:
        for _ in range(200):
            services.record_read(actor=WHO, action="file.read", target=FILE)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        services.flush()
    for thread in threads:
        thread.join()
    services.flush()
    assert sum(event.detail.get("count", 1) for event in Event.objects.all()) == 800


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_writes_what_waits() -> None:
    program = (
        "import django, os, uuid\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'sinfonietta.config.settings'; django.setup()\n"
        "from sinfonietta.audit import services; from sinfonietta.accounts.actor import SYSTEM\n"
        f"services.record_read(actor=SYSTEM, action='file.read', target=uuid.UUID('{FILE}'))\n"
    )
    source = Path(__file__).resolve().parents[3] / "src"
    environment = os.environ | {"PYTHONPATH": str(source)} | database_environment()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    assert Event.objects.get().target == FILE


def test_the_audit_answers_newest_first_with_what_still_waits() -> None:
    services.record(actor=WHO, action="file.added", target=FILE)
    services.record(actor=SYSTEM, action="file.purged", target=FILE)
    services.record_read(actor=WHO, action="file.read", target=FILE)
    assert [event.action for event in queries.events(target=FILE).items] == ["file.read", "file.purged", "file.added"]
    assert [event.action for event in queries.events(by=WHO.uid).items] == ["file.read", "file.added"]
    assert [event.action for event in queries.events(action="file.purged").items] == ["file.purged"]
    assert queries.events(since=now() + timedelta(seconds=1)).items == []
    assert queries.events(target=STUDY).items == []


def test_pages_of_events_hold_each_once() -> None:
    for _ in range(5):
        services.record(actor=WHO, action="file.added", target=FILE)
    seen: list[Event] = []
    cursor = None
    for _ in range(3):
        page = queries.events(cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next
    assert (seen, cursor) == (list(Event.objects.order_by("-id")), None)
    with pytest.raises(Invalid):
        queries.events(cursor="nonsense")
