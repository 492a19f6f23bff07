"""Radiotherapy as JSON of the API: what is read from queries, what is answered, and the shapes for the document."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import asdict
from typing import Any

import numpy as np
from rest_framework import serializers

from sinfonietta.dicom.planning.layers import DoseSlice, Place
from sinfonietta.dicom.rt.beam import View
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.drawing import color
from sinfonietta.dicom.rt.geometry import Plane
from sinfonietta.dicom.rt.plan import Plan
from sinfonietta.dicom.rt.structures import Outline, StructureSet

S = serializers.Serializer[Any]
Shape = dict[str, Any]
MOST_LEVELS = 16


class OnImage(S):
    on = serializers.UUIDField(required=False, help_text="The file of the image to draw on")
    frame = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0, help_text="From 0")
    spacing_mm = serializers.FloatField(
        min_value=0.001, max_value=1000, required=False, help_text="Distance of the slices; default: the thickness"
    )


class OnPlane(OnImage):
    plane = serializers.IntegerField(
        min_value=0, max_value=2**31 - 1, required=False, help_text="A plane of the structure set's own, from 0"
    )


class OnImageWithLevels(OnImage):
    levels = serializers.CharField(
        max_length=500, default="", allow_blank=True, help_text="Isodose levels in the unit of the dose: 20,40,57"
    )

    def validate_levels(self, value: str) -> list[float]:
        """Numbers with commas between them, up to 16. Raises ValidationError."""
        try:
            found = [float(part) for part in value.split(",") if part.strip()]
        except ValueError:
            raise serializers.ValidationError("Numbers with commas between them.") from None
        if len(found) > MOST_LEVELS or not all(0 <= level < 1e9 for level in found):
            raise serializers.ValidationError(f"Up to {MOST_LEVELS} numbers that are not negative.")
        return found


class Wash(OnImage):
    top = serializers.FloatField(
        min_value=1e-6, max_value=1e9, required=False, help_text="Dose at the top of the scale; default: the maximum"
    )


class Partner(S):
    structures = serializers.UUIDField(
        required=False, help_text="The structure set; default: the one that belongs to it"
    )
    dose = serializers.UUIDField(required=False, help_text="The dose; default: the one that belongs to it")
    within = serializers.UUIDField(required=False, help_text="The container to look in")


class PointOfBeam(S):
    point = serializers.IntegerField(min_value=0, max_value=2**31 - 1, default=0, help_text="Control point, from 0")
    structures = serializers.UUIDField(required=False, help_text="The structure set whose targets are projected")


class RoiShape(S):
    number = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    type = serializers.CharField(allow_blank=True)
    color = serializers.ListField(child=serializers.IntegerField(), help_text="Red, green, blue")
    contours = serializers.IntegerField()


class OutlineShape(S):
    roi = serializers.IntegerField()
    kind = serializers.CharField(allow_blank=True)
    points = serializers.ListField(
        child=serializers.FloatField(), help_text="Column, row, column, row ... of the image"
    )


class ImagePlaneShape(S):
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    spacing_mm = serializers.ListField(child=serializers.FloatField(), help_text="Of rows, of columns")


class ContoursShape(S):
    """Of the whole set the regions; with ``on`` or ``plane`` the outlines there instead."""

    label = serializers.CharField(allow_blank=True, required=False)  # type: ignore[assignment]
    frames_of_reference = serializers.ListField(child=serializers.CharField(), required=False)
    left_out = serializers.IntegerField(required=False, help_text="Contours that make no sense")
    planes = serializers.IntegerField(required=False, help_text="How many planes of its own it has")
    rois = RoiShape(many=True, required=False)
    image = ImagePlaneShape(required=False)
    outlines = OutlineShape(many=True, required=False)


class IsodoseShape(S):
    level = serializers.FloatField()
    color = serializers.ListField(child=serializers.IntegerField())
    lines = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))


class DoseValuesShape(S):
    left = serializers.FloatField(help_text="Column of the image at the outer edge of the first value")
    top = serializers.FloatField()
    step = serializers.IntegerField(help_text="Columns and rows of the image that a value covers")
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    hundredths = serializers.ListField(child=serializers.IntegerField(), help_text="Row by row; -1: beyond the grid")


class DoseShape(S):
    unit = serializers.CharField(allow_blank=True)
    kind = serializers.CharField(allow_blank=True, help_text="DoseType")
    summation = serializers.CharField(allow_blank=True)
    maximum = serializers.FloatField()
    frame_of_reference = serializers.CharField(allow_blank=True)
    size = serializers.ListField(child=serializers.IntegerField(), help_text="Frames, rows, columns")
    image = ImagePlaneShape(required=False)
    values = DoseValuesShape(required=False)
    isodoses = IsodoseShape(many=True, required=False)


class RoiHistogramShape(S):
    number = serializers.IntegerField()
    name = serializers.CharField(allow_blank=True)
    type = serializers.CharField(allow_blank=True)
    color = serializers.ListField(child=serializers.IntegerField())
    volume_cm3 = serializers.FloatField(allow_null=True, help_text="Null where the contours enclose nothing")
    outside = serializers.FloatField(allow_null=True, help_text="Part of the volume beyond the dose grid")
    minimum = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    maximum = serializers.FloatField(allow_null=True)
    d98 = serializers.FloatField(allow_null=True)
    d95 = serializers.FloatField(allow_null=True)
    d50 = serializers.FloatField(allow_null=True)
    d2 = serializers.FloatField(allow_null=True)
    dose = serializers.ListField(child=serializers.FloatField())
    volume = serializers.ListField(child=serializers.FloatField(), help_text="cm3 that get at least that dose")


class HistogramShape(S):
    unit = serializers.CharField(allow_null=True)
    highest = serializers.FloatField(allow_null=True)
    rois = RoiHistogramShape(many=True)


class BelongingShape(S):
    kind = serializers.CharField()
    structures = serializers.UUIDField(allow_null=True)
    plan = serializers.UUIDField(allow_null=True)
    dose = serializers.UUIDField(allow_null=True)
    spacing_mm = serializers.FloatField()
    slices = serializers.ListField(child=serializers.DictField(), help_text="id, frame, position_mm")
    notes = serializers.ListField(child=serializers.CharField(), help_text="Why something is not shown together")


class PlanShape(S):
    """The plan's tables; each is a list of rows whose names carry their units."""

    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    prescriptions = serializers.ListField(child=serializers.DictField())
    groups = serializers.ListField(child=serializers.DictField())
    beams = serializers.ListField(child=serializers.DictField())
    setups = serializers.ListField(child=serializers.ListField())
    applications = serializers.ListField(child=serializers.DictField())
    sources = serializers.ListField(child=serializers.DictField())


