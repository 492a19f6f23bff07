"""What is written into a picture on request (DICOM PS3.18 8.3.5.1.1): of the patient, of the technique."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.dataset.tags import person

ANNOTATIONS: dict[str, tuple[tuple[str, str], ...]] = {
    "patient": (("", "00100010"), ("", "00100020"), ("born ", "00100030"), ("", "00100040")),
    "technique": (
        ("", "00080020"), ("", "00080060"), ("", "0008103E"), ("series ", "00200011"), ("image ", "00200013"),
        ("kV ", "00180060"), ("mA ", "00181151"), ("mAs ", "00181152"), ("TE ", "00180081"), ("TR ", "00180080"),
        ("slice mm ", "00180050"),
    ),
}  # fmt: skip
"""Keyword -> (label, tag) of each line: the patient's at the top left, the technique's at the bottom left."""
SMALLEST, LARGEST = 9, 28


def annotated(drawn: NDArray[np.uint8], dataset: Mapping[str, Any], asked: Sequence[str]) -> NDArray[np.uint8]:
    """The picture with its annotations, white on black edges, so that they are read on any ground."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415

    image = Image.fromarray(drawn)
    pen = ImageDraw.Draw(image)
    size = min(max(image.height // 32, SMALLEST), LARGEST)
    font = ImageFont.load_default(size)
    black, white = (0, 255) if image.mode == "L" else ((0, 0, 0), (255, 255, 255))
    for keyword in asked:
        text = "\n".join(_lines(dataset, ANNOTATIONS[keyword]))
        top = 2.0
        if keyword == "technique":
            top = max(image.height - pen.multiline_textbbox((0, 0), text, font=font, stroke_width=1)[3] - 2.0, 2.0)
        pen.multiline_text((2, top), text, white, font, stroke_width=1, stroke_fill=black)
    return np.asarray(image)


def _lines(dataset: Mapping[str, Any], rows: Sequence[tuple[str, str]]) -> list[str]:
    found = []
    for label, tag in rows:
        values = dataset.get(tag, {}).get("Value") or [None]
        value = person(values[0]) if isinstance(values[0], Mapping) else values[0]
        if value is not None and not isinstance(value, list):
            found.append(f"{label}{value}"[:64])
    return found
