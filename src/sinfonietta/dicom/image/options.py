"""How a picture is wanted. Apart from ``render``, so that who only asks for one need not load numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sinfonietta.dicom.dataset.parse import EXPLICIT, Header

PRESETS: dict[str, dict[str, tuple[float, float]]] = {
    "CT": {"soft tissue": (40, 400), "lung": (-600, 1500), "bone": (400, 1800), "brain": (40, 80)},
}
"""Window presets by modality: name -> (center, width), in the image's units (for CT: Hounsfield)."""

Format = Literal["png", "jpeg", "gif"]

COMPRESSED = ("4.57", "4.70", "4.80", "4.90", "4.91", "4.201", "4.203", "5")
DEFLATED_TARGET = "1.2.840.10008.1.2.1.99"
NATIVE_TARGETS = frozenset({EXPLICIT, DEFLATED_TARGET})
COMPRESSED_TARGETS = frozenset(f"1.2.840.10008.1.2.{end}" for end in COMPRESSED)
TARGETS = NATIVE_TARGETS | COMPRESSED_TARGETS
"""Transfer syntaxes that files are converted to, all of them without loss (``transcode``)."""


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a frame is drawn.

    ``window``: (center, width) in output units of the modality LUT, before ``preset`` (a name of ``presets``), before
    the file's own window, before one from the frame's values. ``function``: VOI LUT function (DICOM PS3.3 C.11.2.1.3);
    empty: the file's. ``region``: (x, y, width, height) in pixels of the image, turned over where width or height is
    negative; ``share``: the same as (left, top, right, bottom), each a share of the whole. ``max_size``: (width,
    height) in pixels into which the picture is scaled, keeping its proportions; down, or up as well where ``enlarge``.
    ``annotations``: what is written into the picture, "patient" and "technique". ``quality``: of JPEG, 1 to 100.
    """

    window: tuple[float, float] | None = None
    preset: str = ""
    function: Literal["", "LINEAR", "LINEAR_EXACT", "SIGMOID"] = ""
    region: tuple[float, float, float, float] | None = None
    share: tuple[float, float, float, float] | None = None
    max_size: tuple[int, int] | None = None
    enlarge: bool = False
    annotations: tuple[str, ...] = ()
    format: Format = "png"
    quality: int = 90


def presets(header: Header) -> dict[str, tuple[float, float]]:
    """The windows that a person may choose: those that the file names, then those of its modality."""
    named: dict[str, tuple[float, float]] = {}
    centers = header.json.get("00281050", {}).get("Value", [])
    widths = header.json.get("00281051", {}).get("Value", [])
    labels = header.json.get("00281055", {}).get("Value", [])
    for index, (center, width) in enumerate(zip(centers, widths, strict=False)):
        if isinstance(center, int | float) and isinstance(width, int | float) and width > 0:
            label = labels[index] if index < len(labels) and labels[index] else f"from the file {index + 1}"
            named[str(label)] = (float(center), float(width))
    return {**named, **PRESETS.get(header.modality, {})}
