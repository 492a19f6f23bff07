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
RIBS = tuple(
    Ellipsoid("RIB", "", (round(150 * math.cos(turn), 1), round(98 * math.sin(turn), 1), 0), (7, 6, 1), 480,
              (230, 230, 180), half_length_mm=400)
    for turn in (math.radians(degrees) for degrees in range(-165, 180, 30))
)  # fmt: skip
CORD = Ellipsoid("SPINAL_CORD", "ORGAN", (0, 74, 0), (7, 7, 1), 30, (255, 230, 0), half_length_mm=400)
TUMOUR = Ellipsoid("GTV", "GTV", (-72, 8, 12), (13, 13, 13), 50, (255, 0, 0))
PTV = Ellipsoid("PTV", "PTV", (-72, 8, 12), (21, 21, 21), -790, (255, 0, 200))

STRUCTURES = (BODY, LUNG_L, LUNG_R, HEART, SPINE, CORD, TUMOUR, PTV)
DRAWN = (BODY, *RIBS, LUNG_L, LUNG_R, HEART, SPINE, CORD, TUMOUR)
"""In this order over each other; a PTV is not to be seen."""

ACTIVITY_BQML = {"BODY": 2500.0, "HEART": 9000.0, "GTV": 24000.0}
"""Of the PET series, at its start; in this order over each other."""

WEIGHT_KG, INJECTED_BQ, HALF_LIFE_S, UPTAKE_S = 75.0, 3.0e8, 6586.2, 3600.0


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
    half_radius_mm: float = 40.0
    fall_mm: float = 6.0
    fractions: int = 30
    beams: tuple[float, ...] = field(default=(180.0, 300.0))
    """Gantry angles in degrees (IEC 61217)."""

    def structure(self, name: str) -> Ellipsoid:
        """The structure of that name."""
        return next(one for one in self.structures if one.name == name)

    def contoured_cm3(self, name: str) -> float:
        """Volume that the contours of a structure enclose: their ideal areas times the distance of the slices."""
        step = self.spacing_mm[2]
        sections = [self.structure(name).section_radii_mm(self.first_slice_z_mm + n * step) for n in range(self.slices)]
        return sum(math.pi * radii[0] * radii[1] * step / 1000 for radii in sections if radii)

    @property
    def plateau_gy(self) -> float:
        """What the dose tends to far inside: 103 % of the prescription."""
        return 1.03 * self.prescribed_gy

    def _at_radius(self, r_mm: Array) -> Array:
        dose: Array = self.plateau_gy / (1 + np.exp((r_mm - self.half_radius_mm) / self.fall_mm))
        return dose

    def dose_gy(self, x_mm: Array, y_mm: Array, z_mm: Array | float) -> Array:
        """Dose: a ball around the isocentre, flat inside, half of its plateau at ``half_radius_mm``."""
        cx, cy, cz = self.isocenter_mm
        return self._at_radius(np.sqrt((x_mm - cx) ** 2 + (y_mm - cy) ** 2 + (z_mm - cz) ** 2))

    def radius_of_gy(self, dose_gy: float) -> float:
        """Radius in mm of the isodose surface; 0 where no point gets that much."""
        if dose_gy >= self.plateau_gy:
            return 0.0
        return max(0.0, self.half_radius_mm + self.fall_mm * math.log(self.plateau_gy / dose_gy - 1))

    def _ball_mm(self, name: str) -> float:
        structure = self.structure(name)
        if structure.center_mm != self.isocenter_mm or len(set(structure.radii_mm)) > 1:
            raise ValueError(f"{name} is no ball around the isocentre: its histogram has no closed form.")
        return structure.radii_mm[0]

    def volume_fraction(self, name: str, dose_gy: float) -> float:
        """Part of the volume of GTV or PTV that gets at least that dose. ValueError for other structures."""
        return min(1.0, (self.radius_of_gy(dose_gy) / self._ball_mm(name)) ** 3)

    def dose_at_fraction(self, name: str, fraction: float) -> float:
        """The dose in Gy (``D98`` for 0.98) that this part of GTV or PTV gets at least. ValueError for others."""
        return float(self._at_radius(np.array(self._ball_mm(name) * fraction ** (1 / 3))))

    def mean_gy(self, name: str) -> float:
        """Mean dose of GTV or PTV, by Gauss-Legendre quadrature over the radius. ValueError for others."""
        radius = self._ball_mm(name)
        nodes, weights = np.polynomial.legendre.leggauss(48)
        r = (nodes + 1) / 2 * radius
        return float(np.sum(weights * self._at_radius(r) * r**2) * 1.5 / radius**2)

    def suv(self, name: str) -> float:
        """Body-weight SUV in g/ml of BODY, HEART or GTV, of the activity left at the start of the series."""
        left_bq = INJECTED_BQ * 2 ** (-UPTAKE_S / HALF_LIFE_S)
        return ACTIVITY_BQML[name] * WEIGHT_KG * 1000 / left_bq
