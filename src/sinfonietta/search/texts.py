"""The text inside files: which have some, and reading it, in a process that may die."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sinfonietta.dicom.sandbox.isolation import IsolationError, Sandbox
from sinfonietta.library.models import Node
from sinfonietta.search.extracting import OFFICE, OPEN

READABLE = {
    "application/pdf", "application/json", "application/ld+json", "application/xml", "application/yaml",
    "application/toml", "application/x-ipynb+json", "application/xhtml+xml", "application/epub+zip",
    *(OFFICE + kind for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")),
    *(OPEN + kind for kind in ("text", "spreadsheet", "presentation")),
}  # fmt: skip
"""Besides ``text/*``."""
LARGEST = 500_000_000
"""Files beyond that are not opened for their text."""
MEMORY_BYTES, TIMEOUT_S = 1 << 30, 30.0


def is_readable(node: Node) -> bool:
    """Whether a file's content is of a kind that text is read from."""
    is_kind = node.media_type.startswith("text/") or node.media_type in READABLE
    return is_kind and node.kind == Node.Kind.FILE and 0 < (node.size_bytes or 0) <= LARGEST


@lru_cache(maxsize=1)
def pool() -> Sandbox:
    """One process at a time, kept while there is something to read."""
    return Sandbox(module="sinfonietta.search.extracting", size=1, memory_bytes=MEMORY_BYTES, timeout_s=TIMEOUT_S)


def read(path: Path, media_type: str) -> str:
    """The text inside a file; what could be read of one that is broken, and none of one that kills its reader."""
    try:
        return pool().ask("text", path, media_type=media_type)[1].decode()
    except IsolationError:
        return ""
