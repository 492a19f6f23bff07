"""Dose-volume histograms, computed from contours and a dose grid.

Each contour plane owns half of the distance to its neighbours; contours of one plane are combined by even-odd, which
keeps holes open (PS3.3 C.8.8.6.3). Areas are exact along one axis and sampled along the other; dose is interpolated
at the middle of each sample, and several times within the thickness of a plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.structures import NEAR_MM, Basis, Roi, basis_of

Values = NDArray[np.floating[Any]]
FINE_MM, COARSE_MM, SAMPLES = 0.25, 2.0, 64
"""Samples along the shorter side of a contour plane: about so many, at distances between these two."""
MOST_CELLS = 400
"""Along an edge, however large what strangers drew."""
LAYER_MM, MOST_LAYERS = 1.5, 20
"""Dose is looked at in layers no thicker than this."""
BINS = 1000


@dataclass(frozen=True)
class Histogram:
    """Volume over dose. ``volume_cm3[i]`` of the structure gets at least ``dose[i]`` (in the unit of the grid).

    ``outside``: the part of the volume, 0 to 1, that lies beyond the grid; it is in no other figure but the volume.
    """

    dose: Values
    volume_cm3: Values
    total_cm3: float
    outside: float
    lowest: float
    mean: float
    highest: float

    def dose_at(self, part: float) -> float:
        """The least dose of the hottest ``part`` (0 to 1) of the volume: D95 for 0.95."""
        return float(np.interp(-part * self.volume_cm3[0], -self.volume_cm3, self.dose))

    def part_at(self, dose: float) -> float:
        """The part (0 to 1) of the volume that gets at least ``dose``."""
        return float(np.interp(dose, self.dose, self.volume_cm3, right=0.0)) / max(float(self.volume_cm3[0]), 1e-12)


def volume_cm3(roi: Roi) -> float:
    """What the contours of a region enclose."""
    return float(sum(_area(polygons) * thickness for polygons, _, thickness, _ in _planes(roi))) / 1000


def _area(polygons: list[Values]) -> float:
    """mm2, by even-odd."""
    low, step, rows, columns = _raster(polygons)
    return float(coverage(polygons, low, step, rows, columns).sum()) * step * step


def histogram(roi: Roi, grid: DoseGrid) -> Histogram | None:
    """The histogram of a region; None where its contours enclose nothing, or all of it lies beyond the grid."""
    samples = [_plane_samples(*one, grid) for one in _planes(roi)]
    if not samples:
        return None
    dose, volume = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    total, known = volume.sum(), np.isfinite(dose)
    dose, volume = dose[known], volume[known]
    if not volume.sum():
        return None
    edges = np.linspace(0, max(float(dose.max()), 1e-6), BINS + 1)
    counts, _ = np.histogram(dose, edges, weights=volume)
    least = np.concatenate([[0.0], np.cumsum(counts[::-1])])[::-1]
    return Histogram(
        dose=edges,
        volume_cm3=least / 1000,
        total_cm3=float(total) / 1000,
        outside=1 - float(volume.sum() / total),
        lowest=float(dose.min()),
        mean=float((dose * volume).sum() / volume.sum()),
        highest=float(dose.max()),
    )


def _planes(roi: Roi) -> list[tuple[list[Values], float, float, Basis]]:
    """Of each contour plane its polygons (n, 2), where it lies along the stack, its thickness (mm), and the basis."""
    closed = roi.closed
    if not closed:
        return []
    basis = basis_of(max(closed, key=lambda contour: len(contour.points_mm)))
    stacked: list[tuple[float, list[Values]]] = []
    for contour in sorted(closed, key=lambda one: float((one.points_mm @ basis.along).mean())):
        position = float((contour.points_mm @ basis.along).mean())
        polygon = np.stack([contour.points_mm @ basis.across, contour.points_mm @ basis.down], axis=-1)
        if stacked and position - stacked[-1][0] < NEAR_MM:
            stacked[-1][1].append(polygon)
        else:
            stacked.append((position, [polygon]))
    positions = np.array([position for position, _ in stacked])
    thickness = _thickness(positions)
    return [(polygons, position, thick, basis) for (position, polygons), thick in zip(stacked, thickness, strict=True)]


def _thickness(positions: Values) -> Values:
    """Half of the distance to each neighbour; the first and the last reach as far outwards. A lone one has 1 mm."""
    if len(positions) < 2:
        return np.ones(1)
    gaps = np.diff(positions)
    thick: Values = (np.concatenate([gaps[:1], gaps]) + np.concatenate([gaps, gaps[-1:]])) / 2
    return thick


def _plane_samples(
    polygons: list[Values], position: float, thickness: float, basis: Basis, grid: DoseGrid
) -> tuple[Values, Values]:
    """Dose and volume (mm3) of the samples of one plane."""
    low, step, rows, columns = _raster(polygons)
    area = coverage(polygons, low, step, rows, columns) * step * step
    down, across = np.nonzero(area)
    x, y = low[0] + (across + 0.5) * step, low[1] + (down + 0.5) * step
    layers = min(max(1, round(thickness / LAYER_MM)), MOST_LAYERS)
    depths = position + ((np.arange(layers) + 0.5) / layers - 0.5) * thickness
    flat = x[:, None] * basis.across + y[:, None] * basis.down
    dose = [grid.at(flat + depth * basis.along) for depth in depths]
    volume = np.tile(area[down, across] * thickness / layers, layers)
    return np.concatenate(dose), volume


def _raster(polygons: list[Values]) -> tuple[Values, float, int, int]:
    """The outer corner of the first cell, the edge of a cell (mm), rows and columns that cover the polygons."""
    low, high = np.min([one.min(axis=0) for one in polygons], axis=0), np.max([p.max(axis=0) for p in polygons], axis=0)
    extent = high - low
    step = float(np.clip(extent.min() / SAMPLES, FINE_MM, COARSE_MM))
    step = max(step, float(extent.max()) / MOST_CELLS)
    columns, rows = (max(1, int(np.ceil(size / step))) for size in extent)
    return low, step, rows, columns


def coverage(polygons: list[Values], corner: Values, step: float, rows: int, columns: int) -> Values:
    """(rows, columns): how much of each cell, 0 to 1, is inside the polygons by even-odd.

    ``corner``: x and y of the outer corner of the first cell; ``step``: edge of a cell. Each row is looked at along
    its middle, exactly.
    """
    edges = np.concatenate([np.concatenate([one, np.roll(one, -1, axis=0)], axis=1) for one in polygons])
    edges = edges[edges[:, 1] != edges[:, 3]]
    y0, y1 = edges[:, 1], edges[:, 3]
    # The rows that an edge crosses, half-open: a corner on the middle of a row counts once.
    first = np.ceil((np.minimum(y0, y1) - corner[1]) / step - 0.5).astype(np.intp)
    last = np.ceil((np.maximum(y0, y1) - corner[1]) / step - 0.5).astype(np.intp)
    first, last = np.clip(first, 0, rows), np.clip(last, 0, rows)
    counts = last - first
    edge = np.repeat(np.arange(len(edges)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    y = corner[1] + (row + 0.5) * step
    x = edges[edge, 0] + (y - y0[edge]) / (y1 - y0)[edge] * (edges[edge, 2] - edges[edge, 0])
    order = np.lexsort((x, row))
    row, at = row[order], np.clip((x[order] - corner[0]) / step, 0, columns)
    # Crossings come in pairs: what lies right of the first and not right of the second is inside.
    sign = np.where(np.arange(len(row)) % 2 == 0, 1.0, -1.0)
    cell = np.minimum(at.astype(np.intp), columns - 1)
    steps = np.zeros((rows, columns + 1))
    np.add.at(steps, (row, cell), sign * (cell + 1 - at))
    np.add.at(steps, (row, cell + 1), sign * (at - cell))
    return np.clip(np.cumsum(steps, axis=1)[:, :columns], 0, 1)
