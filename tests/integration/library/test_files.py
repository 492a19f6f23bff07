"""Versions, preconditions, quota, metadata, and the background work on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from tests.integration.library.things import blob, file

from sinfonietta.accounts.actor import SYSTEM, Actor, Scope
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, OutOfStorage, PreconditionFailed
from sinfonietta.common.time import now
from sinfonietta.jobs import leases
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.errors import Cancelled
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one
from sinfonietta.library import queries, services
from sinfonietta.library.models import Acl, Change, Level, Metadata, Node, Trash, Version
from sinfonietta.library.services import copying, deletion

pytestmark = pytest.mark.django_db


def used(actor: Actor, collection: Node) -> int:
    return queries.node(actor=actor, uid=collection.uid).used_bytes


def work() -> None:
    """Do all jobs that wait, as a worker does."""
    while job := leases.take("test", list(settings.JOB_KINDS)):
        run_one(job, threading.Event())


def retain() -> None:
    """What the schedule does every hour."""
    jobs.enqueue(actor=SYSTEM, kind="library.purge", payload={})
    work()
    assert set(Job.objects.filter(kind="library.purge").values_list("state", flat=True)) == {Job.State.SUCCEEDED}


# -- filing


def test_conditions_are_about_the_current_content(alice: Actor, folder: Node) -> None:
    first = file(alice, folder.uid, "a.txt", b"one", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        file(alice, folder.uid, "a.txt", b"two", if_none_match=True)
    with pytest.raises(PreconditionFailed):
        file(alice, folder.uid, "a.txt", b"two", if_match=blob(b"other").sha256)
    with pytest.raises(PreconditionFailed):
        file(alice, folder.uid, "absent.txt", b"two", if_match="*")
    second = file(alice, folder.uid, "a.txt", b"two", if_match=blob(b"one").sha256)
    assert (first.node.uid, first.version.number) == (second.node.uid, 1)
    assert (second.version.number, second.created) == (2, True)
    assert file(alice, folder.uid, "a.txt", b"three", if_match="*").version.number == 3


def test_a_name_in_either_normal_form_is_one_file(alice: Actor, folder: Node) -> None:
    first = file(alice, folder.uid, "Ba\u0308r.txt", b"one")
    assert file(alice, folder.uid, "B\u00e4r.txt", b"two").node.uid == first.node.uid


def test_a_container_s_name_is_not_a_file_s(alice: Actor, study: Node, folder: Node) -> None:
    with pytest.raises(Conflict):
        file(alice, study.uid, folder.name)
    inner = file(alice, folder.uid, "a.txt").node
    with pytest.raises(Invalid):
        file(alice, inner.uid, "below a file")
    fileset = services.create_fileset(actor=alice, parent=folder.uid, name="set")
    with pytest.raises(Invalid):
        services.create_folder(actor=alice, parent=fileset.uid, name="folder in a fileset")


def test_all_versions_and_the_trash_count_until_they_are_purged(alice: Actor, study: Node, folder: Node) -> None:
    services.update_collection(actor=SYSTEM, uid=study.uid, quota_bytes=10)
    made = file(alice, folder.uid, "a.txt", b"12345").node
    file(alice, folder.uid, "a.txt", b"6789")
    assert used(alice, study) == 9
    with pytest.raises(OutOfStorage):
        file(alice, folder.uid, "b.txt", b"12")
    with pytest.raises(OutOfStorage):
        services.restore_version(actor=alice, uid=made.uid, number=1)
    with pytest.raises(OutOfStorage):
        services.copy(actor=alice, uid=made.uid, parent=study.uid)
    services.trash(actor=alice, uid=made.uid)
    assert used(alice, study) == 9
    services.purge(actor=alice, uid=made.uid)
    assert used(alice, study) == 0


def test_a_move_into_a_full_collection_moves_nothing(alice: Actor, study: Node, folder: Node) -> None:
    file(alice, folder.uid, "a.txt", b"12345")
    other = services.create_collection(actor=alice, name="Small")
    services.update_collection(actor=SYSTEM, uid=other.uid, quota_bytes=4)
    with pytest.raises(OutOfStorage):
        services.move(actor=alice, uid=folder.uid, parent=other.uid)
    assert (used(alice, study), used(alice, other)) == (5, 0)
    assert queries.node(actor=alice, uid=folder.uid).path == "/Study/Hospital A"


def test_quarantined_bytes_are_for_who_manages(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    held = file(bob, folder.uid, "held.txt", b"x", state="quarantined").node
    with pytest.raises(Forbidden):
        queries.version(actor=bob, uid=held.uid)
    assert queries.version(actor=alice, uid=held.uid).number == 1
    with pytest.raises(Forbidden):
        services.copy(actor=bob, uid=held.uid, parent=folder.uid)
    with pytest.raises(Forbidden):
        services.set_state(actor=bob, version=Version.objects.get(node=held), state="ready")


# -- metadata


@pytest.mark.parametrize(
    "value",
    [10**400, -(10**400), float("inf"), float("nan"), "x" * 10_001, "a\0b", "\ud800", {"a": 1}, [[1]], [None],
     ["ok", "\ud800"], list(range(1001)), object()],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_values_that_cannot_be_kept_are_refused(alice: Actor, study: Node, value: Any) -> None:
    with pytest.raises(Invalid):
        services.set_metadata(actor=alice, uid=study.uid, changes={"key": value})
    assert queries.metadata(actor=alice, uid=study.uid) == {}


@pytest.mark.parametrize("key", ["", " ", "x" * 101, "a\nb", "a\0", "\ud800"])
def test_keys_that_cannot_be_kept_are_refused(alice: Actor, study: Node, key: str) -> None:
    with pytest.raises(Invalid):
        services.set_metadata(actor=alice, uid=study.uid, changes={key: 1})


def test_values_come_back_as_they_were(alice: Actor, study: Node) -> None:
    kept = {"t": "ä" * 10_000, "n": 1.5, "i": 2**60, "b": True, "d": "2026-11-24", "l": [1, "a", False], "empty": []}
    services.set_metadata(actor=alice, uid=study.uid, changes=kept)
    assert queries.metadata(actor=alice, uid=study.uid) == kept
    with pytest.raises(Invalid):
        services.set_metadata(actor=alice, uid=study.uid, changes={f"k{number}": 1 for number in range(500)})
    assert queries.metadata(actor=alice, uid=study.uid) == kept


# -- copies


def test_a_copy_brings_metadata_and_only_what_is_seen(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    hidden = services.create_folder(actor=alice, parent=folder.uid, name="hidden")
    below = services.create_folder(actor=alice, parent=hidden.uid, name="seen by bob")
    file(alice, below.uid, "deep.txt", b"12345")
    shown = file(alice, folder.uid, "a.txt", b"123").node
    services.set_metadata(actor=alice, uid=shown.uid, changes={"k": 1})
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    services.set_grants(actor=alice, uid=hidden.uid, inherit=False)
    services.set_grants(actor=alice, uid=below.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    mine = services.create_collection(actor=bob, name="Bob's")
    copied = services.copy(actor=bob, uid=folder.uid, parent=mine.uid).node
    assert copied is not None
    assert [row.path for row in queries.manifest(actor=bob, uid=copied.uid)] == ["a.txt"]
    assert used(bob, mine) == 3
    twin = queries.node_at(actor=bob, path="/Bob's/Hospital A/a.txt")
    assert queries.metadata(actor=bob, uid=twin.uid) == {"k": 1}
    assert (twin.size_bytes, twin.media_type, twin.version) == (3, "text/plain", 1)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large begins at three nodes, and a batch is two."""
    for module in (copying, deletion):
        monkeypatch.setattr(module, "AT_ONCE", 2)
        monkeypatch.setattr(module, "BATCH", 2)


