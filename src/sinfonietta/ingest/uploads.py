"""Resumable uploads: rows that survive the browser, the connection and the server.

``offset_bytes`` is what is durable in staging. One writer at a time, by a lock of the kernel that dies with its holder.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.accounts.queries import require_admin
from sinfonietta.audit import services as audit
from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Busy
from sinfonietta.blobs.store import BLOCK_BYTES
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, OutOfStorage, Problem, TooLarge
from sinfonietta.common.time import now
from sinfonietta.ingest.models import Upload
from sinfonietta.ingest.services import Item, check_room, put_many, split
from sinfonietta.library import access
from sinfonietta.library.models import Level
from sinfonietta.library.names import encodable


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
    return finish(actor=actor, found=upload(actor=actor, uid=uid))


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

    Raises NotFound, Forbidden, Invalid, TooLarge, OutOfStorage when the disk or the quota has no room.
    """
    _writes(actor)
    if length is not None:
        _room(length)
    if not all(encodable(value) for value in (metadata or {}).values()):
        raise Invalid("A value of the metadata holds NUL.", errors={"metadata": ["not text"]})
    place = None
    if is_partial:
        filename = relative_path = ""
    else:
        if parent is None:
            raise Invalid("Say where the file goes.", errors={"parent": ["missing"]})
        place = access.require(actor, parent, Level.WRITE)
        folders, filename = split(relative_path, filename)
        check_room(place, folders, filename, length or 0)
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


def _writes(actor: Actor) -> None:
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")


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
    if found.length_bytes == length:
        return
    with _held(found):
        if found.length_bytes is not None:
            raise Conflict("The length was declared before, and it cannot change.")
        if length < found.offset_bytes:
            raise Invalid("More bytes have arrived already than that.", errors={"length": ["too short"]})
        Upload.objects.filter(uid=uid).update(length_bytes=length)


@contextmanager
def _held(found: Upload) -> Iterator[None]:
    """Be the only one who writes to it, and know it as it is now. Raises Busy, NotFound when it is gone."""
    with store.default().hold(found.staged):
        try:
            found.refresh_from_db()
        except Upload.DoesNotExist as error:
            raise NotFound("There is no such upload any more.") from error
        yield


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
    _writes(actor)
    if found.parts:
        raise Forbidden("An upload that was put together from parts takes no more bytes.")
    if found.file:
        _check_offset(found, offset)
        _check_room(found, length)
        return found
    with _held(found):
        _check_offset(found, offset)
        _check_room(found, length)
        _append(found, stream, length, checksum)
        return _file(actor, found)


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
        if checksum and (spy.broken or spy.digest != checksum[1]):
            raise spy.broken or ChecksumMismatch("The bytes that arrived have another checksum; send them again.")
        if spy.count > most:
            raise TooLarge("More bytes came than the upload was declared to have; send them again.")
    except (Problem, OSError):
        with suppress(OSError):  # a disk that fails: the next to write begins at the offset that counts anyhow
            shelf.truncate(found.staged, start)
        raise
    end = start + spy.count
    Upload.objects.filter(uid=found.uid).update(offset_bytes=end, expires=_expiry())
    found.offset_bytes = end
    _hashers.keep(found.uid, end, digest)
    if spy.broken:
        raise spy.broken


class _Spy:
    """Counts, and hashes for a checksum, what passes from the connection to staging.

    Where the connection breaks, the stream ends: what came until then is made durable like any other.
    """

    def __init__(self, stream: IO[bytes], checksum: Any | None) -> None:
        self._stream, self._checksum, self.count = stream, checksum, 0
        self.broken: OSError | None = None

    def read(self, size: int) -> bytes:
        """As of a stream."""
        try:
            block = self._stream.read(size)
        except OSError as error:
            self.broken = error
            return b""
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

    Raises Busy while somebody writes to it, Invalid when the hash is not the declared one (the upload is gone then),
    and what filing raises.
    """
    if found.file or not is_complete(found):
        return found
    with _held(found):
        return _file(actor, found)


def _file(actor: Actor, found: Upload) -> Upload:
    """The same, for who holds it."""
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
        with _held(found):
            for piece in pieces:
                with store.default().staged_path(piece.staged).open("rb") as stream:
                    _append(found, stream, None, None)
            finished = _file(actor, found)
    except Problem:
        _drop(found)  # the parts stay, to be put together again
        raise
    for piece in pieces:
        _drop(piece)
    return finished


def terminate(*, actor: Actor, uid: UUID) -> None:
    """Forget an upload (tus 1.0.0, termination). Raises NotFound, Forbidden, Busy while somebody writes to it."""
    found = upload(actor=actor, uid=uid)
    _writes(actor)
    with nullcontext() if found.file else _held(found):
        with transaction.atomic():
            Upload.objects.filter(uid=uid).delete()
            audit.record(actor=actor, action="upload.ended", target=uid)
        _discard(found)


def forget(*, actor: Actor, found: Upload) -> bool:
    """Forget one that has expired (the system does); False where somebody writes to it, or has written meanwhile."""
    require_admin(actor)
    try:
        with _held(found):
            if found.expires >= now():
                return False
            _drop(found)
    except Busy:
        return False
    except NotFound:  # nothing is staged for it any more
        Upload.objects.filter(uid=found.uid).delete()
    return True


def _drop(found: Upload) -> None:
    Upload.objects.filter(uid=found.uid).delete()
    _discard(found)


def _discard(found: Upload) -> None:
    store.default().discard(found.staged)
    _hashers.take(found.uid, -1)
