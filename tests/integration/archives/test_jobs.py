"""Unpacking as durable work: killed, cancelled, its rights withdrawn, its password kept from everybody."""

from __future__ import annotations

import gzip
import os
import signal
import tarfile
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from tests.support.archives import below, ended, put, work, zipped
from tests.support.jobs import end, wait_until, workers
from tests.support.objects import file

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import index, queries, reading, services, tasks, unpacking
from sinfonietta.archives.errors import Unreadable
from sinfonietta.archives.models import Unpacking
from sinfonietta.archives.secrets import sealed, unsealed
from sinfonietta.audit.models import Event
from sinfonietta.blobs import store
from sinfonietta.common.time import now
from sinfonietta.dicom.queries import identities
from sinfonietta.jobs import leases, runner
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.errors import Cancelled
from sinfonietta.jobs.models import Job
from sinfonietta.library import services as library
from sinfonietta.library.models import Level, Node, Version

FILES = {f"folder {number % 7}/{number:04}.txt": f"content {number}".encode() for number in range(60)}


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "BATCH_FILES", 10)


def after_batches(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], None]) -> None:
    """Do something when so many batches are filed and remembered."""
    remember, seen = tasks._Ways.remember, []

    def remembered(self: Any, done: int, report: Any) -> None:
        remember(self, done, report)
        seen.append(done)
        if len(seen) == number:
            act()

    monkeypatch.setattr(tasks._Ways, "remember", remembered)


@pytest.mark.django_db
def test_dicom_is_indexed_on_the_way(alice: Actor, place: UUID) -> None:
    archive = put(alice, place, "ct.zip", zipped({"series/1.dcm": file("CT/ct_009"), "series/notes.txt": b"notes"}))
    job = ended(services.unpack(actor=alice, uid=archive))
    assert job.result["files"] == 2
    filed = Node.objects.get(name="1.dcm")
    assert identities([filed.id])[filed.id]["modality"] == "CT"
    actions = set(Event.objects.values_list("action", flat=True))
    assert {"job.asked", "archive.unpacked", "file.added"} <= actions


