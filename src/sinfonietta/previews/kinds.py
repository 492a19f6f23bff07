"""By which kinds a file can be shown to a person, decided by its media type, size and state alone."""

from __future__ import annotations

from dataclasses import dataclass

TEXT_LIMIT_BYTES = 2 << 20
"""Longer texts are shown up to here."""
IMAGE_LIMIT_BYTES = 64 << 20

IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"}
VIDEOS = {"video/mp4", "video/webm", "video/ogg"}
AUDIOS = {"audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "audio/wav", "audio/x-wav", "audio/flac"}
TEXTS = {
    "application/json", "application/ld+json", "application/x-ndjson", "application/xml", "application/yaml",
    "application/x-yaml", "application/toml", "application/x-sh", "application/x-python", "application/javascript",
    "application/sql", "image/svg+xml",
}  # fmt: skip


@dataclass(frozen=True)
class Showable:
    """The kinds, the best first; where there is none, ``reason`` says why in a sentence."""

    kinds: tuple[str, ...]
    reason: str = ""


def showable(media_type: str, size_bytes: int, state: str, *, has_image: bool = True) -> Showable:
    """How a file can be shown.

    ``state`` is the version's (``ready``, ``incomplete`` ...); ``has_image``: of DICOM, that it holds pixels. Markup
    that could run script (HTML, SVG) is shown as its source.
    """
    if state == "quarantined":
        return Showable((), "It is held in quarantine until a data manager decides.")
    if media_type == "application/dicom":
        return Showable(("image", "tags") if has_image and state != "incomplete" else ("tags",))
    if size_bytes == 0:
        return Showable((), "The file is empty.")
    if media_type in IMAGES:
        if size_bytes > IMAGE_LIMIT_BYTES:
            return Showable((), f"The image is larger than {IMAGE_LIMIT_BYTES >> 20} MiB; download it to look at it.")
        return Showable(("image",))
    if media_type == "application/pdf":
        return Showable(("pdf",))
    if media_type in VIDEOS:
        return Showable(("video",))
    if media_type in AUDIOS:
        return Showable(("audio",))
    if media_type.startswith("text/") or media_type in TEXTS:
        return Showable(("text",))
    return Showable((), "Files of this type cannot be shown yet; download it to open it.")