@pytest.fixture
def large(alice: Actor, folder: Node, small_steps: None) -> Node:
    """Three folders in a row and seven files."""
    deep = folder
    for name in ("b", "c"):
        deep = services.create_folder(actor=alice, parent=deep.uid, name=name)
    for number in range(5):
        file(alice, folder.uid, f"{number}", b"12345")
    for number in range(2):
        file(alice, deep.uid, f"{number}", b"12345")
    return folder


def test_a_large_copy_is_a_job(alice: Actor, study: Node, large: Node) -> None:
    copied = services.copy(actor=alice, uid=large.uid, parent=study.uid, name="twin")
    assert copied.node is None
    assert copied.job is not None
    assert [entry.name for entry in queries.children(actor=alice, uid=study.uid).items] == ["Hospital A"]
    work()
    job = Job.objects.get(id=copied.job.id)
    assert (job.state, job.detail) == (Job.State.SUCCEEDED, job.detail)
    twin = queries.node_at(actor=alice, path="/Study/twin")
    assert job.result == {"node": str(twin.uid)}
    rows = {row.path for row in queries.manifest(actor=alice, uid=twin.uid)}
    assert rows == {"0", "1", "2", "3", "4", "b/c/0", "b/c/1"}
    assert used(alice, study) == 70
    assert not Trash.objects.exists()
    assert Event.objects.filter(action="node.copied", target=twin.uid).count() == 1


