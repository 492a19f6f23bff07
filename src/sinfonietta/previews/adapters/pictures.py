"""Images as PNG of a modest size, a page at a time; what is too large is refused before it is decoded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sinfonietta.previews.adapters import Undrawable
from sinfonietta.previews.adapters.texts import Answer

MOST_PIXELS = 100_000_000
EDGE = 2048
Image.MAX_IMAGE_PIXELS = None  # refused below, in words


def show(path: str, name: str, page: int = 0, edge: int = EDGE) -> Answer:
    """A page of an image as PNG of at most ``edge`` pixels a side. 16-bit and float greys from darkest to brightest."""
    try:
        with Image.open(path) as image:
            pages = getattr(image, "n_frames", 1)
            if not 0 <= page < pages:
                raise Undrawable("The image has no such page.")
            image.seek(page)
            width, height, mode = image.width, image.height, image.mode
            if width * height > MOST_PIXELS:
                raise Undrawable(
                    f"The image has {width:,} x {height:,} pixels; more than {MOST_PIXELS // 10**6} million "
                    "are not drawn. Download it to look at it."
                )
            image.draft(None, (edge, edge))
            drawn = _grey(image) if mode[0] in "IF" else image.convert("RGBA" if _is_clear(image) else "RGB")
            drawn.thumbnail((edge, edge))
    except (UnidentifiedImageError, SyntaxError, ValueError, EOFError, OSError) as problem:
        raise Undrawable("The image is damaged, or of a form that cannot be drawn.") from problem
    out = io.BytesIO()
    drawn.save(out, "PNG")
    said = {
        "width": width,
        "height": height,
        "pages": pages,
        "page": page,
        "mode": mode,
        "bytes": Path(path).stat().st_size,
    }
    return said, out.getvalue()


def _is_clear(image: Image.Image) -> bool:
    return "A" in image.mode or "transparency" in image.info


def _grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float32)
    values = np.where(np.isfinite(values), values, 0)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / max(high - low, 1e-12))).astype(np.uint8))
