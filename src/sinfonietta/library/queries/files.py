"""Files: versions, metadata, and the list of all files below a node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import Forbidden, NotFound
from sinfonietta.library import access
from sinfonietta.library.models import Level, Metadata, Node, Version, subtree

CHUNK = 2000


def _file(actor: Actor, uid: UUID) -> Node:
    found = access.find(actor, uid)
    if found.kind != Node.Kind.FILE:
        raise NotFound("That is not a file.")
    return found


def versions(*, actor: Actor, uid: UUID) -> list[Version]:
    """The versions that are kept, newest first."""
    file = _file(actor, uid)
    return list(Version.objects.filter(node=file).select_related("blob", "node", "created_by").order_by("-number"))


def version(*, actor: Actor, uid: UUID, number: int | None = None) -> Version:
    """One version, the current one without a number, for its bytes.

    Raises NotFound; Forbidden for the bytes of a quarantined version to who does not manage the place.
    """
    file = _file(actor, uid)
    wanted = {"number": number} if number is not None else {"id": file.current_id}
    found = Version.objects.filter(node=file, **wanted).select_related("blob", "node").first()
    if found is None:
        raise NotFound("The file has no such version, or it is not kept any more.")
    if found.state == Version.State.QUARANTINED and file.level < Level.MANAGE:
        raise Forbidden("This version is in quarantine; only who manages the place may read its bytes.")
    return found


def metadata(*, actor: Actor, uid: UUID) -> dict[str, object]:
    """Free keys with their values, in the order of keys."""
    found = Metadata.objects.filter(node=access.require(actor, uid)).order_by("key")
    return dict(found.values_list("key", "value"))


@dataclass(frozen=True)
class ManifestRow:
    """A file below a node. ``path`` is relative to it and free of climbing."""

    path: str
    size_bytes: int
    sha256: str
    uid: UUID
    blob: Blob


def manifest(*, actor: Actor, uid: UUID) -> Iterator[ManifestRow]:
    """All files below a node (or the file itself) that the actor may read, folder by folder, streamed.

    Quarantined files are left out but for who manages the place. Containers that the actor may not read are not named:
    what is readable below them stands at the top, told apart by the beginning of its id. Raises NotFound at once.
    """
    root = access.require(actor, uid)
    return _rows(actor, root)


def _rows(actor: Actor, root: Node) -> Iterator[ManifestRow]:
    inside = access.readable(actor).filter(subtree(root))
    folders = _paths(root, inside.exclude(kind=Node.Kind.FILE).order_by("ancestry", "id"))
    files = (
        inside.filter(kind=Node.Kind.FILE) if root.kind != Node.Kind.FILE else access.readable(actor).filter(id=root.id)
    )
    files = files.filter(current__isnull=False).exclude(current__state=Version.State.PROCESSING)
    held = ~access.within(actor, Level.MANAGE) if not actor.is_system else None
    if held is not None:
        files = files.exclude(held, current__state=Version.State.QUARANTINED)
    for file in _in_order(files.select_related("current__blob")):
        assert file.current is not None
        yield ManifestRow(
            folders.get(file.parent_id, "") + file.name,
            file.current.size_bytes,
            file.current.blob.sha256,
            file.uid,
            file.current.blob,
        )


def _in_order(files: QuerySet[Node]) -> Iterator[Node]:
    """Folder by folder, in the order in which they came; a query for each chunk.

    One query kept open for hours, while a large download goes to a slow client, would keep SQLite from ever shortening
    its write-ahead log.
    """
    after = Q()
    while chunk := list(files.filter(after).order_by("ancestry", "id")[:CHUNK]):
        yield from chunk
        last = chunk[-1]
        after = Q(ancestry__gte=last.ancestry) & (Q(ancestry__gt=last.ancestry) | Q(id__gt=last.id))


def _paths(root: Node, containers: QuerySet[Node]) -> dict[int | None, str]:
    """The path of each readable container, with a slash at its end."""
    found: dict[int | None, str] = {root.id: ""}
    for at, parent, name, uid in containers.values_list("id", "parent_id", "name", "uid"):
        found[at] = f"{found[parent]}{name}/" if parent in found else f"{name} ({str(uid)[:8]})/"
    return found