def test_a_large_copy_that_is_ended_leaves_nothing(alice: Actor, study: Node, large: Node) -> None:
    nodes = Node.objects.count()
    steps = 0

    @contextmanager
    def step(done: float) -> Iterator[None]:
        nonlocal steps
        steps += 1
        if steps == 5:
            raise Cancelled
        yield
        # nobody sees what is half made, not even in the trash
        assert [entry.name for entry in queries.children(actor=alice, uid=study.uid).items] == ["Hospital A"]
        assert queries.trash(actor=alice).items == []

    with pytest.raises(Cancelled):
        copying.copy_large(actor=alice, uid=large.uid, parent=study.uid, name=None, step=step)
    assert (Node.objects.count(), used(alice, study)) == (nodes, 35)


def test_a_large_copy_ends_when_its_place_is_closed(alice: Actor, bob: Actor, study: Node, large: Node) -> None:
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    copied = services.copy(actor=bob, uid=large.uid, parent=study.uid)
    assert copied.job is not None
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    work()
    assert Job.objects.get(id=copied.job.id).state == Job.State.FAILED
    assert used(alice, study) == 35


# -- retention


def test_a_large_deletion_is_out_of_sight_at_once_and_finished_by_a_job(alice: Actor, study: Node, large: Node) -> None:
    services.trash(actor=alice, uid=large.uid)
    services.purge(actor=alice, uid=large.uid)
    assert queries.trash(actor=alice).items == []
    for ask in (services.restore, services.purge):
        with pytest.raises(NotFound):
            ask(actor=alice, uid=large.uid)
    work()
    assert not Node.objects.filter(uid=large.uid).exists()
    assert used(alice, study) == 0


def test_the_trash_is_emptied_when_its_time_has_passed(alice: Actor, study: Node, large: Node) -> None:
    kept = file(alice, study.uid, "kept.txt", b"1").node
    inner = queries.node_at(actor=alice, path="/Study/Hospital A/b/c/0")
    services.trash(actor=alice, uid=inner.uid)  # by itself, before the folder
    services.trash(actor=alice, uid=large.uid)
    services.trash(actor=alice, uid=kept.uid)
    Trash.objects.exclude(node=kept).update(purge_after=now() - timedelta(seconds=1))
    retain()
    assert [row.entry.uid for row in queries.trash(actor=alice).items] == [kept.uid]
    assert not Node.objects.filter(uid__in=[large.uid, inner.uid]).exists()
    assert used(alice, study) == 1


