"""Transparent pictures that are laid over an image of the same plane."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.image.volume import Values

Picture = NDArray[np.uint8]
"""(rows, columns, 4): red, green, blue, opacity."""
FILL, EDGE = 90, 255
HOT = np.array([(0, 0, 0), (130, 0, 0), (235, 60, 0), (255, 160, 0), (255, 235, 90), (255, 255, 255)], dtype=np.float32)
"""Colours from nothing to the top of the scale."""


def of_masks(masks: Mapping[int, NDArray[np.bool_]], colors: Mapping[int, tuple[int, int, int]]) -> Picture:
    """Masks of one size, each in its colour: the inside faint, the edge strong; later ones over earlier ones."""
    shape = next(iter(masks.values())).shape
    drawn = np.zeros((*shape, 4), dtype=np.uint8)
    for number, mask in masks.items():
        drawn[mask] = (*colors[number], FILL)
    for number, mask in masks.items():
        drawn[_edge(mask)] = (*colors[number], EDGE)
    return drawn


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: NDArray[np.bool_] = mask & ~inner
    return edge


def heat(values: Values, top: float) -> Picture:
    """Values from 0 to ``top`` as colours from dark to bright, the more opaque the hotter; nothing where NaN."""
    part = np.clip(np.nan_to_num(values, nan=0.0) / max(top, 1e-9), 0.0, 1.0)
    steps = np.linspace(0.0, 1.0, len(HOT))
    drawn = np.empty((*values.shape, 4), dtype=np.uint8)
    for channel in range(3):
        drawn[..., channel] = np.interp(part, steps, HOT[:, channel])
    drawn[..., 3] = np.where(np.isnan(values), 0, np.clip(part * 2, 0, 1) * 255)
    return drawn


def png(drawn: Picture) -> bytes:
    """As a PNG."""
    import imagecodecs  # noqa: PLC0415 - a tenth of a second, and only who draws needs it

    return bytes(imagecodecs.png_encode(np.ascontiguousarray(drawn), level=1))
