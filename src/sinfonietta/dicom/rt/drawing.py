"""Dose over an image: a colour wash, and isodose lines."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.rt.geometry import Points

Values = NDArray[np.floating[Any]]
STOPS = ((0.0, (40, 60, 200)), (0.3, (0, 170, 220)), (0.55, (40, 190, 80)), (0.75, (240, 220, 40)),
         (0.9, (245, 130, 30)), (1.0, (215, 30, 30)))  # fmt: skip
"""Colours of the scale, from nothing to its top."""
PALE = 0.1
"""Below this part of the scale nothing is coloured: the image stays readable where there is hardly any dose."""


def color(part: float) -> tuple[int, int, int]:
    """The colour of a dose that is ``part`` (0 to 1) of the top of the scale."""
    red, green, blue = (round(float(channel)) for channel in _colors(np.array([part]))[0])
    return red, green, blue


def wash(dose: Values, top: float) -> bytes:
    """A PNG with transparency, one pixel for each of ``dose`` (rows, columns); NaN and little dose are clear."""
    from PIL import Image  # noqa: PLC0415

    part = np.clip(np.nan_to_num(dose) / max(top, 1e-9), 0, 1)
    painted = np.zeros((*dose.shape, 4), dtype=np.uint8)
    painted[..., :3] = _colors(part)
    painted[..., 3] = np.where(part >= PALE, 255, 0)
    out = io.BytesIO()
    Image.fromarray(painted).save(out, "PNG", compress_level=1)
    return out.getvalue()


def isodoses(dose: Values, levels: list[float]) -> dict[float, list[Points]]:
    """For each level the lines (n, 2) of column and row along which the dose is that; whole numbers are pixel centres.

    Lines end where the grid ends.
    """
    from contourpy import LineType, contour_generator  # noqa: PLC0415

    found = contour_generator(z=np.ma.masked_invalid(dose), line_type=LineType.Separate)
    return {level: [np.asarray(line) for line in found.lines(level) if len(line) > 1] for level in levels}


def _colors(part: Values) -> Values:
    stops, colors = [stop for stop, _ in STOPS], np.array([rgb for _, rgb in STOPS], dtype=float)
    return np.stack([np.interp(part, stops, colors[:, channel]) for channel in range(3)], axis=-1)
