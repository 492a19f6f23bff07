"""Blob rows, garbage, and whether everything is as it should be."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, ForeignObjectRel, OuterRef, Q, QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.queries import require_admin
from sinfonietta.audit import services as audit
from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.blobs.models import Blob
from sinfonietta.common import rows
from sinfonietta.common.time import now

BATCH = 500
BLOB = rows.Columns(Blob, "b")


def keep(*, actor: Actor, sha256: str, size_bytes: int, key: str) -> Blob:
    """The row of bytes that are durable under ``key``; call it in the transaction that files them.

    An existing row is touched, which keeps garbage collection away from it, and damage is mended. Who keeps several in
    one transaction does so in the order of their hashes, or two could wait for each other.
    """
    blob, made = Blob.objects.get_or_create(
        sha256=sha256,
        defaults={"size_bytes": size_bytes, "key": key, "touched": now(), "store": store.default().name},
    )
    if not made:
        Blob.objects.filter(id=blob.id).update(touched=now(), damaged=None)
    return blob


def keep_all(*, actor: Actor, kept: Sequence[tuple[str, int, str]]) -> dict[str, Blob]:
    """As ``keep`` of several (hash, size, key) at once, by hash."""
    if not kept:
        return {}
    moment, name = now(), store.default().name
    by_hash = dict(sorted((sha256, (size, key)) for sha256, size, key in kept))
    there = Blob.objects.filter(sha256__in=by_hash)
    known = _locked(list(by_hash))
    if known:
        there.update(touched=moment, damaged=None)
    new = [
        Blob(sha256=sha256, size_bytes=size, key=key, created=moment, touched=moment, store=name)
        for sha256, (size, key) in by_hash.items()
        if sha256 not in known
    ]
    rows.create(new, unless_there=True)
    if all(blob.pk for blob in new):
        return known | {blob.sha256: blob for blob in new}
    return {blob.sha256: blob for blob in there.all()}  # somebody else filed the same bytes a moment ago


def _locked(hashes: Sequence[str]) -> dict[str, Blob]:
    """Those that are there, by hash; locked in the order of the hashes."""
    lock = "FOR UPDATE" if connection.features.has_select_for_update else ""
    sql = f"SELECT {BLOB.sql} FROM blobs_blob b WHERE b.sha256 IN ({rows.marks(hashes)}) ORDER BY b.sha256 {lock}"  # noqa: S608
    return {blob.sha256: blob for blob in map(BLOB.make, rows.select(sql, hashes))}


def unused() -> Q:
    """The condition that no row of any room refers to a blob."""
    relations = [field for field in Blob._meta.get_fields(include_hidden=True) if isinstance(field, ForeignObjectRel)]
    referring = (
        ~Exists(relation.related_model._base_manager.filter(**{relation.field.name: OuterRef("pk")}))
        for relation in relations
    )
    return Q(*referring)


def collect(*, actor: Actor) -> int:
    """Delete blobs that nothing has referred to for the grace of the site; how many.

    The row goes first: a crash in between leaves bytes without a row, never a row without bytes. The store is swept:
    who files the same bytes at this moment comes before, and keeps the row, or after, and brings the bytes anew.
    """
    require_admin(actor)
    cutoff = now() - timedelta(hours=settings.OPTIONS.blob_grace_h)
    doomed = Blob.objects.filter(unused(), touched__lt=cutoff)
    return sum(_collect(actor, blob, doomed) for batch in _batches(doomed) for blob in batch)


def _batches(blobs: QuerySet[Blob]) -> Iterator[list[Blob]]:
    """All of them, a query for each batch: one that is open for hours would keep SQLite's log from being shortened."""
    last = 0
    while batch := list(blobs.filter(id__gt=last).order_by("id")[:BATCH]):
        yield batch
        last = batch[-1].id


def _collect(actor: Actor, blob: Blob, doomed: QuerySet[Blob]) -> bool:
    with store.default().sweeping():
        with transaction.atomic():
            if not doomed.filter(id=blob.id).exists():
                return False
            Blob.objects.filter(id=blob.id).delete()
            audit.record(actor=actor, action="blob.deleted", sha256=blob.sha256, size_bytes=blob.size_bytes)
        store.default().delete(blob.key)
    return True


def remove_strays(*, actor: Actor) -> int:
    """Remove what a server that died or a refused filing left behind, after the grace of the site; how many."""
    require_admin(actor)
    return sum(finding.repaired for finding in _orphans(repair=True))


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be. ``repaired`` says that it was put right."""

    problem: str
    sha256: str
    detail: str
    repaired: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For printing."""
        return asdict(self)


def verify(*, actor: Actor, repair: bool = False) -> Iterator[Finding]:
    """Read every byte: every row has its bytes, every byte its hash; and nothing lies about that no row speaks of.

    ``repair`` removes bytes without a row and forgotten staging, both older than the grace. Bytes that are damaged or
    missing cannot be invented: they are named.
    """
    require_admin(actor)
    for batch in _batches(Blob.objects.all()):
        sound = []
        for blob in batch:
            found = _look(blob)
            if found is None:
                sound.append(blob.id)
            elif _mark(actor, blob):
                yield found
        Blob.objects.filter(id__in=sound).update(verified=now(), damaged=None)
    yield from _orphans(repair)


def _mark(actor: Actor, blob: Blob) -> bool:
    """Note the damage, so that the bytes are not served; False where they were deleted or came anew meanwhile."""
    with transaction.atomic():
        still = Blob.objects.filter(id=blob.id, touched=blob.touched).update(damaged=now())
        if still:
            audit.record(actor=actor, action="blob.damaged", sha256=blob.sha256, size_bytes=blob.size_bytes)
    return bool(still)


def _look(blob: Blob) -> Finding | None:
    digest = hashlib.sha256()
    blob.damaged = None  # whatever was found before
    try:
        for block in store.default().open(blob):
            digest.update(block)
    except (Damaged, OSError) as error:
        return Finding("missing or cut", blob.sha256, str(error))
    if digest.hexdigest() != blob.sha256:
        return Finding("damaged", blob.sha256, f"the bytes have the hash {digest.hexdigest()}")
    return None


def _orphans(repair: bool) -> Iterator[Finding]:
    shelf, oldest = store.default(), time.time() - settings.OPTIONS.blob_grace_h * 3600
    old = (key for key, changed in shelf.kept() if changed < oldest)
    while keys := {key.rsplit("/", 1)[-1]: key for key in islice(old, BATCH)}:
        known = set(Blob.objects.filter(sha256__in=list(keys)).values_list("sha256", flat=True))
        for sha256 in keys.keys() - known:
            yield Finding(
                "bytes without a row", sha256, keys[sha256], repaired=repair and _remove(keys[sha256], sha256)
            )
    forgotten = oldest - settings.OPTIONS.upload_days * 86400
    for key, changed in shelf.staged():
        if changed < forgotten:
            if repair:
                shelf.discard(key)
            yield Finding("forgotten staging", "", key, repaired=repair)


def _remove(key: str, sha256: str) -> bool:
    with store.default().sweeping():
        if Blob.objects.filter(sha256=sha256).exists():
            return False
        store.default().delete(key)
    return True
