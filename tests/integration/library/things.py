"""Quick ways to fill a library in tests: rows as they are filed, without bytes in the store."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs.models import Blob
from sinfonietta.common.time import now
from sinfonietta.library import access
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Level
from sinfonietta.library.services import Filed, file_version


def blob(content: bytes) -> Blob:
    """The row of that content."""
    digest = hashlib.sha256(content).hexdigest()
    made, _ = Blob.objects.get_or_create(
        sha256=digest, defaults={"size_bytes": len(content), "key": digest, "store": "local", "touched": now()}
    )
    return made


def file(
    actor: Actor,
    parent: UUID,
    name: str,
    content: bytes = b"some text",
    *,
    state: str = "ready",
    if_none_match: bool = False,
    if_match: str | None = None,
    modified: datetime | None = None,
) -> Filed:
    """File content as ``ingest`` does once the bytes are durable."""
    with writing():
        place = access.locked(actor, parent, Level.WRITE)
        return file_version(
            actor=actor, parent=place, name=name, blob=blob(content), media_type="text/plain", state=state,
            if_none_match=if_none_match, if_match=if_match, modified=modified,
        )  # fmt: skip
