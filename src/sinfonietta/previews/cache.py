"""Previews that were made, by the content that they were made of: a folder that may be emptied at any time."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

REVISION = 1
"""Raised when a kind is shown in another way, so that old ones are made anew."""
KEPT_DAYS = 30
KEPT_BYTES = 2 << 30
TOUCH_S = 86_400
NOW_AND_THEN = "00"
"""Of one key in 256."""


@dataclass(frozen=True)
class Shown:
    """What a template needs, and a picture or document in a file (of no length where there is none)."""

    head: dict[str, Any]
    body: Path


def key_of(sha256: str, kind: str, name: str, asked: dict[str, Any]) -> str:
    """By what a preview is kept: content, the kind, the ending of the name, what was asked."""
    said = [REVISION, sha256, kind, "".join(Path(name.lower()).suffixes[-2:]), sorted(asked.items())]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def folder() -> Path:
    """Where they are kept."""
    return Path(settings.OPTIONS.data) / "previews"


def get(key: str) -> Shown | None:
    """One that was made."""
    head, body = _places(key)
    try:
        if time.time() - head.stat().st_mtime > TOUCH_S:
            os.utime(head)
        return Shown(orjson.loads(head.read_bytes()), body)
    except (FileNotFoundError, ValueError):
        return None


def put(key: str, head: dict[str, Any], body: bytes = b"") -> Shown:
    """Keep one. The head comes last: whoever finds it finds the body."""
    places = _places(key)
    places[0].parent.mkdir(parents=True, exist_ok=True)
    for place, content in ((places[1], body), (places[0], orjson.dumps(head))):
        with tempfile.NamedTemporaryFile(dir=place.parent, prefix="new-", delete=False) as stream:
            stream.write(content)
        Path(stream.name).replace(place)
    if key.startswith(NOW_AND_THEN):  # whoever asks for ever new slices fills no disk until the schedule comes
        forget()
    return Shown(head, places[1])


def _places(key: str) -> tuple[Path, Path]:
    place = folder() / key[:2] / key
    return place, place.with_suffix(".body")


def forget(*, days: float = KEPT_DAYS, most_bytes: int = KEPT_BYTES) -> int:
    """Forget what nobody looked at for so long, and the oldest of what is too much; how many."""
    found = sorted((status.st_mtime, path) for path in folder().glob("*/*") if (status := _status(path)))
    left = sum(status.st_size for _, path in found if (status := _status(path)))
    forgotten = 0
    for changed, path in found:
        if changed > time.time() - days * 86_400 and left <= most_bytes:
            break
        status = _status(path)
        left -= status.st_size if status else 0
        path.unlink(missing_ok=True)
        forgotten += 1
    return forgotten


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
