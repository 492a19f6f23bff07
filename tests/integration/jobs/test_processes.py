"""Real workers that are killed, stopped and thought dead."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from tests.support.jobs import end, wait_until, workers

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import FailedAttempts
from sinfonietta.common.time import now
from sinfonietta.jobs import leases, runner, services
from sinfonietta.jobs.models import Job

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def asked(kind: str, folder: Path, **more: int) -> Job:
    return services.enqueue(actor=SYSTEM, kind=f"test.{kind}", payload={"folder": str(folder)}, **more)


def has_ended(job: Job) -> bool:
    job.refresh_from_db()
    return job.finished is not None


def lease_runs_out(job: Job) -> None:
    """What time does, without waiting for it."""
    Job.objects.filter(id=job.id).update(lease_until=now() - timedelta(seconds=1))


def test_a_job_whose_worker_is_killed_is_taken_up_again(tmp_path: Path) -> None:
    job = asked("wait", tmp_path)
    with workers(1) as [first]:
        wait_until((tmp_path / f"began-{first.pid}").exists, "the first attempt")
        assert end(first, signal.SIGKILL) == -signal.SIGKILL
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("running", 1)
    assert job.lease_until is not None
    assert job.lease_until <= now() + timedelta(seconds=30)  # the longest that anybody waits for a dead worker
    lease_runs_out(job)
    (tmp_path / "go").touch()
    with workers(1) as [second]:
        wait_until(lambda: has_ended(job), "the second attempt ended")
    assert (job.state, job.attempts, job.fence) == ("succeeded", 2, 2)
    assert job.result == {"pid": second.pid}


def test_a_job_that_kills_every_worker_fails(tmp_path: Path) -> None:
    job = asked("wait", tmp_path, max_attempts=2)
    for _ in range(2):
        with workers(1) as [worker]:
            wait_until((tmp_path / f"began-{worker.pid}").exists, "an attempt")
            end(worker, signal.SIGKILL)
        lease_runs_out(job)
    runner.run_worker(threading.Event(), once=True)
    job.refresh_from_db()
    assert (job.state, job.result) == ("failed", None)
    assert "2 times" in job.detail


def test_a_worker_that_was_thought_dead_can_write_nothing(tmp_path: Path) -> None:
    job = asked("hold", tmp_path)
    with workers(1) as [late]:
        wait_until((tmp_path / f"began-{late.pid}").exists, "the first attempt")
        os.kill(late.pid, signal.SIGSTOP)
        lease_runs_out(job)
        (tmp_path / "go").touch()
        runner.run_worker(threading.Event(), once=True)
        wait_until(lambda: has_ended(job), "the second attempt ended")
        ended = job.finished
        os.kill(late.pid, signal.SIGCONT)
        wait_until((tmp_path / f"refused-{late.pid}").exists, "the late writer was refused")
        assert end(late) == 0
    job.refresh_from_db()
    assert (job.state, job.result, job.finished, job.fence) == ("succeeded", {"pid": os.getpid()}, ended, 2)
    assert list(FailedAttempts.objects.values_list("name", flat=True)) == [f"written by {os.getpid()}"]


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_asked_to_stop_gives_its_job_back(tmp_path: Path, signal_number: signal.Signals) -> None:
    job = asked("wait", tmp_path)
    with workers(1) as [worker]:
        wait_until((tmp_path / f"began-{worker.pid}").exists, "the attempt")
        assert end(worker, signal_number) == 0
    job.refresh_from_db()
    assert (job.state, job.attempts, job.lease_until) == ("queued", 0, None)
    (tmp_path / "go").touch()
    runner.run_worker(threading.Event(), once=True)
    assert has_ended(job)


def test_a_running_job_is_cancelled_from_another_process(tmp_path: Path, make_actor: Callable[..., Actor]) -> None:
    alice = make_actor("alice")
    job = services.enqueue(actor=alice, kind="test.wait", payload={"folder": str(tmp_path)})
    with workers(1) as [worker]:
        wait_until((tmp_path / f"began-{worker.pid}").exists, "the attempt")
        assert services.cancel(actor=alice, uid=job.uid).state == "running"
        wait_until(lambda: has_ended(job), "the job ended")
        assert end(worker) == 0
    assert job.state == "cancelled"


def test_the_heartbeat_holds_a_lease_for_a_handler_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "LEASE_S", 0.2)
    job = asked("hold", tmp_path)

    def work() -> None:
        runner.run_worker(threading.Event(), once=True)
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: Job.objects.get().lease_until, "the lease")
    leased = Job.objects.get().lease_until
    assert leased is not None
    wait_until(lambda: now() > leased + timedelta(seconds=0.4), "the first lease would be over")
    wait_until(lambda: Job.objects.get().lease_until > leased + timedelta(seconds=0.4), "it was renewed")  # type: ignore[operator]
    (tmp_path / "go").touch()
    thread.join()
    job.refresh_from_db()
    assert (job.state, job.attempts) == ("succeeded", 1)


def test_several_workers_run_every_job_once(tmp_path: Path) -> None:
    for _ in range(3):
        asked("wait", tmp_path)
    with workers(3) as processes:
        for process in processes:  # all are at work before there is anything to compete for
            wait_until((tmp_path / f"began-{process.pid}").exists, "every worker has a job")
        jobs = [asked("count", tmp_path) for _ in range(40)]
        (tmp_path / "go").touch()
        wait_until(lambda: not Job.objects.exclude(state="succeeded").exists(), "all jobs ended")
        assert [end(process) for process in processes] == [0, 0, 0]
    assert not (tmp_path / "overlap").exists()
    assert len(list(tmp_path.glob("ran-*"))) == len(jobs)
    assert set(Job.objects.values_list("attempts", "fence")) == {(1, 1)}
