"""The files of the viewer: a table made once, so that no address ever reaches the file system."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

PACKAGE = Path(__file__).resolve().parents[2]
DIST = PACKAGE / "viewer_dist"
OWN = Path(__file__).resolve().parent
OWN_NAMES = ("app-config.js", "notice.css")
START_PAGE = "index.html"

# Not the machine's table of types: that differs from system to system, and browsers refuse wasm under another name.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".jsonc": "application/json",
    ".map": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webapp": "application/manifest+json",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
HASHED_NAME = re.compile(r"(^|\.)[0-9a-f]{16}\.(wasm|woff2)$")
"""Of OHIF's own bytes. Its scripts bear hashes too, but installing rewrites them, and another version of ours may do so
otherwise."""


@dataclass(frozen=True)
class ViewerFile:
    """One file: ``path`` on disk, compressed with gzip when ``compressed``."""

    path: Path
    media_type: str
    compressed: bool
    etag: str
    unchanging: bool
    """The name carries a hash of the content, so a browser may keep it for ever."""

    def plain(self) -> bytes:
        """The content without compression."""
        data = self.path.read_bytes()
        return gzip.decompress(data) if self.compressed else data


@cache
def table() -> dict[str, ViewerFile]:
    """Every file by its address below /viewer/; empty when the viewer was not installed."""
    return dict(_entries())


def looks_like_file(path: str) -> bool:
    """Whether an address asks for a file, and not for a page inside the application."""
    return PurePosixPath(path).suffix in MEDIA_TYPES


def _entries() -> Iterator[tuple[str, ViewerFile]]:
    if not (DIST / f"{START_PAGE}.gz").is_file():
        return
    for path in DIST.rglob("*"):
        name = path.relative_to(DIST).as_posix().removesuffix(".gz")
        if path.is_file() and looks_like_file(name):
            yield name, _entry(name, path)
    for name in OWN_NAMES:
        yield name, _entry(name, OWN / name)


def _entry(name: str, path: Path) -> ViewerFile:
    # By content: installers give every file of a wheel the same time.
    with path.open("rb") as stream:
        tag = hashlib.file_digest(stream, "sha256").hexdigest()[:32]
    return ViewerFile(
        path=path,
        media_type=MEDIA_TYPES[PurePosixPath(name).suffix],
        compressed=path.suffix == ".gz",
        etag=f'"{tag}"',
        unchanging=HASHED_NAME.search(PurePosixPath(name).name) is not None,
    )
