"""The one way in: bytes -> inspected -> stored -> filed -> indexed -> announced.

What is durable comes first, then one transaction with everything that speaks of it. Whatever fails, nothing is left but
staged bytes that are removed here or, after a crash, by ``ingest.expire``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import IO
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import services as blobs
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Invalid, Problem, TooLarge
from sinfonietta.ingest import hooks
from sinfonietta.ingest.media import media_type
from sinfonietta.ingest.models import Upload
from sinfonietta.library import access
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Level, Node
from sinfonietta.library.names import clean_name
from sinfonietta.library.services import Filed, NewFile, ensure_folders, file_new, file_version, free_names, usage

log = structlog.get_logger("sinfonietta.ingest")
SYNC_THREADS = 8


@dataclass(frozen=True)
class Item:
    """Staged bytes with the place that they are meant for.

    ``folders`` are made below ``parent`` on the way; ``fileset`` makes the last of them a fileset. ``upload`` is the
    row that is marked as filed in the same transaction; ``durable`` says whether the bytes were received so.
    """

    staged: str
    sha256: str
    size_bytes: int
    parent: UUID
    name: str
    folders: tuple[str, ...] = ()
    fileset: bool = False
    modified: datetime | None = None
    if_none_match: bool = False
    if_match: str | None = None
    verdict: hooks.Verdict | None = None
    upload: UUID | None = None
    durable: bool = True


def put(
    *,
    actor: Actor,
    parent_uid: UUID,
    name: str,
    stream: IO[bytes],
    length: int | None = None,
    digest: str | None = None,
    modified: datetime | None = None,
    relative_path: str = "",
    if_none_match: bool = False,
    if_match: str | None = None,
) -> Filed:
    """Store a stream as a file. ``digest`` is the SHA-256 that was declared, ``length`` in bytes (None: to its end).

    With ``relative_path`` folders are made on the way; its last part is the file's name. Raises NotFound, Forbidden,
    Conflict, Invalid (another hash or length than declared, a name), PreconditionFailed, TooLarge, OutOfStorage; then
    nothing is left behind.
    """
    folders, name = split(relative_path, name)
    place = access.require(actor, parent_uid, Level.WRITE)  # before any byte is accepted
    check_room(place, folders, name, length or 0)
    with staging() as staged:
        sha256, size = receive(staged, stream, length)
        if digest and digest != sha256:
            raise Invalid("The bytes that arrived have another SHA-256 than was declared.", errors={"sha256": [sha256]})
        item = Item(
            staged, sha256, size, parent_uid, name, folders,
            modified=modified, if_none_match=if_none_match, if_match=if_match,
        )  # fmt: skip
        result = put_many(actor=actor, items=[item])[0]
    if isinstance(result, Problem):
        raise result
    return result


def split(relative_path: str, name: str) -> tuple[tuple[str, ...], str]:
    """Clean folders and file name of a relative path (or of a name alone). Raises Invalid."""
    *folders, last = [part for part in relative_path.replace("\\", "/").split("/") if part] or [name]
    return tuple(clean_name(folder) for folder in folders), clean_name(last)


def check_room(place: Node, folders: Sequence[str], name: str, size_bytes: int) -> None:
    """Whether the quota has room for a new file, before its bytes come. Raises OutOfStorage.

    What is there already may be sent again: it may be the same, and cost nothing.
    """
    at: Node | None = place
    for part in (*folders, name):
        at = Node.objects.filter(parent=at, name=part, trash=None).first()
        if at is None:
            usage.check_room(place.collection_id, size_bytes)
            return


@contextmanager
def staging() -> Iterator[str]:
    """A place in staging that is gone afterwards, unless its bytes were filed."""
    staged = store.default().stage()
    try:
        yield staged
    finally:
        store.default().discard(staged)


def receive(staged: str, stream: IO[bytes], length: int | None, *, durable: bool = True) -> tuple[str, int]:
    """Read a stream into staging; its SHA-256 and size. Raises Invalid when it is not as long as declared, TooLarge.

    Without ``durable`` an ``Item`` that says so is made durable when it is filed, together with others.
    """
    most = settings.OPTIONS.max_file_bytes
    if length is not None and length > most:
        raise TooLarge(f"A file here has at most {most} bytes.")
    digest = hashlib.sha256()
    limit = most + 1 if length is None else length
    size = store.default().append(staged, 0, stream, limit=limit, hasher=digest, durable=durable)
    if length is None and size > most:
        raise TooLarge(f"A file here has at most {most} bytes.")
    if length is not None and size != length:
        raise Invalid(f"The transfer ended after {size} of {length} bytes.", errors={"length": [str(size)]})
    return digest.hexdigest(), size


def put_many(*, actor: Actor, items: Sequence[Item]) -> list[Filed | Problem]:
    """File staged things in one transaction; for each the file, or the problem that kept it out.

    One that cannot be filed does not hold up the others. Whoever staged the bytes discards them afterwards.
    """
    results = _inspected(actor, items)
    with store.default().filing():
        keys = _make_durable([result for result in results if isinstance(result, Item)])
        with writing():
            access.lock_collections_of(item.parent for item in items)
            kept = _keep(actor, results, keys)
            places: Places = {}
            new = _file_new(actor, results, kept, places)
            done = [
                new.get(at) or _file(actor, result, kept, places) if isinstance(result, Item) else result
                for at, result in enumerate(results)
            ]
            filed = [result for result in done if isinstance(result, Filed) and result.created]
            transaction.on_commit(lambda: _announce(filed))
    return done


def _inspected(actor: Actor, items: Sequence[Item]) -> list[Filed | Problem | Item]:
    """The items with the verdicts of the inspectors, outside of any transaction: strangers' bytes take time."""
    verdicts = iter(hooks.inspect([_arrival(actor, item) for item in items if not item.verdict]))
    judged = [item if item.verdict else replace(item, verdict=next(verdicts)) for item in items]
    return [(item.verdict and item.verdict.refuse) or item for item in judged]