@pytest.mark.django_db
@pytest.mark.usefixtures("_small_batches")
def test_it_goes_on_behind_what_is_done(alice: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that dies: nothing twice, no second version, nothing missing."""
    archive = put(alice, place, "a.zip", zipped(FILES | {"folder 0/0000.txt": b"content 0"}))
    before = set(store.default().staged())  # what other tests have begun
    job = services.unpack(actor=alice, uid=archive)

    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        after_batches(patch, 3, die)
        taken = leases.take("one", ["archives.unpack"])
        assert taken
        with pytest.raises(SystemExit):
            runner.run_one(taken, threading.Event())
    state = Unpacking.objects.get(job=job.uid)
    assert (state.done, state.report["files"]) == (30, 30)
    Job.objects.filter(id=job.id).update(lease_until=now() - timedelta(seconds=1))
    assert ended(job).state == Job.State.SUCCEEDED
    assert job.attempts == 2
    assert below(alice, UUID(job.result["node"])) == FILES
    assert (job.result["files"], job.result["unchanged"]) == (60, 0)
    assert Version.objects.exclude(node__name="a.zip").count() == 60
    assert set(store.default().staged()) <= before


@pytest.mark.django_db
@pytest.mark.usefixtures("_small_batches")
def test_a_batch_that_was_filed_and_not_remembered(alice: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = put(alice, place, "a.zip", zipped(FILES))
    job = services.unpack(actor=alice, uid=archive)
    remember = tasks._Ways.remember

    def forgetful(self: Any, done: int, report: Any) -> None:
        if done == 20:
            raise SystemExit
        remember(self, done, report)

    with monkeypatch.context() as patch:
        patch.setattr(tasks._Ways, "remember", forgetful)
        taken = leases.take("one", ["archives.unpack"])
        assert taken
        with pytest.raises(SystemExit):
            runner.run_one(taken, threading.Event())
    Job.objects.filter(id=job.id).update(lease_until=now() - timedelta(seconds=1))
    assert ended(job).state == Job.State.SUCCEEDED
    assert below(alice, UUID(job.result["node"])) == FILES
    assert (job.result["files"], job.result["unchanged"]) == (60, 10)
    assert Version.objects.exclude(node__name="a.zip").count() == 60


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_a_worker_that_is_killed(alice: Actor, place: UUID) -> None:
    files = {f"{number // 100}/{number:05}.txt": f"content {number}".encode() for number in range(2500)}
    job = services.unpack(actor=alice, uid=put(alice, place, "a.zip", zipped(files)))
    with workers(1) as [first]:
        wait_until(lambda: Unpacking.objects.filter(job=job.uid, done__gt=0).exists(), "a batch is filed")
        assert end(first, signal.SIGKILL) == -signal.SIGKILL
    Job.objects.filter(id=job.id).update(lease_until=now() - timedelta(seconds=1))
    with workers(1):
        wait_until(lambda: Job.objects.get(id=job.id).finished, "the second attempt ended")
    job.refresh_from_db()
    assert (job.state, job.detail) == ("succeeded", "")
    assert below(alice, UUID(job.result["node"])) == files
    assert Version.objects.exclude(node__name="a.zip").count() == len(files)
    for key, _ in list(store.default().staged()):  # of the killed one; ``ingest.expire`` would
        store.default().discard(key)


@pytest.mark.django_db
@pytest.mark.usefixtures("_small_batches")
def test_cancel(alice: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(store.default().staged())
    job = services.unpack(actor=alice, uid=put(alice, place, "a.zip", zipped(FILES)), password="x")
    after_batches(monkeypatch, 2, lambda: jobs.cancel(actor=alice, uid=job.uid) and None)
    assert ended(job).state == Job.State.CANCELLED
    assert len(below(alice, place)) in (1 + 20, 1 + 30)  # whole batches: it is asked at most twice a second
    assert not Unpacking.objects.exists()
    assert set(store.default().staged()) <= before


@pytest.mark.django_db
@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("what", ["target", "archive"])
def test_a_right_that_is_withdrawn_ends_it(
    alice: Actor, bob: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    theirs = library.create_folder(actor=alice, parent=place, name="theirs").uid
    source = library.create_folder(actor=alice, parent=place, name="source").uid
    for uid, level in ((theirs, Level.WRITE), (source, Level.READ)):
        library.set_grants(actor=alice, uid=uid, inherit=False, grants=[("user", "bob", level)])
    job = services.unpack(actor=bob, uid=put(alice, source, "a.zip", zipped(FILES)), parent=theirs)
    lost, grants = (theirs, [("user", "bob", Level.READ)]) if what == "target" else (source, [])
    after_batches(monkeypatch, 2, lambda: library.set_grants(actor=alice, uid=lost, inherit=False, grants=grants))
    assert ended(job).state == Job.State.FAILED
    assert len(below(alice, theirs)) == 20
    assert "may read" in job.detail if what == "target" else "not yours to see" in job.detail


@pytest.mark.django_db
def test_who_may_not_write_there(alice: Actor, bob: Actor, mallory: Actor, place: UUID) -> None:
    from sinfonietta.common.errors import Forbidden, NotFound

    library.set_grants(actor=alice, uid=place, inherit=False, grants=[("user", "bob", Level.READ)])
    archive = put(alice, place, "a.zip", zipped(FILES))
    for parent in (None, place):
        with pytest.raises(Forbidden):
            services.unpack(actor=bob, uid=archive, parent=parent)
        with pytest.raises(NotFound):
            services.unpack(actor=mallory, uid=archive, parent=parent)
    from sinfonietta.library import queries as reads

    home = reads.home(actor=bob)
    assert home
    assert ended(services.unpack(actor=bob, uid=archive, parent=home)).state == Job.State.SUCCEEDED
    assert below(bob, home) == FILES


@pytest.mark.django_db
def test_a_quota_that_is_used_up_ends_it(alice: Actor, admin: Actor, place: UUID) -> None:
    archive = put(alice, place, "a.zip", zipped({"1.bin": os.urandom(5000), "2.bin": os.urandom(5000)}))
    collection = Node.objects.get(uid=place).parent
    assert collection
    library.set_grants(actor=alice, uid=collection.uid, inherit=False, grants=[("user", "admin", Level.MANAGE)])
    library.update_collection(actor=admin, uid=collection.uid, quota_bytes=12_000)
    job = ended(services.unpack(actor=alice, uid=archive))
    assert (job.state, "quota" in job.detail) == ("failed", True)


@pytest.mark.django_db
def test_the_password_is_nowhere_in_the_clear(alice: Actor, place: UUID) -> None:
    job = services.unpack(actor=alice, uid=put(alice, place, "a.zip", zipped(FILES)), password="tell-nobody")
    secret = bytes(Unpacking.objects.get(job=job.uid).secret)
    assert unsealed(secret, job.uid) == "tell-nobody"
    with pytest.raises(ValueError, match="MAC"):
        unsealed(secret, UUID(int=1))
    assert sealed("tell-nobody", job.uid) != sealed("tell-nobody", job.uid)
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            assert "tell-nobody" not in repr(
                [[bytes(v) if isinstance(v, memoryview) else v for v in row] for row in cursor]
            )
    jobs.cancel(actor=alice, uid=job.uid)
    tasks.forget(runner.JobContext(job, alice, threading.Event()))
    assert not Unpacking.objects.exists()


@pytest.mark.django_db
def test_a_large_compressed_tar_is_read_by_a_job(
    alice: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    from tests.support.archives import packed, tree

    monkeypatch.setattr(queries, "AT_ONCE_BYTES", 10)
    packed(tree(tmp_path / "files", FILES), "tar", "czf", "../a.tgz", ".")
    uid = put(alice, place, "a.tgz", (tmp_path / "a.tgz").read_bytes())
    first, second = (queries.look(actor=alice, uid=uid).job for _ in range(2))
    assert first
    assert first == second
    assert ended(first).result == {"entries": len(FILES) + 8}
    looked = queries.look(actor=alice, uid=uid)
    assert looked.job is None
    assert len(queries.entries(actor=alice, looked=looked, prefix="folder 3/").items) == 9 + 1


@pytest.mark.django_db
def test_what_takes_long_to_read_becomes_a_job(alice: Actor, place: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes that are gigabytes of nothing: a request does not wait for them, a person may give up on them."""
    zeros, after = tarfile.TarInfo("zeros.bin"), tarfile.TarInfo("after.txt").tobuf() + bytes(1024)
    zeros.size = 40 << 24
    content = gzip.compress(zeros.tobuf()) + gzip.compress(bytes(1 << 24)) * 40 + gzip.compress(after)
    uid = put(alice, place, "a.tar.gz", content)
    monkeypatch.setattr(queries, "PATIENCE_S", 0.0)
    monkeypatch.setattr(reading, "FAR_S", 0.0)
    job = queries.look(actor=alice, uid=uid).job
    assert job
    assert queries.look(actor=alice, uid=uid).job == job
    with monkeypatch.context() as patch:
        patch.setattr(runner.JobContext, "progress", lambda *_: (_ for _ in ()).throw(Cancelled))
        assert ended(job).state == Job.State.CANCELLED
    assert not [path for path in index.folder().iterdir() if path.suffix == ".new"]
    index.build(queries.library.version(actor=alice, uid=uid).blob.sha256, stored(alice, uid))
    with pytest.raises(Unreadable, match="too far"):
        queries.content(actor=alice, looked=queries.look(actor=alice, uid=uid), name="after.txt")


def stored(actor: Actor, uid: UUID) -> Any:
    return queries.local(queries.library.version(actor=actor, uid=uid).blob)


@pytest.mark.django_db
def test_indexes_are_forgotten(alice: Actor, place: UUID) -> None:
    kept, old = (put(alice, place, name, zipped({name: b"x"})) for name in ("kept.zip", "old.zip"))
    hashes = [queries.look(actor=alice, uid=uid).version.blob.sha256 for uid in (kept, old)]
    os.utime(index.path_of(hashes[1]), (0, 0))
    index.path_of("f" * 64).touch()  # of an archive that nobody has any more
    job = jobs.enqueue(actor=alice, kind="archives.forget", payload={})
    work()
    job.refresh_from_db()
    assert job.result["indexes"] >= 2
    assert [index.exists(sha256) for sha256 in (*hashes, "f" * 64)] == [True, False, False]
