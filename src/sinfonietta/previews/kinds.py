"""By which kinds a file can be shown to a person, decided by its media type, name, size and state alone."""

from __future__ import annotations

from dataclasses import dataclass

IMAGE_LIMIT_BYTES = 512 << 20

IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif"}
VIDEOS = {"video/mp4", "video/webm", "video/ogg"}
AUDIOS = {
    "audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave",
    "audio/flac",
}  # fmt: skip
TEXTS = {
    "application/json", "application/ld+json", "application/x-ndjson", "application/xml", "application/yaml",
    "application/x-yaml", "application/toml", "application/x-sh", "application/x-python", "application/javascript",
    "application/sql", "image/svg+xml",
}  # fmt: skip

OFFICE = (".docx", ".doc", ".odt", ".rtf", ".pptx", ".ppt", ".odp")
BY_ENDING = (
    ((".md", ".markdown"), ("markdown", "text")), ((".html", ".htm", ".xhtml"), ("html", "text")),
    ((".ipynb",), ("notebook", "text")), ((".csv", ".tsv", ".tab"), ("table", "text")),
    ((".json", ".geojson", ".jsonld", ".xml", ".xsd", ".yaml", ".yml", ".toml"), ("tree", "text")),
    ((".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"), ("sheets",)), (OFFICE, ("office",)),
    ((".nii", ".nii.gz", ".nrrd"), ("volume",)), ((".svg",), ("vector", "text")),
)  # fmt: skip
"""What the name says, where the content does not speak against it."""
BINARY = {"sheets", "office", "volume"}
KNOWN = {"application/pdf", "application/dicom"}

STORAGE = "1.2.840.10008.5.1.4.1.1."
DICOM_KINDS = {
    "88.59": ("report",), "88.67": ("irradiation", "report"), "88.68": ("irradiation", "report"),
    "88.73": ("irradiation", "report"), "88.76": ("irradiation", "report"),
    **dict.fromkeys(("104.1", "104.2", "104.3", "104.4", "104.5"), ("document",)),
    "66.4": ("segments",), "66.7": ("segments",), "128": ("suv",), "130": ("suv",),
}  # fmt: skip
"""How objects of a SOP class are shown besides image and tags; any other structured report: as a report."""


def of_sop_class(sop_class: str) -> tuple[str, ...]:
    """The kinds that a DICOM object has by its SOP class (PS3.4 B.5), the best first."""
    ending = sop_class.removeprefix(STORAGE)
    return DICOM_KINDS.get(ending, ("report",) if ending.startswith("88.") else ())


@dataclass(frozen=True)
class Showable:
    """The kinds, the best first; where there is none, ``reason`` says why in a sentence."""

    kinds: tuple[str, ...]
    reason: str = ""


def showable(
    media_type: str,
    size_bytes: int,
    state: str,
    *,
    name: str = "",
    has_image: bool = True,
    special: tuple[str, ...] = (),
) -> Showable:
    """How a file can be shown.

    ``state`` is the version's (``ready``, ``incomplete`` ...); ``has_image``: of DICOM, that it holds pixels;
    ``special``: how else it can be shown.
    """
    if state == "quarantined":
        return Showable((), "It is held in quarantine until a data manager decides.")
    if media_type == "application/dicom":
        if state == "incomplete":
            return Showable(("tags",))
        return Showable((*special, *(("image",) if has_image else ()), "tags"))
    if size_bytes == 0:
        return Showable((), "The file is empty.")
    if kinds := _named(media_type, name):
        return Showable(kinds)
    if media_type in IMAGES or media_type == "image/tiff":
        if size_bytes > IMAGE_LIMIT_BYTES:
            return Showable((), f"The image is larger than {IMAGE_LIMIT_BYTES >> 20} MiB; download it to look at it.")
        return Showable(("image",) if media_type in IMAGES else ("picture",))
    if media_type == "application/pdf":
        return Showable(("pdf",))
    if media_type in VIDEOS:
        return Showable(("video",))
    if media_type in AUDIOS:
        return Showable(("audio",))
    if media_type.startswith("text/") or media_type in TEXTS:
        return Showable(("text",))
    return Showable((), "Files of this type cannot be shown yet; download it to open it.")


def _named(media_type: str, name: str) -> tuple[str, ...]:
    is_text = media_type.startswith("text/") or media_type in TEXTS or media_type == "application/x-ipynb+json"
    for endings, kinds in BY_ENDING:
        if name.lower().endswith(endings):
            if kinds[0] in BINARY:
                fits = media_type == "text/plain" or (media_type.startswith("application/") and media_type not in KNOWN)
            else:
                fits = is_text
            return kinds if fits else ()
    return ()