def test_old_versions_go_when_they_were_replaced_long_ago(alice: Actor, study: Node, folder: Node) -> None:
    made = file(alice, folder.uid, "a.txt", b"1").node
    file(alice, folder.uid, "a.txt", b"22")
    file(alice, folder.uid, "a.txt", b"333")
    services.set_metadata(actor=alice, uid=made.uid, changes={"k": 1})
    long_ago = now() - timedelta(days=settings.OPTIONS.versions_days + 1)
    # the first two were filed long ago; the second was replaced today
    Version.objects.filter(node=made, number__lt=3).update(created=long_ago)
    retain()
    assert [version.number for version in queries.versions(actor=alice, uid=made.uid)] == [3, 2]
    assert used(alice, study) == 5
    Version.objects.filter(node=made).update(created=long_ago)
    Event.objects.all().delete()
    retain()
    assert [version.number for version in queries.versions(actor=alice, uid=made.uid)] == [3]
    assert file(alice, folder.uid, "a.txt", b"4444").version.number == 4
    assert Event.objects.filter(action="versions.dropped").count() == 1
    assert Metadata.objects.filter(node=made).count() == 1


# -- the feed, and scopes


def test_who_could_read_learns_that_a_purged_collection_is_gone(alice: Actor, bob: Actor, study: Node) -> None:
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    start = queries.changes(actor=bob).since
    services.trash(actor=alice, uid=study.uid)
    services.purge(actor=alice, uid=study.uid)
    assert [(row.what, row.node) for row in queries.changes(actor=bob, since=start).items] == [("removed", study.uid)]
    assert Acl.objects.filter(node=None).count() == 1


def test_a_refused_write_leaves_no_trace(alice: Actor, study: Node, folder: Node) -> None:
    before = Change.objects.count(), Event.objects.count()
    with pytest.raises(Conflict):
        services.create_folder(actor=alice, parent=study.uid, name=folder.name)
    with pytest.raises(Invalid):
        services.set_grants(
            actor=alice,
            uid=folder.uid,
            inherit=False,
            grants=[("user", "alice", Level.READ), ("user", "nobody", Level.READ)],
        )
    assert (Change.objects.count(), Event.objects.count()) == before
    assert Acl.objects.filter(node=folder).count() == 0


def test_a_token_that_may_only_read_writes_nothing(alice: Actor, study: Node, folder: Node) -> None:
    from dataclasses import replace

    made = file(alice, folder.uid, "a.txt").node
    thrown = file(alice, folder.uid, "thrown.txt").node
    services.trash(actor=alice, uid=thrown.uid)
    reader = replace(alice, scope=Scope.READ)
    acts = [
        lambda: services.create_collection(actor=reader, name="x"),
        lambda: services.create_folder(actor=reader, parent=study.uid, name="x"),
        lambda: services.rename(actor=reader, uid=made.uid, name="x"),
        lambda: services.move(actor=reader, uid=made.uid, parent=study.uid),
        lambda: services.copy(actor=reader, uid=made.uid, parent=study.uid),
        lambda: services.trash(actor=reader, uid=made.uid),
        lambda: services.restore(actor=reader, uid=thrown.uid),
        lambda: services.purge(actor=reader, uid=thrown.uid),
        lambda: services.set_grants(actor=reader, uid=folder.uid, inherit=False),
        lambda: services.set_owners(actor=reader, uid=study.uid, users=[]),
        lambda: services.set_metadata(actor=reader, uid=made.uid, changes={"a": 1}),
        lambda: services.restore_version(actor=reader, uid=made.uid, number=1),
        lambda: services.update_collection(actor=reader, uid=study.uid, description="x"),
        lambda: file(reader, folder.uid, "x"),
    ]
    before = Event.objects.count()
    for act in acts:
        with pytest.raises(Forbidden):
            act()
    assert Event.objects.count() == before
    assert queries.node(actor=reader, uid=made.uid).level == Level.READ
