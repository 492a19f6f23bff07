"""Values of a grid at points between its centres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]
RIM = 0.5
"""How far beyond the outermost centres a grid reaches, in voxels."""


def trilinear(values: Values, position: Sequence[Values], kind: type[np.floating[Any]] = np.float64) -> Values:
    """The values at fractional indices along each axis, in the precision ``kind``; NaN outside of the grid."""
    lower, weight, outside = [], [], np.zeros(np.shape(position[0]), dtype=bool)
    for size, along in zip(values.shape, position, strict=True):
        outside |= ~((along >= -RIM) & (along <= size - 1 + RIM))
        inside = np.clip(np.nan_to_num(along), 0, size - 1)
        lower.append(np.minimum(inside.astype(np.intp), max(size - 2, 0)))
        weight.append((inside - lower[-1]).astype(kind))
    found = np.zeros(outside.shape, dtype=kind)
    for corner in range(8):
        steps = [corner >> axis & 1 for axis in (2, 1, 0)]
        part = np.ones(outside.shape, dtype=kind)
        for step, share in zip(steps, weight, strict=True):
            part = part * (share if step else 1 - share)
        index = tuple(
            np.minimum(low + step, size - 1) for low, step, size in zip(lower, steps, values.shape, strict=True)
        )
        found += part * values[index]
    found[outside] = np.nan
    return found
