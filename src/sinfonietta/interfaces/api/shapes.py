"""Things of the house as JSON of the API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request

from sinfonietta.accounts.models import Group, Membership, Token, User
from sinfonietta.accounts.queries import PrincipalRef
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Invalid
from sinfonietta.dicom.image.segments import Segmentation
from sinfonietta.dicom.queries import identities
from sinfonietta.dicom.radiation.irradiation import DoseReport, Figure
from sinfonietta.dicom.reports import Content
from sinfonietta.jobs.models import Job
from sinfonietta.library.access import LEVEL_NAMES
from sinfonietta.library.models import Level, Node, Version
from sinfonietta.library.queries import Changes, Entry, Grants, ManifestRow, TrashEntry
from sinfonietta.previews.overlays import Over, Pet
from sinfonietta.previews.reports import Report

Shape = dict[str, Any]
LEVELS = {name: level for level, name in LEVEL_NAMES.items()}
DICOM = "application/dicom"
COLLECTION_FIELDS = ("description", "deidentification", "quota_bytes", "used_bytes")
OBJECTS = {"report", "irradiation", "document", "segments", "suv"}
"""Kinds that are answered below a file's preview."""
FILE_FIELDS = ("size_bytes", "sha256", "media_type", "version", "state", "problem")


def nodes(entries: Sequence[Entry]) -> list[Shape]:
    """Nodes of a page; what DICOM says of its files in one query."""
    files = [entry.id for entry in entries if entry.media_type == DICOM]
    known = identities(files) if files else {}
    return [_node(entry, known) for entry in entries]


def node(entry: Entry) -> Shape:
    """One node."""
    return nodes([entry])[0]


def _node(entry: Entry, dicom: dict[int, dict[str, str]]) -> Shape:
    shape: Shape = {
        "id": str(entry.uid),
        "type": entry.kind,
        "name": entry.name,
        "path": entry.path,
        "parent": entry.parent and str(entry.parent),
        "created": entry.created,
        "modified": entry.modified,
        "level": LEVEL_NAMES[entry.level],
    }
    if entry.kind == Node.Kind.COLLECTION:
        shape |= {name: getattr(entry, name) for name in COLLECTION_FIELDS}
    if entry.kind == Node.Kind.FILE:
        shape |= {name: getattr(entry, name) for name in FILE_FIELDS}
        shape |= {"dicom": dicom[entry.id]} if entry.id in dicom else {}
    return shape


def url(entry: Entry) -> str:
    """Where the node is, by its own kind."""
    return f"/api/v1/{entry.kind}s/{entry.uid}"


def trashed(row: TrashEntry) -> Shape:
    """What is in the trash."""
    return node(row.entry) | {"trashed": row.trashed, "purge_after": row.purge_after}


def grants(found: Grants) -> Shape:
    """An ACL."""
    return {
        "inherit": found.inherit,
        "inherited_from": found.inherited_from and str(found.inherited_from),
        "everyone": found.everyone,
        "grants": [
            {row.kind: str(row.uid), "name": row.name, "level": LEVEL_NAMES[row.granted]}
            for row in found.granted
            if row.granted
        ],
    }


def grant_asked(said: Shape) -> tuple[str, str, Level]:
    """A grant of a body, as the library takes it."""
    kind = "user" if "user" in said else "group"
    return kind, said[kind], LEVELS[said["level"]]


def metadata_asked(body: Any) -> Shape:
    """The object of a body. Raises Invalid for anything else."""
    if not isinstance(body, dict):
        raise Invalid("Send an object of keys and values.", errors={"body": ["not an object"]})
    return body


def version(found: Version) -> Shape:
    """One version of a file."""
    return {
        "number": found.number,
        "size_bytes": found.size_bytes,
        "sha256": found.blob.sha256,
        "media_type": found.media_type,
        "state": found.state,
        "problem": found.problem,
        "created": found.created,
        "modified": found.modified,
        "current": found.id == found.node.current_id,
    }


def manifest_row(row: ManifestRow) -> Shape:
    """A file of a manifest."""
    return {
        "path": row.path,
        "size_bytes": row.size_bytes,
        "sha256": row.sha256,
        "url": f"/api/v1/files/{row.uid}/content",
    }


AS_THEY_ARE = {"text", "image", "vector", "pdf", "video", "audio"}
"""Kinds that a program shows from the file's own bytes."""


