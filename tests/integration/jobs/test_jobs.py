"""Jobs in one process: asking, running, failing, cancelling, schedules, who sees what."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts import services as account_services
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.accounts.models import FailedAttempts, User
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound
from sinfonietta.common.paging import encode_cursor
from sinfonietta.common.time import now
from sinfonietta.jobs import leases, queries, runner, services
from sinfonietta.jobs.errors import Cancelled, LostLease, Stopping
from sinfonietta.jobs.models import Job, Schedule
from sinfonietta.jobs.runner import JobContext
from sinfonietta.jobs.tasks import forget

pytestmark = pytest.mark.django_db


def ask(actor: Actor = SYSTEM, kind: str = "test.finish", **more: Any) -> Job:
    return services.enqueue(actor=actor, kind=kind, payload={}, **more)


def run(job: Job) -> Job:
    """What a worker does with the next job, here and now (without a heartbeat: this transaction is not for others)."""
    taken = leases.take("here", [job.kind])
    assert taken == job
    runner._run(taken, threading.Event())
    job.refresh_from_db()
    return job


def taken(job: Job) -> JobContext:
    """The job as its handler sees it."""
    leased = leases.take("here", [job.kind])
    assert leased == job
    return JobContext(leased, SYSTEM, threading.Event())


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[JobContext], object]], None]:
    """Makes ``test.finish`` do something else."""
    return lambda does: monkeypatch.setattr("tests.support.jobs.finish", does)


def test_a_job_is_there_if_and_only_if_its_transaction_commits() -> None:
    with transaction.atomic():
        ask()
        transaction.set_rollback(True)
    assert not Job.objects.exists()


def test_a_job_succeeds_with_its_result() -> None:
    job = run(ask())
    assert (job.state, job.result, job.progress, job.attempts, job.lease_until) == (
        "succeeded",
        {"answer": 42},
        1.0,
        1,
        None,
    )
    assert job.started is not None
    assert job.finished is not None
    assert leases.take("here", ["test.finish"]) is None


def test_the_oldest_that_is_due_comes_first_and_the_rest_waits() -> None:
    later = ask(run_after=now() + timedelta(hours=1))
    second, first = ask(), ask(run_after=now() - timedelta(hours=1))
    assert [leases.take("here", ["test.finish"]) for _ in range(3)] == [first, second, None]
    later.refresh_from_db()
    assert later.state == "queued"


def test_a_worker_leaves_kinds_that_it_does_not_know() -> None:
    ask(kind="other.kind")
    assert leases.take("here", ["test.finish"]) is None


def test_a_failing_job_is_tried_again_later_and_then_fails_without_inner_details() -> None:
    job = ask(kind="test.fail", max_attempts=3)
    waits = []
    for attempt in (1, 2):
        before = now()
        run(job)
        assert (job.state, job.attempts) == ("queued", attempt)
        waits.append((job.run_after - before).total_seconds())
        Job.objects.update(run_after=now())
    assert waits == pytest.approx([5, 10], abs=1.5)
    run(job)
    assert (job.state, job.attempts) == ("failed", 3)
    assert "ZeroDivisionError" in job.detail
    assert "secret" not in job.detail


def test_a_problem_of_the_house_fails_at_once_with_its_sentence(handler: Any) -> None:
    def refuse(context: JobContext) -> None:
        raise Conflict("The name is taken.")

    handler(refuse)
    job = run(ask())
    assert (job.state, job.detail, job.attempts) == ("failed", "The name is taken.", 1)


@pytest.mark.django_db(transaction=True)
def test_a_result_that_is_no_json_fails_the_job_and_not_the_worker(handler: Any) -> None:
    handler(lambda context: object())
    job = run(ask(max_attempts=1))
    assert (job.state, job.result) == ("failed", None)


def test_the_handler_acts_with_the_rights_of_now_under_the_scope_of_then(
    make_actor: Callable[..., Actor], handler: Any
) -> None:
    alice = make_actor("alice", is_admin=True)
    user = User.objects.get(pk=alice.user_id)
    reading = accounts.actor_for_user(user, Origin(door="api"), scope=Scope.READ)
    seen: list[Actor] = []
    handler(lambda context: seen.append(context.actor))
    job = ask(alice)
    group = account_services.create_group(actor=alice, name="Later")
    run(job)
    assert (seen[0].uid, seen[0].is_admin, seen[0].origin.door) == (alice.uid, True, "worker")
    assert group.pk in seen[0].principals
    run(ask(reading))
    assert (seen[1].scope, seen[1].is_admin) == (Scope.READ, False)


def test_work_of_an_account_that_was_closed_fails(make_actor: Callable[..., Actor]) -> None:
    alice = make_actor("alice")
    job = ask(alice)
    account_services.set_active(actor=SYSTEM, user=User.objects.get(pk=alice.user_id), active=False)
    assert run(job).state == "failed"


def test_an_old_fence_writes_nothing() -> None:
    job = ask()
    late = taken(job)
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    current = taken(job)
    assert (late.job.fence, current.job.fence) == (1, 2)
    assert not leases.renew(late.job)
    assert not leases.end(late.job, Job.State.FAILED)
    assert not leases.put_back(late.job, "", after_s=0)
    for write in (late.check, lambda: late.progress(1.0), lambda: late.transaction().__enter__()):
        with pytest.raises(LostLease):
            write()
    job.refresh_from_db()
    assert (job.state, job.fence, job.progress) == ("running", 2, 0.0)
    assert leases.renew(current.job)
    assert leases.end(current.job, Job.State.SUCCEEDED)
    assert not leases.end(current.job, Job.State.FAILED)


def test_a_fenced_transaction_is_all_or_nothing() -> None:
    context = taken(ask())
    with context.transaction():
        FailedAttempts.objects.create(name="x", last=now())
        transaction.set_rollback(True)
    assert not FailedAttempts.objects.exists()
    with context.transaction():
        FailedAttempts.objects.create(name="x", last=now())
    assert FailedAttempts.objects.exists()


def test_progress_is_written_now_and_then_and_at_the_end() -> None:
    context = taken(ask())
    with CaptureQueriesContext(connection) as seen:
        for step in range(1000):
            context.progress(step / 1000, f"step {step}")
    assert len(seen) < 100
    context.progress(1.0, "done")
    assert Job.objects.values_list("progress", "detail").get() == (1.0, "done")


@pytest.mark.parametrize(("said", "kept"), [(-1.0, 0.0), (7.0, 1.0)])
def test_progress_stays_between_none_and_all(said: float, kept: float) -> None:
    taken(ask()).progress(said)
    assert Job.objects.get().progress == kept


def test_a_stopping_worker_and_a_cancelled_job_interrupt_the_handler() -> None:
    context = taken(ask())
    context.check()
    context._stop.set()
    with pytest.raises(Stopping):
        context.check()
    context._stop.clear()
    services.cancel(actor=SYSTEM, uid=context.job.uid)
    with pytest.raises(Cancelled):
        context.check()


def test_a_waiting_job_is_cancelled_at_once_and_an_ended_one_stays(make_actor: Callable[..., Actor]) -> None:
    alice = make_actor("alice")
    job = ask(alice)
    assert services.cancel(actor=alice, uid=job.uid).state == "cancelled"
    assert leases.take("here", ["test.finish"]) is None
    done = run(ask(alice))
    assert services.cancel(actor=alice, uid=done.uid).state == "succeeded"
    assert Event.objects.filter(action="job.cancelled").count() == 1


def test_a_cancelled_job_of_a_dead_worker_ends_without_running(handler: Any) -> None:
    handler(lambda context: pytest.fail("it ran"))
    context = taken(ask())
    services.cancel(actor=SYSTEM, uid=context.job.uid)
    Job.objects.update(lease_until=now() - timedelta(seconds=1))
    again = leases.take("another", ["test.finish"])
    assert again is not None
    runner.run_one(again, threading.Event())
    assert Job.objects.get().state == "cancelled"


def test_others_jobs_are_not_there(
    make_actor: Callable[..., Actor], alice: Actor, mallory: Actor, admin: Actor
) -> None:
    job = ask(alice)
    for attempt in (queries.job, services.cancel):
        with pytest.raises(NotFound):
            attempt(actor=mallory, uid=job.uid)
        with pytest.raises(NotFound):
            attempt(actor=alice, uid=uuid.uuid4())
    assert queries.jobs(actor=mallory, own=False).items == []
    assert queries.job(actor=admin, uid=job.uid) == job
    assert queries.jobs(actor=admin, own=False).items == [job]
    assert queries.jobs(actor=admin).items == []
    job.refresh_from_db()
    assert job.state == "queued"


def test_a_token_that_may_read_cancels_nothing(alice: Actor) -> None:
    job = ask(alice)
    reading = accounts.actor_for_user(User.objects.get(pk=alice.user_id), Origin(), scope=Scope.READ)
    with pytest.raises(Forbidden):
        services.cancel(actor=reading, uid=job.uid)


def test_pages_of_jobs_hold_each_once(alice: Actor) -> None:
    asked = [ask(alice) for _ in range(5)]
    seen: list[Job] = []
    cursor = None
    for _ in range(3):
        page = queries.jobs(actor=alice, cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next
    assert (seen, cursor) == (asked[::-1], None)
    assert queries.jobs(actor=alice, cursor=encode_cursor(10**30), limit=10).items == asked[::-1]
    for cursor in ("nonsense", encode_cursor("text"), encode_cursor(None), encode_cursor(1, 2)):
        with pytest.raises(Invalid):
            queries.jobs(actor=alice, cursor=cursor)


def test_a_schedule_comes_again_and_never_twice_at_a_time(settings: Any) -> None:
    settings.SCHEDULES = {"tidy": ("test.finish", 3600)}
    runner._sync_schedules()
    runner._enqueue_due()
    runner._enqueue_due()
    job = Job.objects.get()
    assert (job.kind, job.owner) == ("test.finish", None)
    assert timedelta(minutes=59) < Schedule.objects.get().next_run - now() <= timedelta(hours=1)
    Schedule.objects.update(next_run=now())
    runner._enqueue_due()  # due again, but the first still waits
    assert Job.objects.count() == 1
    run(job)
    Schedule.objects.update(next_run=now())
    runner._enqueue_due()
    assert Job.objects.count() == 2


def test_schedules_follow_the_settings(settings: Any) -> None:
    settings.SCHEDULES = {"tidy": ("test.finish", 3600), "old": ("test.fail", 60)}
    runner._sync_schedules()
    Schedule.objects.update(next_run=now() + timedelta(days=1))
    settings.SCHEDULES = {"tidy": ("test.finish", 60)}
    runner._sync_schedules()
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.every_s) == ("tidy", 60)
    assert schedule.next_run <= now()


@pytest.mark.django_db(transaction=True)
def test_of_several_workers_one_asks_for_a_due_job(settings: Any) -> None:
    settings.SCHEDULES = {"tidy": ("test.finish", 3600)}
    runner._sync_schedules()
    together = threading.Barrier(4)

    def look() -> None:
        try:
            together.wait()
            runner._enqueue_due()
        finally:
            connection.close()

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Job.objects.count() == 1


def test_every_kind_has_a_handler_and_every_schedule_a_kind() -> None:
    from django.utils.module_loading import import_string

    from sinfonietta.config import rooms

    assert all(callable(import_string(path)) for path in rooms.JOB_KINDS.values())
    assert {kind for kind, _ in rooms.SCHEDULES.values()} <= set(rooms.JOB_KINDS)


def test_old_jobs_are_forgotten_and_open_ones_are_not(alice: Actor) -> None:
    old = now() - timedelta(days=31)
    waiting, done, new, system = ask(alice), run(ask(alice, run_after=old)), ask(alice), ask()
    Job.objects.filter(id__in=[waiting.id, done.id]).update(finished=old)
    Job.objects.filter(id=system.id).update(state="succeeded", finished=now() - timedelta(days=3))
    Job.objects.filter(id=new.id).update(state="failed", finished=now() - timedelta(days=3))
    assert forget(taken(waiting)) == {"jobs": 2}
    assert set(Job.objects.all()) == {waiting, new}
