"""The text inside files: which have some, and reading it, each in a process of its own that may die."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sinfonietta.library.models import Node
from sinfonietta.search.extracting import MOST_BYTES, OFFICE, OPEN

READABLE = {
    "application/pdf", "application/json", "application/ld+json", "application/xml", "application/yaml",
    "application/toml", "application/x-ipynb+json", "application/xhtml+xml", "application/epub+zip",
    *(OFFICE + kind for kind in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")),
    *(OPEN + kind for kind in ("text", "spreadsheet", "presentation")),
}  # fmt: skip
"""Besides ``text/*``."""
LARGEST = 500_000_000
"""Files beyond that are not opened for their text."""
MEMORY_BYTES, TIMEOUT_S = 1 << 30, 30


def is_readable(node: Node) -> bool:
    """Whether a file's content is of a kind that text is read from."""
    is_kind = node.media_type.startswith("text/") or node.media_type in READABLE
    return is_kind and node.kind == Node.Kind.FILE and 0 < (node.size_bytes or 0) <= LARGEST


def read(path: Path, media_type: str) -> str:
    """The text inside a file; what could be read of one that is broken, and none of one that kills its reader."""
    with path.open("rb") as file:
        command = [sys.executable, "-m", "sinfonietta.search.extracting", str(file.fileno()), media_type]
        try:
            done = subprocess.run(
                [*command, str(MEMORY_BYTES), str(TIMEOUT_S)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, pass_fds=(file.fileno(),), env=_environment(), cwd="/", check=False,
                timeout=TIMEOUT_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return ""
    return done.stdout[:MOST_BYTES].decode("utf-8", "ignore")


def _environment() -> dict[str, str]:
    """No secret of the server, and the same packages as here."""
    packages = os.pathsep.join(path for path in sys.path if path)
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