def _arrival(actor: Actor, item: Item) -> hooks.Arrival:
    path = store.default().staged_path(item.staged)
    return hooks.Arrival(path, item.name, item.size_bytes, item.sha256, media_type(path, item.name), actor)


def _make_durable(items: Sequence[Item]) -> dict[str, str]:
    """Commit the bytes of all items to the store; waiting for the disk in threads, which halves it for many."""
    shelf = store.default()

    def commit(item: Item) -> str:
        return shelf.commit(item.staged, item.sha256, durable=item.durable)

    if len(items) < 2:
        return {item.staged: commit(item) for item in items}
    keys = _syncing().map(commit, items)
    return {item.staged: key for item, key in zip(items, keys, strict=True)}


@cache
def _syncing() -> ThreadPoolExecutor:
    """The threads that wait for the disk; a forked process has its own."""
    os.register_at_fork(after_in_child=_syncing.cache_clear)
    return ThreadPoolExecutor(SYNC_THREADS, "sync")


def _keep(actor: Actor, results: Sequence[object], keys: dict[str, str]) -> dict[str, Blob]:
    """The blobs of all items by hash, in its order: two who file the same things cannot wait for each other.

    The row stays where an item is refused, so that garbage collection finds the bytes.
    """
    items = [one for one in results if isinstance(one, Item)]
    return blobs.keep_all(actor=actor, kept=[(one.sha256, one.size_bytes, keys[one.staged]) for one in items])


Places = dict[tuple[UUID, tuple[str, ...], bool], Node]
"""Containers that are locked and checked already in this transaction: slices of a series ask for the same one."""


def _file_new(
    actor: Actor, results: Sequence[object], kept: dict[str, Blob], places: Places
) -> dict[int, Filed | Problem]:
    """File at once what goes to one place under free names: the slices of a series. By position in ``results``.

    Where that is refused, each is left to be filed alone, which tells whose fault it was.
    """
    groups: dict[tuple[UUID, tuple[str, ...], bool], dict[str, int]] = {}
    for at, item in enumerate(results):
        if isinstance(item, Item) and item.verdict and not item.upload and not item.if_match:
            names = groups.setdefault((item.parent, item.folders, item.fileset), {})
            names.setdefault(item.name, at)
    done: dict[int, Filed | Problem] = {}
    for where, names in groups.items():
        first = results[next(iter(names.values()))]
        assert isinstance(first, Item)
        with suppress(Problem):
            with writing():
                parent = places.get(where) or _place(actor, first)
                free = free_names(parent, list(names))
                chosen = {name: at for name, at in names.items() if name in free}
                files = [_new_file(name, results[at], kept) for name, at in chosen.items()]
                filed = file_new(actor=actor, parent=parent, files=files) if files else []
            places[where] = parent
            done |= zip(chosen.values(), filed, strict=True)
    return done


def _new_file(name: str, item: object, kept: dict[str, Blob]) -> NewFile:
    assert isinstance(item, Item)
    assert item.verdict
    verdict = item.verdict
    return NewFile(
        clean_name(name), kept[item.sha256], verdict.media_type, verdict.state, verdict.problem, item.modified,
        verdict.facts,
    )  # fmt: skip


def _file(actor: Actor, item: Item, kept: dict[str, Blob], places: Places) -> Filed | Problem:
    assert item.verdict
    where = (item.parent, item.folders, item.fileset)
    try:
        with writing():  # a savepoint: one that is refused does not undo the others
            parent = places.get(where) or _place(actor, item)
            filed = file_version(
                actor=actor,
                parent=parent,
                name=item.name,
                blob=kept[item.sha256],
                media_type=item.verdict.media_type,
                state=item.verdict.state,
                problem=item.verdict.problem,
                modified=item.modified,
                if_none_match=item.if_none_match,
                if_match=item.if_match,
                facts=item.verdict.facts,
            )
            if item.upload:
                Upload.objects.filter(uid=item.upload).update(file=filed.node.uid)
        places[where] = parent  # what a refused one made on its way is undone with it
        return filed
    except Problem as problem:
        return problem


def _place(actor: Actor, item: Item) -> Node:
    parent = access.locked(actor, item.parent, Level.WRITE)
    if not item.folders:
        return parent
    last = Node.Kind.FILESET if item.fileset else Node.Kind.FOLDER
    return ensure_folders(actor=actor, parent=parent, parts=item.folders, last=last)


def _announce(filed: Sequence[Filed]) -> None:
    for announcement in hooks.announcements():
        for one in filed:
            try:
                announcement(one.version)
            except Exception:
                log.exception("an announcement failed", version=one.version.id)
