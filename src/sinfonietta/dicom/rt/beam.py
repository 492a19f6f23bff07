"""What a beam sees: points of the patient projected to the plane of its isocentre (IEC 61217, DICOM PS3.3 C.8.8.14).

The fixed system has its origin in the isocentre: x to the right of who faces the gantry, y towards the gantry, z up.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from sinfonietta.dicom.rt.geometry import Points, Unplaced
from sinfonietta.dicom.rt.plan import Beam, ControlPoint
from sinfonietta.dicom.rt.structures import Roi, basis_of

Rectangle = tuple[float, float, float, float]
"""x, y of two opposite corners in mm."""

POSITIONS = {
    "HFS": ((1, 0, 0), (0, 0, 1), (0, -1, 0)), "HFP": ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    "FFS": ((-1, 0, 0), (0, 0, -1), (0, -1, 0)), "FFP": ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    "HFDR": ((0, 1, 0), (0, 0, 1), (1, 0, 0)), "HFDL": ((0, -1, 0), (0, 0, 1), (-1, 0, 0)),
    "FFDR": ((0, -1, 0), (0, 0, -1), (1, 0, 0)), "FFDL": ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
}  # fmt: skip
"""Patient Position -> the axes x, y, z of the fixed system in the patient's (PS3.3 C.7.3.1.1.2), couch at 0."""
MULTILEAF = "MLC"
"""How the types of multileaf collimators begin (PS3.3 C.8.8.14.8)."""
NEAREST = 0.05
"""Points nearer to the source than this part of its distance are not projected."""
MOST_POINTS = 4000
"""Of a region that are projected; more would not be seen."""


@dataclass(frozen=True)
class View:
    """A beam at one of its control points, in its beam limiting device system: mm at the isocentre.

    ``jaws``: device -> its two edges; ``leaves``: what each leaf covers; ``outlines``: by ROI Number shapes (n, 2) that
    together cover the shadow of the region.
    """

    jaws: dict[str, tuple[float, float]]
    leaves: list[Rectangle]
    outlines: dict[int, list[Points]]

    @property
    def reach_mm(self) -> float:
        """How far from the axis there is something to see."""
        edges = [abs(edge) for pair in self.jaws.values() for edge in pair]
        points = [float(np.abs(one).max()) for outlines in self.outlines.values() for one in outlines]
        return min(max([40.0, *edges, *points]) * 1.1, 400.0)


def view(beam: Beam, point: ControlPoint, position: str, rois: list[Roi]) -> View:
    """What the beam sees of regions at a control point. Raises Unplaced where the plan does not say where it stands."""
    jaws = {
        device: (edges[0], edges[1]) for device, edges in point.jaws.items()
        if len(edges) == 2 and not device.startswith(MULTILEAF)
    }  # fmt: skip
    leaves = [
        leaf
        for device, bounds in beam.leaves.items()
        if device.startswith(MULTILEAF)
        for leaf in _leaves(device, bounds, point.jaws.get(device, ()))
    ]
    outlines = {roi.number: _seen(beam, point, position, roi) for roi in rois}
    return View(jaws, leaves, outlines)


def _leaves(device: str, bounds: tuple[float, ...], tips: tuple[float, ...]) -> list[Rectangle]:
    """The two banks: the first half of the positions belongs to the one on the negative side (PS3.3 C.8.8.14.6)."""
    count = len(bounds) - 1
    if count < 1 or len(tips) != 2 * count:
        return []
    far = 1000.0
    across = [
        (low, high, tips[pair + bank * count], -far if bank == 0 else far)
        for pair, (low, high) in enumerate(pairwise(bounds))
        for bank in (0, 1)
    ]
    if "Y" in device:
        return [(low, tip, high, end) for low, high, tip, end in across]
    return [(tip, low, end, high) for low, high, tip, end in across]


def _seen(beam: Beam, point: ControlPoint, position: str, roi: Roi) -> list[Points]:
    """The shadow of a region: what lies between neighbouring contours, each taken as convex."""
    closed = roi.closed
    if not closed:
        return []
    along = basis_of(max(closed, key=lambda contour: len(contour.points_mm))).along
    closed.sort(key=lambda contour: float(contour.points_mm[0] @ along))
    step = max(1, sum(len(contour.points_mm) for contour in closed) // MOST_POINTS)
    projected = [project(beam, point, position, contour.points_mm[::step]) for contour in closed]
    bodies = list(pairwise(projected)) or [(projected[0], projected[0])]
    hulls = [hull(np.concatenate(body)) for body in bodies]
    return [one for one in hulls if len(one) > 2]


def hull(points: Points) -> Points:
    """The corners (n, 2) of the convex hull, in order (Andrew's monotone chain)."""
    ordered = np.unique(points, axis=0).tolist()
    sides: list[list[list[float]]] = []
    for way in (ordered, ordered[::-1]):
        side: list[list[float]] = []
        for at in way:
            while len(side) > 1 and _turn(side[-2], side[-1], at) <= 0:
                side.pop()
            side.append(at)
        sides.append(side[:-1])
    return np.array(sides[0] + sides[1]).reshape(-1, 2)


def _turn(first: list[float], second: list[float], third: list[float]) -> float:
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (third[0] - first[0])


def project(beam: Beam, point: ControlPoint, position: str, points: Points) -> Points:
    """(n, 2): points (n, 3) of the patient in the beam limiting device system at the isocentre, in mm. Raises Unplaced.

    Points behind the source are left out.
    """
    axes = POSITIONS.get(position)
    if axes is None or not point.isocenter_mm or point.gantry_deg is None:
        raise Unplaced("The plan does not say how the patient lies, or where the beam comes from.")
    fixed = (points - np.array(point.isocenter_mm)) @ np.array(axes, dtype=float).T
    # Table and collimator turn counter-clockwise as seen from above and from the source, the gantry clockwise as seen
    # by who faces it.
    x, y = _turned(fixed[:, 0], fixed[:, 1], point.couch_deg or 0)
    x, z = _turned(x, fixed[:, 2], point.gantry_deg)
    x, y = _turned(x, y, -(point.collimator_deg or 0))
    distances = [distance or 1000.0 for distance in beam.sad_mm] or [1000.0]
    seen = z < min(distances) * (1 - NEAREST)
    magnified = [distance / (distance - z[seen]) for distance in (distances[0], distances[-1])]
    found: Points = np.stack([x[seen] * magnified[0], y[seen] * magnified[1]], axis=-1)
    return found


def _turned(first: Points, second: Points, degrees: float) -> tuple[Points, Points]:
    turn = np.radians(degrees)
    return first * np.cos(turn) - second * np.sin(turn), first * np.sin(turn) + second * np.cos(turn)
