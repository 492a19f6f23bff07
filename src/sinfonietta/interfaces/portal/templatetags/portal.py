"""How values look on a page."""

from __future__ import annotations

from datetime import date

from django import template
from django.utils.safestring import SafeString, mark_safe

from sinfonietta.jobs.models import Job
from sinfonietta.library.access import LEVEL_NAMES
from sinfonietta.library.models import Level
from sinfonietta.previews.adapters.markup import clean

register = template.Library()

ICONS = (
    ("application/dicom", "bi-file-medical"), ("image/", "bi-file-image"), ("video/", "bi-file-play"),
    ("audio/", "bi-file-music"), ("application/pdf", "bi-file-pdf"), ("text/csv", "bi-file-spreadsheet"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml", "bi-file-spreadsheet"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml", "bi-file-word"),
    ("application/vnd.openxmlformats-officedocument.presentationml", "bi-file-slides"),
    ("application/zip", "bi-file-zip"), ("application/gzip", "bi-file-zip"),
    ("application/x-7z", "bi-file-zip"), ("application/x-tar", "bi-file-zip"), ("application/zstd", "bi-file-zip"),
    ("application/x-xz", "bi-file-zip"), ("application/x-bzip", "bi-file-zip"), ("text/", "bi-file-text"),
)  # fmt: skip
JOBS = {
    "library.copy": "Copy of a folder",
    "archives.unpack": "Unpacking of an archive",
    "archives.read": "Reading of an archive",
    "dicom.export": "Export",
    "dicom.send": "Sending to a DICOM node",
    "dicom.fetch": "Fetching from a DICOM node",
    "dicom.mirror": "Mirror of a DICOM node",
    "dicom.commit": "Storage commitment",
    "dicom.mirrors": "Mirrors that are due",
    "dicom.histograms": "Dose-volume histogram",
    "previews.convert": "Preview of a document",
    "dicom.reindex": "Reading of DICOM files again",
}
CONTAINERS = {"collection": "bi-archive", "folder": "bi-folder-fill", "fileset": "bi-stack"}


@register.filter
def icon(entry: object) -> str:
    """The icon of a node."""
    kind = getattr(entry, "kind", "")
    if kind in CONTAINERS:
        return CONTAINERS[kind]
    media_type = getattr(entry, "media_type", "")
    return next((name for start, name in ICONS if media_type.startswith(start)), "bi-file-earmark")


@register.filter
def cleaned(html: str) -> SafeString:
    """HTML of a stranger's without what acts. Cleaned once more here: the process that made it is not to be trusted."""
    return mark_safe(clean(html))  # noqa: S308


@register.filter
def item(values: list[object], index: int) -> object:
    """One of a list; empty beyond its end."""
    return values[index] if index < len(values) else ""


@register.filter
def level_name(level: int) -> str:
    """``read``, ``write`` or ``manage``."""
    return LEVEL_NAMES[Level(level)]


@register.filter
def job_name(kind: str) -> str:
    """What a person calls this kind of work."""
    return JOBS.get(kind, kind)


@register.filter
def job_said(job: Job) -> str:
    """What a job says of itself; at its end what it counted."""
    counted = job.result.items() if isinstance(job.result, dict) else ()
    return job.detail or ", ".join(f"{value} {name}" for name, value in counted if type(value) is int)


@register.filter
def dicom_date(value: str) -> str:
    """A DICOM date (DA) as ISO 8601; what is none stays as it is."""
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8])).isoformat()
    except ValueError:
        return value


@register.filter
def person(attributes: dict[str, object], tag: str) -> str:
    """A person's name (PN) of DICOM JSON as people write it: in Latin letters, and in ideographs where it has them."""
    values = attributes.get(tag, {}).get("Value") or [{}]  # type: ignore[attr-defined]
    name = values[0] or {}
    written = _joined(", ", name.get("Alphabetic")), _joined(" ", name.get("Ideographic"))
    return " ".join(filter(None, written)) or _joined(" ", name.get("Phonetic"))


def _joined(between: str, name: str | None) -> str:
    """Family and given name of one representation."""
    return between.join(filter(None, (name or "").split("^")[:2]))


@register.filter
def first(attributes: dict[str, object], tag: str) -> object:
    """The first value of an attribute of DICOM JSON."""
    values = attributes.get(tag, {}).get("Value") or [""]  # type: ignore[attr-defined]
    return "" if values[0] is None else values[0]
