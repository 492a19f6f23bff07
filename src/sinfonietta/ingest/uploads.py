"""Resumable uploads: rows that survive the browser, the connection and the server.

``offset_bytes`` is what is durable in staging. One writer at a time, by a lock of the kernel that dies with its holder.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

from django.conf import settings

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit import services as audit
from sinfonietta.blobs import store
from sinfonietta.blobs.store import BLOCK_BYTES
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, OutOfStorage, Problem, TooLarge
from sinfonietta.common.time import now
from sinfonietta.ingest.models import Upload
from sinfonietta.ingest.services import Item, put_many, split
from sinfonietta.library import access
from sinfonietta.library.models import Level


class ChecksumMismatch(Problem):
    """The bytes of this request are not those of its checksum (tus 1.0.0, checksum)."""

    status, title, slug = 460, "Checksum mismatch", "checksum-mismatch"


class Hashers:
    """Running hashes of uploads that this process received from their first byte, so that most are read only once."""

    MOST = 1000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: OrderedDict[UUID, tuple[int, Any]] = OrderedDict()

    def take(self, uid: UUID, offset: int) -> Any | None:
        """The hash of exactly the first ``offset`` bytes, if it is known here."""
        with self._lock:
            at, digest = self._running.pop(uid, (0, hashlib.sha256()))
        return digest if at == offset else None

    def keep(self, uid: UUID, offset: int, digest: Any | None) -> None:
        """Remember it for the next request."""
        if digest is not None:
            with self._lock:
                self._running[uid] = (offset, digest)
                while len(self._running) > self.MOST:
                    self._running.popitem(last=False)


_hashers = Hashers()


def upload(*, actor: Actor, uid: UUID) -> Upload:
    """One of the actor's uploads. Raises NotFound: another's is as absent as one that expired."""
    found = Upload.objects.filter(uid=uid, user=actor.user_id, expires__gt=now()).select_related("parent").first()
    if found is None:
        raise NotFound("There is no such upload, or it has expired.")
    return found


def settled(*, actor: Actor, uid: UUID) -> Upload:
    """One of the actor's uploads, filed if all of it is here: who hears that it is at its end takes it for done.

    Raises NotFound, Busy while somebody writes to it, and what filing raises.
    """
    found = upload(actor=actor, uid=uid)
    if is_complete(found) and not found.file:
        with store.default().hold(found.staged):
            found.refresh_from_db()
            return finish(actor=actor, found=found)
    return found


def begin(
    *,
    actor: Actor,
    parent: UUID | None,
    filename: str,
    length: int | None,
    relative_path: str = "",
    sha256: str = "",
    modified: datetime | None = None,
    metadata: Mapping[str, str] | None = None,
    is_partial: bool = False,
    parts: Sequence[UUID] = (),
) -> Upload:
    """A new upload. A partial one (tus concatenation) has no place of its own.

    Raises NotFound, Forbidden, Invalid, TooLarge, OutOfStorage when the disk cannot hold it.
    """
    if length is not None:
        _room(length)
    place = None
    if not is_partial:
        if parent is None:
            raise Invalid("Say where the file goes.", errors={"parent": ["missing"]})
        place = access.require(actor, parent, Level.WRITE)
        split(relative_path, filename)
    staged = store.default().stage()
    made = Upload(
        user_id=actor.user_id, parent=place, filename=filename, relative_path=relative_path, sha256=sha256.lower(),
        length_bytes=length, modified=modified, metadata=dict(metadata or {}), is_partial=is_partial,
        parts=[str(part) for part in parts], staged=staged, expires=_expiry(),
    )  # fmt: skip
    try:
        made.save(force_insert=True)
    except BaseException:
        store.default().discard(staged)
        raise
    return made


def _room(length: int) -> None:
    most = settings.OPTIONS.max_file_bytes
    if length > most:
        raise TooLarge(f"A file here has at most {most} bytes.")
    if length > shutil.disk_usage(settings.OPTIONS.data).free:
        raise OutOfStorage("The server's disk has no room for a file of that size.")


def _expiry() -> datetime:
    return now() + timedelta(days=settings.OPTIONS.upload_days)


def set_length(*, actor: Actor, uid: UUID, length: int) -> None:
    """Declare a length that was left open. Raises NotFound, Conflict when it was declared before, TooLarge."""
    _room(length)
    found = upload(actor=actor, uid=uid)
    if found.length_bytes is not None and found.length_bytes != length:
        raise Conflict("The length was declared before, and it cannot change.")
    if length < found.offset_bytes:
        raise Invalid("More bytes have arrived already than that.", errors={"length": ["too short"]})
    Upload.objects.filter(uid=uid).update(length_bytes=length)


def append(
    *,
    actor: Actor,
    uid: UUID,
    offset: int,
    stream: IO[bytes],
    length: int | None = None,
    checksum: tuple[str, bytes] | None = None,
) -> Upload:
    """Append a stream at ``offset``; what arrives before a connection breaks is kept and durable.

    ``checksum`` = (algorithm, digest) of this stream's bytes: when it is wrong, none of them is kept. Completing the
    length files the upload. Raises NotFound, Forbidden for one put together from parts, Conflict (wrong offset, another
    writer), TooLarge beyond the declared length, ChecksumMismatch, OutOfStorage, and what filing raises.
    """
    found = upload(actor=actor, uid=uid)
    if found.parts:
        raise Forbidden("An upload that was put together from parts takes no more bytes.")
    if found.file:
        _check_offset(found, offset)
        _check_room(found, length)
        return found
    with store.default().hold(found.staged):
        found.refresh_from_db()
        _check_offset(found, offset)
        _check_room(found, length)
        _append(found, stream, length, checksum)
        return finish(actor=actor, found=found) if is_complete(found) else found


def _check_offset(found: Upload, offset: int) -> None:
    if found.offset_bytes != offset:
        raise Conflict(f"The upload is at {found.offset_bytes}, not at {offset}.")


def _check_room(found: Upload, length: int | None) -> None:
    if length is not None and found.length_bytes is not None and found.offset_bytes + length > found.length_bytes:
        raise TooLarge("That is more than the declared length of the upload.")


def _append(found: Upload, stream: IO[bytes], length: int | None, checksum: tuple[str, bytes] | None) -> None:
    start, shelf = found.offset_bytes, store.default()
    most = (found.length_bytes if found.length_bytes is not None else settings.OPTIONS.max_file_bytes) - start
    digest = _hashers.take(found.uid, start)
    spy = _Spy(stream, hashlib.new(checksum[0]) if checksum else None)
    try:
        shelf.append(found.staged, start, spy, limit=most + 1 if length is None else min(most, length), hasher=digest)  # type: ignore[arg-type]
        broken: BaseException | None = None
    except OSError as error:  # the connection broke off: what came is kept
        broken, digest = error, None
    except OutOfStorage as error:
        broken, digest = error, None
    if checksum and (broken or spy.digest != checksum[1]):
        shelf.truncate(found.staged, start)
        raise broken or ChecksumMismatch("The bytes that arrived have another checksum; send them again.")
    if spy.count > most:
        shelf.truncate(found.staged, start)
        raise TooLarge("More bytes came than the upload was declared to have; send them again.")
    end = start + spy.count if broken is None else _durable_size(found, start)
    Upload.objects.filter(uid=found.uid).update(offset_bytes=end, expires=_expiry())
    found.offset_bytes = end
    _hashers.keep(found.uid, end, digest)
    if broken:
        raise broken


def _durable_size(found: Upload, start: int) -> int:
    """After a broken transfer: what is in staging, made durable."""
    path = store.default().staged_path(found.staged)
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
        return max(start, os.fstat(stream.fileno()).st_size)


class _Spy:
    """Counts, and hashes for a checksum, what passes from the connection to staging."""

    def __init__(self, stream: IO[bytes], checksum: Any | None) -> None:
        self._stream, self._checksum, self.count = stream, checksum, 0

    def read(self, size: int) -> bytes:
        """As of a stream."""
        block = self._stream.read(size)
        self.count += len(block)
        if self._checksum:
            self._checksum.update(block)
        return block

    @property
    def digest(self) -> bytes:
        """Of all that passed."""
        return bytes(self._checksum.digest()) if self._checksum else b""


def is_complete(found: Upload) -> bool:
    """Whether all bytes are here and the upload is one that becomes a file."""
    return found.length_bytes is not None and found.offset_bytes == found.length_bytes and not found.is_partial


def finish(*, actor: Actor, found: Upload) -> Upload:
    """File a complete upload, once. A server that died before is no loss: asking again files it.

    Raises Invalid when the hash is not the declared one (the upload is gone then), and what filing raises.
    """
    if found.file or not is_complete(found):
        return found
    sha256 = _sha256(found)
    if found.sha256 and found.sha256 != sha256:
        _drop(found)
        raise Invalid("The bytes that arrived have another SHA-256 than was declared.", errors={"sha256": [sha256]})
    folders, name = split(found.relative_path, found.filename)
    if found.parent is None:
        raise NotFound("The place that the upload was meant for is gone.")
    item = Item(
        found.staged, sha256, found.offset_bytes, found.parent.uid, name, folders,
        modified=found.modified, upload=found.uid,
    )  # fmt: skip
    result = put_many(actor=actor, items=[item])[0]
    if isinstance(result, Problem):
        raise result
    store.default().discard(found.staged)
    found.file = result.node.uid
    return found


def _sha256(found: Upload) -> str:
    digest = _hashers.take(found.uid, found.offset_bytes)
    if digest is None:
        digest = hashlib.sha256()
        with store.default().staged_path(found.staged).open("rb", buffering=0) as stream:
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
    return str(digest.hexdigest())


def concatenate(*, actor: Actor, parts: Sequence[UUID], **place: Any) -> Upload:
    """One upload out of finished partial ones, in order (tus 1.0.0, concatenation). Raises as ``begin``, ``finish``."""
    pieces = [upload(actor=actor, uid=uid) for uid in parts]
    for piece in pieces:
        if not piece.is_partial or piece.offset_bytes != piece.length_bytes:
            raise Conflict("A part is not finished, or not a partial upload.")
    total = sum(piece.offset_bytes for piece in pieces)
    found = begin(actor=actor, length=total, parts=parts, **place)
    try:
        with store.default().hold(found.staged):
            for piece in pieces:
                with store.default().staged_path(piece.staged).open("rb") as stream:
                    _append(found, stream, None, None)
            finished = finish(actor=actor, found=found)
    except Problem:
        _drop(found)  # the parts stay, to be put together again
        raise
    for piece in pieces:
        _drop(piece)
    return finished


def terminate(*, actor: Actor, uid: UUID) -> None:
    """Forget an upload (tus 1.0.0, termination). Raises NotFound, Conflict while somebody writes to it."""
    found = upload(actor=actor, uid=uid)
    if found.file is None:
        with store.default().hold(found.staged):
            _drop(found)
    else:
        _drop(found)
    audit.record(actor=actor, action="upload.ended", target=uid)


def _drop(found: Upload) -> None:
    Upload.objects.filter(uid=found.uid).delete()
    store.default().discard(found.staged)
    _hashers.take(found.uid, -1)
