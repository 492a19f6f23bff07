"""What a node can be found by, put together from what the other rooms keep of it.

All of it is the node's own: its name, its metadata, the attributes of its own current version. So whoever may read the
node may read all of its document, and nothing else is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import Any

from sinfonietta.accounts.models import User
from sinfonietta.dicom.dataset.parse import MEDIA_TYPE as DICOM
from sinfonietta.library.models import Collection, Metadata, Node
from sinfonietta.search import dicom_parts, texts
from sinfonietta.search.models import Document, Number
from sinfonietta.search.words import document, fact, facts, fold, joined

FORMS = (
    (DICOM, "DICOM"), ("image/", "image"), ("video/", "video"), ("audio/", "audio"), ("application/pdf", "PDF"),
    ("text/csv", "table"), ("text/tab-separated-values", "table"), ("application/vnd.ms-excel", "table"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml", "table"),
    ("application/vnd.oasis.opendocument.spreadsheet", "table"), ("application/vnd.apache.parquet", "table"),
    ("application/vnd.openxmlformats-officedocument.presentationml", "slides"),
    ("application/vnd.oasis.opendocument.presentation", "slides"), ("application/vnd.ms-powerpoint", "slides"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml", "document"),
    ("application/vnd.oasis.opendocument.text", "document"), ("application/msword", "document"),
    ("application/rtf", "document"), ("application/zip", "archive"), ("application/gzip", "archive"),
    ("application/x-tar", "archive"), ("application/x-7z-compressed", "archive"), ("text/", "text"),
    ("application/json", "text"), ("application/xml", "text"), ("application/yaml", "text"),
    ("application/x-nifti", "volume"), ("application/x-nrrd", "volume"), ("application/x-metaimage", "volume"),
)  # fmt: skip
"""How a media type begins -> what people call such a file."""
SIZES = (0, 10**4, 10**5, 10**6, 10**7, 10**8, 10**9)
"""Where the classes of sizes begin, in bytes."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")
LONGEST_VALUE = 1000


@dataclass
class Parts:
    """What a document is made of. ``lines`` are read by people, ``stated`` are facts, ``numbers`` for comparisons."""

    lines: list[str] = field(default_factory=list)
    stated: list[str] = field(default_factory=list)
    numbers: list[tuple[str, float]] = field(default_factory=list)

    def number(self, name: str, value: float) -> None:
        """A number under a field."""
        self.numbers.append((name, value))
        self.stated.append(f"=has_{name}")


@dataclass
class Made:
    """A document and its numbers, to be kept."""

    document: Document
    numbers: list[Number]


def make(nodes: Sequence[Node], seen: int) -> list[Made]:
    """The documents of nodes as they are now. ``seen``: a change that was committed before they were read."""
    ids = [node.id for node in nodes]
    keys = _by_node(Metadata.objects.filter(node_id__in=ids).order_by("key").values_list("node_id", "key", "value"))
    owners = User.objects.in_bulk({node.created_by_id for node in nodes if node.created_by_id})
    said = dict(Collection.objects.filter(node_id__in=ids).values_list("node_id", "description"))
    images = dicom_parts.of_versions(
        [node.current_id for node in nodes if node.media_type == DICOM and node.current_id]
    )
    kept = {
        one: (version, content)
        for one, version, content in Document.objects.filter(node_id__in=ids).values_list(
            "node_id", "version", "content"
        )
    }
    return [
        _make(node, seen, keys.get(node.id, []), owners.get(node.created_by_id or 0), said.get(node.id, ""),
              images.get(node.current_id or 0), kept.get(node.id))
        for node in nodes
    ]  # fmt: skip


def _by_node(rows: Iterable[tuple[int, str, Any]]) -> dict[int, list[tuple[str, Any]]]:
    found: dict[int, list[tuple[str, Any]]] = {}
    for node, key, value in rows:
        found.setdefault(node, []).append((key, value))
    return found


