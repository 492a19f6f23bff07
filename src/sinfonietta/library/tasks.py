"""Background work of the library: retention and large copies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import F

from sinfonietta.accounts.actor import SYSTEM
from sinfonietta.common.time import now
from sinfonietta.jobs.runner import JobContext
from sinfonietta.library import services
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Trash, Version
from sinfonietta.library.services import usage

BATCH = 200


def purge(context: JobContext) -> dict[str, int]:
    """Empty the trash of what has passed its retention; drop old versions that have passed theirs."""
    purged = 0
    for uid in list(Trash.objects.filter(purge_after__lte=now()).order_by("id").values_list("node__uid", flat=True)):
        context.check()
        services.purge(actor=SYSTEM, uid=uid)
        purged += 1
    return {"purged": purged, "versions": _drop_versions(context)}


def _drop_versions(context: JobContext) -> int:
    """Versions that are not current and older than the site keeps them."""
    cutoff = now() - timedelta(days=settings.OPTIONS.versions_days)
    old = Version.objects.filter(created__lt=cutoff).exclude(id=F("node__current_id")).select_related("node")
    dropped = 0
    while batch := list(old.order_by("id")[:BATCH]):
        context.check()
        with writing():
            for version in batch:
                usage.free(version.node.collection_id, version.size_bytes)
            dropped += Version.objects.filter(id__in=[version.id for version in batch]).delete()[0]
    return dropped


def copy(context: JobContext) -> dict[str, Any]:
    """A large copy, with the rights of the account that asked for it as they are now."""
    payload = context.payload
    copied = services.copy(
        actor=context.actor,
        uid=UUID(payload["uid"]),
        parent=UUID(payload["parent"]),
        name=payload.get("name"),
        at_once=True,
    )
    assert copied.node is not None
    return {"node": str(copied.node.uid)}
