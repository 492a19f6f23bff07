"""The index follows the library's feed of changes, batch by batch, and goes through what a change says nothing of.

Nothing is done when something is written. A follower that dies has done what it committed; the next goes on there.
Several may run: one holds a lease, and were there two, both would write the same.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterable, Sequence
from datetime import timedelta

import structlog
from django.db import Error, connection, transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sinfonietta.accounts.actor import SYSTEM
from sinfonietta.jobs import services as jobs
from sinfonietta.jobs.models import Job
from sinfonietta.library.models import Change, Node, base36
from sinfonietta.search import documents, keeping
from sinfonietta.search.models import Document, Progress, Sweep

log = structlog.get_logger("sinfonietta.search")
BATCH = 200
IDLE_S = 0.5
AWAY_S = 5.0
LEASE_S = 30
ONLY = 1
READ = "search.read"


class Follower:
    """Keeps the index in step from a thread of its own, until it is left."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="search")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        me = f"{socket.gethostname()}:{os.getpid()}"
        wait = 0.0
        try:
            while not self._over.wait(wait):
                try:
                    wait = 0.0 if step(me) else IDLE_S
                except Error as error:
                    log.warning("the index cannot follow", problem=str(error))
                    connection.close()
                    wait = AWAY_S
                except Exception:
                    log.exception("the index cannot follow")
                    wait = AWAY_S
        finally:
            connection.close()


def catch_up() -> None:
    """Follow until nothing is left to do, whoever follows besides."""
    while step(""):
        pass


def step(holder: str) -> bool:
    """One batch of changes, and one of a sweep. False when there is nothing to do, or somebody else does it."""
    progress = Progress.objects.filter(id=ONLY).first() or _begin()
    latest = newest()
    if latest <= progress.last and not Sweep.objects.exists():
        return False
    if holder and not _lease(holder):
        return False
    has_more = latest > progress.last and _follow(progress.last)
    return _sweep() or has_more


def _begin() -> Progress:
    """The first time: everything that is there is swept, and changes are followed from here on."""
    with transaction.atomic():
        progress, made = Progress.objects.get_or_create(id=ONLY, defaults={"last": newest()})
        if made:
            Sweep.objects.create(renew=False)
    return progress


def newest() -> int:
    """The id of the last change."""
    return Change.objects.aggregate(last=Max("id"))["last"] or 0


def _lease(holder: str) -> bool:
    free = Q(holder=holder) | Q(until=None) | Q(until__lt=Now())
    held = Progress.objects.filter(free, id=ONLY)
    return bool(held.update(holder=holder, until=Now() + timedelta(seconds=LEASE_S)))


def _follow(last: int) -> bool:
    """Renew the documents of what the next changes are about."""
    changes = list(Change.objects.filter(id__gt=last).order_by("id").values_list("id", "node", "what")[:BATCH])
    if not changes:
        return False
    latest = {node: number for number, node, _ in changes}
    added = {node for _, node, what in changes if what == Change.What.ADDED}
    nodes = list(Node.objects.filter(uid__in=latest))
    fresh = dict(Document.objects.filter(node_id__in=[node.id for node in nodes]).values_list("node_id", "seen"))
    due = [node for node in nodes if fresh.get(node.id, -1) < latest[node.uid]]
    made = documents.make(due, changes[-1][0])
    sweeps = list(_below(due, {node.id for node in due if node.uid in added}))
    with transaction.atomic():
        keeping.keep(made)
        _want(made)
        Sweep.objects.bulk_create(sweeps)
        Progress.objects.filter(id=ONLY, last__lt=changes[-1][0]).update(last=changes[-1][0])
    return True


def _want(made: Sequence[documents.Made]) -> None:
    """Have the text of files read that is not yet; the schedule of that does it once more."""
    if any(one.document.wanted for one in made):
        ask_to_read()


def ask_to_read() -> None:
    """Have the texts read that are wanted, once, behind the work that waits already."""
    if not Job.objects.filter(kind=READ, state=Job.State.QUEUED).exists():
        jobs.enqueue(actor=SYSTEM, kind=READ, payload={})


def _below(nodes: Sequence[Node], added: set[int]) -> Iterable[Sweep]:
    """Sweeps of what may have come with a container, or into another collection, without a change of its own."""
    before = dict(Document.objects.filter(node_id__in=[node.id for node in nodes]).values_list("node_id", "collection"))
    for node in nodes:
        if node.kind == Node.Kind.FILE:
            continue
        is_elsewhere = before.get(node.id, node.collection_id) != node.collection_id
        if (node.id in added or is_elsewhere) and Node.objects.filter(ancestry=node.below).exists():
            yield Sweep(first=node.below, beyond=node.ancestry + base36(node.id + 1), renew=is_elsewhere)


def _sweep() -> bool:
    sweep = Sweep.objects.order_by("-id").first()  # the newest is the shortest way to what somebody just did
    if sweep is None:
        return False
    seen = newest()
    found = list(swept(sweep)[:BATCH])
    made = documents.make(found, seen)
    with transaction.atomic():
        keeping.keep(made)
        _want(made)
        if len(found) < BATCH:
            Sweep.objects.filter(id=sweep.id).delete()
        else:
            last = found[-1]
            Sweep.objects.filter(id=sweep.id).update(after_ancestry=last.ancestry, after_id=last.id)
    return True


def swept(sweep: Sweep) -> QuerySet[Node]:
    """What is still to be gone through, in order."""
    after = Q(ancestry__gte=sweep.after_ancestry) & (Q(ancestry__gt=sweep.after_ancestry) | Q(id__gt=sweep.after_id))
    nodes = Node.objects.filter(after, ancestry__gte=sweep.first)
    if sweep.beyond:
        nodes = nodes.filter(ancestry__lt=sweep.beyond)
    if not sweep.renew:
        nodes = nodes.exclude(Exists(Document.objects.filter(node_id=OuterRef("id"))))
    return nodes.order_by("ancestry", "id")


def forget_strays() -> int:
    """Documents of nodes that were deleted while they were made."""
    strays = Document.objects.exclude(Exists(Node.objects.filter(id=OuterRef("node_id"))))
    gone = list(strays.values_list("node_id", flat=True))
    for start in range(0, len(gone), BATCH):
        Document.objects.filter(node_id__in=gone[start : start + BATCH]).delete()
    return len(gone)