def _make(
    node: Node,
    seen: int,
    keys: list[tuple[str, Any]],
    owner: User | None,
    description: str,
    image: dicom_parts.Image | None,
    kept: tuple[int | None, str] | None,
) -> Made:
    parts = Parts()
    if description:
        parts.lines.append(description)
        parts.stated.append("=has_description")
    _add_metadata(parts, keys)
    form = form_of(node)
    parts.stated += _of_node(node, form)
    if owner is not None:
        parts.stated += facts("owner", owner.name, owner.full_name)
    day = int(f"{node.modified:%Y%m%d}")
    if image is not None:
        image.tell(parts)
        day = image.day or day
    parts.stated += dated("date", day // 10000, day // 100 % 100)
    is_read = kept is not None and kept[0] is not None and kept[0] == node.current_id
    content = kept[1] if kept and is_read else ""
    if content:
        parts.stated.append("=has_text")
    text = "\n".join(parts.lines)
    made = Document(
        node_id=node.id, seen=seen, kind=node.kind, collection=node.collection_id, owner=node.created_by_id, form=form,
        modality=image.modality[:16] if image else "", body_part=image.body_part[:64] if image else "",
        maker=image.maker[:64] if image else "", day=day, size_bytes=node.size_bytes,
        version=node.current_id if is_read else None, wanted=not is_read and texts.is_readable(node),
        name=fold(node.name)[:400], text=text, content=content,
        words=document([node.name, text, content], parts.stated),
    )  # fmt: skip
    numbers = [
        Number(document_id=node.id, field=name[:80], value=value) for name, value in dict.fromkeys(parts.numbers)
    ]
    return Made(made, numbers)


def form_of(node: Node) -> str:
    """What people call a file of its type; the kind for containers."""
    if node.kind != Node.Kind.FILE:
        return ""
    return next((form for start, form in FORMS if node.media_type.startswith(start)), "other")


def dated(name: str, year: int, month: int) -> tuple[str, str]:
    """The facts that a day of a field lies in a year and in a month."""
    return f"={name}_{year:04d}", f"={name}_{year:04d}{month:02d}"


def size_class(size_bytes: float) -> int:
    """The number of the class that a size belongs to."""
    return sum(size_bytes >= start for start in SIZES[1:])


def _of_node(node: Node, form: str) -> Iterator[str]:
    yield fact("type", node.kind)
    yield f"=in_{node.collection_id}"
    yield from dated("created", node.created.year, node.created.month)
    yield from dated("modified", node.modified.year, node.modified.month)
    if node.kind == Node.Kind.FILE:
        yield fact("type", form)
        yield from (fact("type", part) for part in node.media_type.split("/") if part)
        if ending := PurePath(node.name).suffix:
            yield fact("type", ending)
        yield f"=size_{size_class(node.size_bytes or 0)}"


def _add_metadata(parts: Parts, keys: list[tuple[str, Any]]) -> None:
    if keys:
        parts.stated.append("=has_metadata")
    for key, value in keys:
        values = value if isinstance(value, list) else [value]
        said = ", ".join(str(one) for one in values)
        parts.lines.append(f"{key}: {said}")
        name = joined(key)
        parts.stated.append(f"=meta_{name}")
        for one in values:
            number = comparable(one)
            if number is not None:
                parts.number(f"meta_{name}", number)
            spoken = str(one)[:LONGEST_VALUE]
            parts.stated += {f"=meta_{name}={joined(spoken)}", *(f"=meta_{name}={word}" for word in _words(spoken))}


def _words(spoken: str) -> list[str]:
    return [joined(part) for part in spoken.split() if joined(part)]


def comparable(value: object) -> float | None:
    """A value as a number that can be compared: a number, or a date as YYYYMMDD; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and DATE.match(value):
        try:
            return float(date.fromisoformat(value[:10]).strftime("%Y%m%d"))
        except ValueError:
            return None
    return None