def preview_links(entry: Entry, kinds: Iterable[str]) -> dict[str, str]:
    """Where each kind is shown."""
    content, pages = f"/api/v1/files/{entry.uid}/content", f"/files/{entry.uid}"
    if entry.media_type != DICOM:
        return {kind: content if kind in AS_THEY_ARE else f"{pages}/shown?kind={kind}" for kind in kinds}
    of_pages = {"image": f"{pages}/image.png", "tags": f"{pages}/tags"}
    own = {kind: f"/api/v1/files/{entry.uid}/{'preview/' if kind in OBJECTS else ''}{kind}" for kind in kinds}
    return own | {kind: of_pages[kind] for kind in kinds if kind in of_pages}


def report(found: Report) -> Shape:
    """A structured report."""
    seen = {uid: f"/api/v1/files/{row.node.uid}" for uid, row in found.seen.items()}
    return {"title": vars(found.root.concept), "items": [_content(one, seen) for one in found.root.children]}


def _content(one: Content, seen: dict[str, str]) -> Shape:
    shape: Shape = {
        "relation": one.relation, "kind": one.kind, "concept": vars(one.concept), "value": one.value,
        "place": one.place, "more": one.more, "items": [_content(child, seen) for child in one.children],
    }  # fmt: skip
    if one.kind == "NUM":
        shape |= {"number": one.number, "unit": vars(one.unit)}
    if one.code:
        shape |= {"code": vars(one.code)}
    if one.reference:
        sop_class, uid = one.reference
        shape |= {"reference": {"sop_class": sop_class, "instance": uid, "file": seen.get(uid), "frames": one.frames}}
    return shape


def irradiation(found: DoseReport, sums: list[Figure]) -> Shape:
    """A dose report."""
    events = [vars(event) | {"figures": [_figure(one) for one in event.figures]} for event in found.events]
    totals = [_figure(one) for one in found.totals]
    return {"title": found.title, "totals": totals, "sums": [_figure(one) for one in sums], "events": events}


def _figure(one: Figure) -> Shape:
    return vars(one) | {"unit": one.unit}


def segments(uid: UUID, found: Segmentation, over: Over) -> Shape:
    """A segmentation."""
    return {
        "kind": found.kind,
        "frame_of_reference": found.frame_of_reference,
        "segments": found.as_dict()["segments"],
        "images": [str(row.node.uid) for row in over.images],
        "overlay": f"/files/{uid}/segments.png",
        "reason": over.reason,
    }


def suv(uid: UUID, found: Pet) -> Shape:
    """A PET image in SUV."""
    return {
        "factor": found.suv.factor if found.suv else None,
        "how": found.suv.how if found.suv else "",
        "reason": found.reason,
        "unit": found.unit,
        "backgrounds": [
            {"series": one.series_uid, "modality": one.modality, "description": one.description, "images": one.images}
            for one in found.backgrounds
        ],
        "overlay": f"/files/{uid}/fused.png",
    }


def changes(request: Request, found: Changes) -> Shape:
    """A piece of the feed."""
    items = [{"what": row.what, "id": str(row.node), "type": row.kind, "at": row.at} for row in found.items]
    query = request.query_params.copy()
    query["since"] = found.since
    more = request.build_absolute_uri(f"{request.path}?{query.urlencode()}") if found.more else None
    return {"results": items, "next": more, "since": found.since}


def job(found: Job) -> Shape:
    """A job as it stands."""
    fields = ("kind", "state", "progress", "detail", "result", "created", "finished")
    return {"id": str(found.uid)} | {name: getattr(found, name) for name in fields}


def job_url(found: Job) -> str:
    """Where a job tells how it is."""
    return f"/api/v1/jobs/{found.uid}"


def event(found: Event) -> Shape:
    """An event of the audit."""
    fields = ("at", "actor", "action", "target", "collection", "door", "request", "address", "detail")
    return {name: getattr(found, name) for name in fields}


def me(user: User, groups: Sequence[Group], home: UUID | None) -> Shape:
    """The caller."""
    return {
        "id": str(user.uid),
        "name": user.name,
        "full_name": user.full_name,
        "email": user.email,
        "groups": [group.name for group in groups],
        "is_admin": user.is_admin,
        "home": home and str(home),
    }


def principal(found: PrincipalRef) -> Shape:
    """Somebody to share with."""
    return {"id": str(found.uid), "type": found.kind, "name": found.name, "full_name": found.full_name}


def token(found: Token) -> Shape:
    """A token without its secret."""
    fields = ("name", "scope", "hint", "created", "expires", "last_used")
    return {"id": str(found.uid)} | {name: getattr(found, name) for name in fields}


def group(found: Group) -> Shape:
    """A group."""
    return {"id": str(found.uid), "name": found.name, "description": found.description}


def member(found: Membership) -> Shape:
    """A member of a group."""
    user = found.user
    return {"id": str(user.uid), "name": user.name, "full_name": user.full_name, "is_manager": found.is_manager}