class BeamViewShape(S):
    reach_mm = serializers.FloatField()
    jaws = serializers.DictField(child=serializers.ListField(child=serializers.FloatField()))
    leaves = serializers.ListField(child=serializers.ListField(child=serializers.FloatField()))
    targets = serializers.DictField(
        child=serializers.ListField(child=serializers.ListField(child=serializers.FloatField())),
        help_text="ROI Number -> outlines x, y, x, y ... in mm at the isocentre",
    )


def place_of(asked: Shape) -> Place:
    """What to draw on."""
    return Place(asked.get("on"), asked["frame"], asked.get("plane"), asked.get("spacing_mm"))


def structure_set(found: StructureSet) -> Shape:
    """A structure set without its points."""
    return {
        "label": found.label,
        "frames_of_reference": sorted(found.frames_of_reference),
        "left_out": found.left_out,
        "planes": len(found.planes),
        "rois": [
            {"number": roi.number, "name": roi.name, "type": roi.interpreted, "color": list(roi.color),
             "contours": len(roi.contours)}
            for roi in found.rois
        ],
    }  # fmt: skip


def _image(plane: Plane) -> Shape:
    spacing_mm = [plane.row_spacing_mm, plane.column_spacing_mm]
    return {"rows": plane.rows, "columns": plane.columns, "spacing_mm": spacing_mm}


def outlines(plane: Plane, found: list[Outline]) -> Shape:
    """Contours over an image."""
    return {
        "image": _image(plane),
        "outlines": [
            {"roi": one.roi, "kind": one.kind, "points": np.round(one.pixels, 2).ravel().tolist()} for one in found
        ],
    }  # fmt: skip


def dose_grid(grid: DoseGrid) -> Shape:
    """A dose without its values."""
    return {
        "unit": grid.unit, "kind": grid.kind, "summation": grid.summation, "maximum": grid.highest,
        "frame_of_reference": grid.plane.frame_of_reference, "size": list(grid.values.shape),
    }  # fmt: skip


def dose_slice(found: DoseSlice, levels: list[float]) -> Shape:
    """Dose over an image, and its isodose lines."""
    rows, columns = found.values.shape
    hundredths = np.nan_to_num(np.round(found.values * 100), nan=-1).astype(int)
    return {
        "image": _image(found.plane),
        "values": {
            "left": found.left, "top": found.top, "step": found.step, "rows": rows, "columns": columns,
            "hundredths": hundredths.ravel().tolist(),
        },
        "isodoses": [
            {"level": level, "color": list(color(level / max(found.grid.highest, 1e-9))),
             "lines": [np.round(line, 2).ravel().tolist() for line in lines]}
            for level, lines in found.isodoses(levels).items()
        ],
    }  # fmt: skip


def treatment_plan(found: Plan) -> Shape:
    """The tables of a plan."""
    return asdict(found)


def beam_view(found: View) -> Shape:
    """A beam's eye view."""
    return {
        "reach_mm": found.reach_mm,
        "jaws": {device: list(edges) for device, edges in found.jaws.items()},
        "leaves": [list(leaf) for leaf in found.leaves],
        "targets": {
            str(roi): [np.round(one, 2).ravel().tolist() for one in outlines]
            for roi, outlines in found.outlines.items()
        },
    }


def histogram_csv(result: Shape) -> str:
    """One line for each dose, one column of cm3 for each structure; what a spreadsheet would run is text."""
    regions = [roi for roi in result["rois"] if roi["dose"]]
    top = max((roi["dose"][-1] for roi in regions), default=0.0)
    step = _round_step(top / 500)
    axis = np.arange(math.ceil(top / step) + 2) * step if top else np.zeros(0)
    columns = [np.interp(axis, roi["dose"], roi["volume"], right=0.0) for roi in regions]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([f"Dose ({result['unit'] or '-'})", *(_harmless(f"{roi['name']} (cm3)") for roi in regions)])
    writer.writerows([f"{dose:.6g}", *(f"{column[row]:.5f}" for column in columns)] for row, dose in enumerate(axis))
    return out.getvalue()


def _round_step(least: float) -> float:
    """1, 2 or 5 times a power of ten, at least that."""
    power = 10.0 ** math.floor(math.log10(least)) if least > 0 else 1.0
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def _harmless(text: str) -> str:
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
