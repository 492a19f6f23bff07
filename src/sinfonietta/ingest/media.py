"""What a file is: by its content where that is certain, else by its name. A sender's claim is not believed."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import puremagic

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 4096
BY_NAME = {
    ".dcm": UNKNOWN,  # DICOM is recognised by content alone
    ".csv": "text/csv", ".tsv": "text/tab-separated-values", ".md": "text/markdown", ".yaml": "application/yaml",
    ".yml": "application/yaml", ".toml": "application/toml", ".json": "application/json", ".xml": "application/xml",
    ".py": "text/x-python", ".r": "text/x-r", ".m": "text/x-matlab", ".ipynb": "application/x-ipynb+json",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".odt": "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odp": "application/vnd.oasis.opendocument.presentation", ".webm": "video/webm", ".mp4": "video/mp4",
    ".nii": "application/x-nifti", ".nrrd": "application/x-nrrd", ".mha": "application/x-metaimage",
    ".parquet": "application/vnd.apache.parquet", ".webp": "image/webp", ".log": "text/plain", ".txt": "text/plain",
}  # fmt: skip
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"%PDF-", "application/pdf"), (b"\x1aE\xdf\xa3", "video/webm"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"), (b"\x1f\x8b", "application/gzip"),
    (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"), (b"\x89HDF\r\n\x1a\n", "application/x-hdf5"),
    (b"OggS", "video/ogg"),
)  # fmt: skip
CONTAINERS = {"application/zip", "application/x-ole-storage"}
"""Formats that others are built on: the name says which."""


def media_type(path: Path, name: str) -> str:
    """The media type of a file (RFC 6838)."""
    with path.open("rb") as stream:
        return media_type_of(stream.read(HEAD_BYTES), name)


def media_type_of(head: bytes, name: str) -> str:
    """As ``media_type``, of the first bytes."""
    named = BY_NAME.get(Path(name.lower()).suffix) or mimetypes.guess_type(name, strict=False)[0] or UNKNOWN
    found = _by_content(head)
    if found in CONTAINERS:
        return named if named.startswith("application/") and named != UNKNOWN else found
    if found:
        return found
    if _is_text(head):
        return named if named.startswith("text/") or named in TEXTUAL else "text/plain"
    # A binary file that calls itself text is not: nobody shall be shown it as a page.
    return UNKNOWN if named.startswith("text/") or named in TEXTUAL else named


TEXTUAL = {
    "application/json", "application/xml", "application/yaml", "application/toml", "application/x-ipynb+json",
    "application/javascript", "image/svg+xml", "application/x-sh", "application/sql",
}  # fmt: skip


def _by_content(head: bytes) -> str:
    for signature, found in SIGNATURES:
        if head.startswith(signature):
            return found
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/mp4"
    if head[:4] == b"PK\x03\x04" or head[:4] == b"PK\x05\x06":
        return "application/zip"
    if _is_text(head):
        return ""
    try:
        best = puremagic.magic_string(head)[0]
    except (puremagic.PureError, ValueError, IndexError):
        return ""
    return str(best.mime_type) if best.confidence >= SURE and best.mime_type else ""


SURE = 0.8


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 4 and len(head) == HEAD_BYTES  # a character cut by the end of the head
    return bool(head)
