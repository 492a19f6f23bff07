"""Quota: what a collection may hold, and does. All versions count, the trash too."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import F, Q, Sum

from sinfonietta.common.errors import OutOfStorage
from sinfonietta.library.models import Collection, Node, Version

FULL = "The collection's quota is used up; delete something for ever, or ask for more."


def _room(size_bytes: int) -> Q:
    return Q(quota_bytes=None) | Q(quota_bytes__gte=F("used_bytes") + size_bytes)


def check_room(collection_id: int, size_bytes: int) -> None:
    """Whether the quota allows so much at this moment, before it is transferred. Raises OutOfStorage."""
    if not Collection.objects.filter(_room(size_bytes), node_id=collection_id).exists():
        raise OutOfStorage(FULL)


def use(collection_id: int, size_bytes: int) -> None:
    """Count bytes to a collection. Raises OutOfStorage when its quota does not allow them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE library_collection SET used_bytes = used_bytes + %s "
            "WHERE node_id = %s AND (quota_bytes IS NULL OR quota_bytes >= used_bytes + %s)",
            (size_bytes, collection_id, size_bytes),
        )
        if not cursor.rowcount:
            raise OutOfStorage(FULL)


def free(collection_id: int, size_bytes: int) -> None:
    """Count bytes off a collection."""
    Collection.objects.filter(node_id=collection_id).update(used_bytes=F("used_bytes") - size_bytes)


def weight(nodes: Q) -> int:
    """All versions of the nodes, in bytes."""
    found = Version.objects.filter(node__in=Node.objects.filter(nodes)).aggregate(total=Sum("size_bytes"))
    return found["total"] or 0


def weight_of(files: Sequence[int]) -> int:
    """All versions of these files, in bytes."""
    return Version.objects.filter(node__in=files).aggregate(total=Sum("size_bytes"))["total"] or 0
