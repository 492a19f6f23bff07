"""Background work of the library: retention and large copies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from sinfonietta.accounts.actor import SYSTEM
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import NotFound
from sinfonietta.common.time import now
from sinfonietta.jobs.runner import JobContext
from sinfonietta.library import access, services
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Trash, Version
from sinfonietta.library.services import usage
from sinfonietta.library.services.copying import copy_large
from sinfonietta.library.services.deletion import delete

BATCH = 200


def purge(context: JobContext) -> dict[str, int]:
    """Empty the trash of what has passed its retention; drop old versions that have passed theirs."""
    due = Trash.objects.filter(purge_after__lte=now()).order_by("id")
    purged = 0
    for uid in list(due.filter(restorable=True).values_list("node__uid", flat=True)):
        context.check()
        with suppress(NotFound):  # restored, or gone with what was above it
            services.purge(actor=SYSTEM, uid=uid)
            purged += 1
    for node_id in list(due.filter(restorable=False).values_list("node_id", flat=True)):
        delete(node_id, context.check)
    return {"purged": purged, "versions": _drop_versions(context)}


def _outdated() -> QuerySet[Version]:
    """Versions that were replaced longer ago than the site keeps them."""
    newer = Version.objects.filter(node=OuterRef("node"), number__gt=OuterRef("number"))
    cutoff = now() - timedelta(days=settings.OPTIONS.versions_days)
    return Version.objects.filter(Exists(newer.filter(created__lt=cutoff))).select_related("node").order_by("id")


def _drop_versions(context: JobContext) -> int:
    dropped = 0
    while batch := list(_outdated()[:BATCH]):
        context.check()
        with writing():
            access.lock_collections({version.node.collection_id for version in batch})
            ids = [version.id for version in batch]
            for version in Version.objects.filter(id__in=ids).select_related("node"):
                usage.free(version.node.collection_id, version.size_bytes)
            Version.objects.filter(id__in=ids).delete()
            audit.record(actor=SYSTEM, action="versions.dropped", versions=len(ids))
        dropped += len(batch)
    return dropped


def copy(context: JobContext) -> dict[str, Any]:
    """A large copy, with the rights of the account that asked for it as they are now."""

    @contextmanager
    def step(done: float) -> Iterator[None]:
        context.progress(min(done, 0.99), "Copying")
        with context.transaction():
            yield

    said = context.payload
    copied = copy_large(
        actor=context.actor, uid=UUID(said["uid"]), parent=UUID(said["parent"]), name=said.get("name"), step=step
    )
    return {"node": str(copied.uid)}
