"""What the phantom is, in closed form: the same figures that its images, contours and dose are made of.

All lengths in mm in the patient coordinate system (DICOM PS3.3 C.7.6.2.1.1: x to the left, y to the back, z to
the head), doses in Gy, densities in HU.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Ellipsoid:
    """A structure: an ellipsoid, or with a ``half_length_mm`` a cylinder along z of elliptic section."""

    name: str
    kind: str
    center_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    hu: int
    color: tuple[int, int, int]
    half_length_mm: float | None = None

    @property
    def volume_cm3(self) -> float:
        """Volume of the ideal body."""
        a, b, c = self.radii_mm
        if self.half_length_mm is not None:
            return math.pi * a * b * 2 * self.half_length_mm / 1000
        return 4 / 3 * math.pi * a * b * c / 1000

    def section_radii_mm(self, z_mm: float) -> tuple[float, float] | None:
        """The radii of its section with the plane at ``z_mm``; None outside."""
        a, b, c = self.radii_mm
        dz = z_mm - self.center_mm[2]
        if self.half_length_mm is not None:
            return (a, b) if abs(dz) <= self.half_length_mm else None
        scale = 1 - (dz / c) ** 2
        return (a * math.sqrt(scale), b * math.sqrt(scale)) if scale > 0 else None

    def inside(self, x_mm: Array, y_mm: Array, z_mm: float) -> NDArray[np.bool_]:
        """Which of the points of a plane lie inside."""
        radii = self.section_radii_mm(z_mm)
        if radii is None:
            return np.zeros(np.broadcast(x_mm, y_mm).shape, dtype=bool)
        dx, dy = x_mm - self.center_mm[0], y_mm - self.center_mm[1]
        return (dx / radii[0]) ** 2 + (dy / radii[1]) ** 2 <= 1


BODY = Ellipsoid("BODY", "EXTERNAL", (0, 0, 0), (170, 115, 1), 20, (200, 170, 140), half_length_mm=400)
LUNG_L = Ellipsoid("LUNG_L", "ORGAN", (80, -5, 5), (52, 78, 105), -780, (80, 160, 255))
LUNG_R = Ellipsoid("LUNG_R", "ORGAN", (-80, -5, 5), (54, 80, 110), -790, (80, 200, 255))
HEART = Ellipsoid("HEART", "ORGAN", (18, -35, -25), (42, 36, 48), 45, (255, 90, 90))
SPINE = Ellipsoid("VERTEBRAE", "ORGAN", (0, 66, 0), (24, 20, 1), 420, (230, 230, 180), half_length_mm=400)
CORD = Ellipsoid("SPINAL_CORD", "ORGAN", (0, 74, 0), (7, 7, 1), 30, (255, 230, 0), half_length_mm=400)
TUMOUR = Ellipsoid("GTV", "GTV", (-72, 8, 12), (13, 13, 13), 50, (255, 0, 0))
PTV = Ellipsoid("PTV", "PTV", (-72, 8, 12), (21, 21, 21), -790, (255, 0, 200))

STRUCTURES = (BODY, LUNG_L, LUNG_R, HEART, SPINE, CORD, TUMOUR, PTV)
DRAWN = (BODY, LUNG_L, LUNG_R, HEART, SPINE, CORD, TUMOUR)
"""In this order over each other; a PTV is not to be seen."""


@dataclass(frozen=True)
class Truth:
    """The phantom's figures for tests."""

    frame_of_reference_uid: str
    study_uid: str
    spacing_mm: tuple[float, float, float]
    slices: int
    first_slice_z_mm: float
    structures: tuple[Ellipsoid, ...] = STRUCTURES
    isocenter_mm: tuple[float, float, float] = PTV.center_mm
    prescribed_gy: float = 60.0
    sigma_mm: float = 38.0
    fractions: int = 30
    beams: tuple[float, ...] = field(default=(180.0, 300.0))
    """Gantry angles in degrees (IEC 61217)."""

    def structure(self, name: str) -> Ellipsoid:
        """The structure of that name."""
        return next(one for one in self.structures if one.name == name)

    def dose_gy(self, x_mm: Array, y_mm: Array, z_mm: Array | float) -> Array:
        """Dose: a Gaussian ball around the isocentre that is 107 % of the prescription in its centre."""
        cx, cy, cz = self.isocenter_mm
        r2 = (x_mm - cx) ** 2 + (y_mm - cy) ** 2 + (z_mm - cz) ** 2
        dose: Array = 1.07 * self.prescribed_gy * np.exp(-r2 / (2 * self.sigma_mm**2))
        return dose

    def radius_of_gy(self, dose_gy: float) -> float:
        """Radius in mm of the isodose surface."""
        return self.sigma_mm * math.sqrt(2 * math.log(1.07 * self.prescribed_gy / dose_gy))
