"""The page of an RT object: contours and dose over images, histograms, the plan, what was delivered."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.http import HttpRequest

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound, Problem
from sinfonietta.dicom import queries
from sinfonietta.dicom.planning import belonging, layers, objects
from sinfonietta.dicom.planning.belonging import DOSE, IMAGE, PLAN, RECORD, STRUCTURES, Planning
from sinfonietta.dicom.rt import drawing, record
from sinfonietta.dicom.rt.dose import DoseGrid
from sinfonietta.dicom.rt.geometry import Unplaced
from sinfonietta.dicom.rt.plan import Plan
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries as library
from sinfonietta.library.models import Node

PLACES = [Node.Kind.COLLECTION, Node.Kind.FOLDER, Node.Kind.FILESET]
KINDS = (STRUCTURES, DOSE, PLAN)
TABS = {PLAN: "plan", RECORD: "record", IMAGE: "record"}
"""What is shown first; the images for all others."""


def context(request: HttpRequest, actor: Actor, entry: library.Entry) -> dict[str, Any]:
    """What the page shows beside tags and facts; nothing for a file that is no RT object, or cannot be understood."""
    if not belonging.kind_of(actor=actor, uid=entry.uid):
        return {}
    inside = parts.uuids([request.GET.get("in", "")])
    try:
        root = (
            queries.root(actor=actor, uid=inside[0], kinds=PLACES)
            if inside
            else belonging.root_of(actor=actor, uid=entry.uid)
        )
        wishes = {kind: ids[0] for kind in KINDS if (ids := parts.uuids([request.GET.get(kind, "")]))}
        found = belonging.find(actor=actor, uid=entry.uid, root=root, wishes=wishes)
        return _shown(actor, found) | {"kind": "radiotherapy", "within": inside[0] if inside else ""}
    except NotFound:
        raise
    except Problem as problem:
        return {"rt_problem": problem.detail}


def _shown(actor: Actor, found: Planning) -> dict[str, Any]:
    opened = found.opened
    structures = objects.structure_set(found.structures.row) if found.structures else None
    grid = _grid(found)
    plan = _plan(found)
    prescribed = layers.prescribed_gy(found) if grid and grid.unit == "Gy" else None
    if structures and structures.left_out:
        found.notes.append(f"{structures.left_out} of the contours make no sense and are left out.")
    alone = not found.slices and structures is not None
    count = len(structures.planes) if structures and alone else 0
    stack = [{"id": str(one.uid), "frame": one.frame, "frames": 1} for one in found.slices]
    stack = stack or [{"id": f"plane-{number}", "frames": 1} for number in range(count)]
    config = {
        "structures": str(found.structures.uid) if found.structures else None,
        "dose": str(found.dose.uid) if found.dose and grid else None,
        "plan": str(found.plan.uid) if found.plan else None,
        "opened": str(opened.uid), "spacing_mm": round(found.spacing_mm, 4) or None, "alone": alone,
        "opacity": 0.9 if found.dose and found.slices and found.slices[0].uid == found.dose.uid else 0.4,
        "unit": grid.unit if grid else "", "highest": grid.highest if grid else 0,
        "levels": layers.levels(grid.highest, prescribed) if grid else [],
        "prescribed": prescribed, "stops": drawing.STOPS, "pale": drawing.PALE,
        "rois": [
            {"number": roi.number, "name": roi.name, "type": roi.interpreted, "color": roi.color,
             "count": len(roi.contours)}
            for roi in (structures.rois if structures else [])
        ],
    }  # fmt: skip
    return {
        "rt": found,
        "rt_config": config,
        "tab": TABS.get(opened.kind, "images") if stack or opened.kind in TABS else "histogram",
        "slices": stack,
        "at": _start(found, grid) if found.slices else count // 2,
        "plan": plan,
        "rois": {roi.number: roi.name for roi in structures.rois} if structures else {},
        "record": record.read(objects.dataset(opened.row)) if opened.kind == RECORD else None,
        "portal_image": record.portal_image(objects.dataset(opened.row)) if opened.kind == IMAGE else None,
        "presets": _presets(actor, found),
        "choices": _choices(found),
        "viewer_url": "",
    }


def _grid(found: Planning) -> DoseGrid | None:
    if found.dose is None:
        return None
    try:
        return objects.dose_grid(found.dose.row)
    except (Unplaced, Problem) as problem:
        found.notes.append(str(problem))
        return None


def _plan(found: Planning) -> Plan | None:
    try:
        return objects.treatment_plan(found.plan.row) if found.plan else None
    except Problem as problem:
        found.notes.append(f"The plan “{found.plan.title if found.plan else ''}”: {problem}")
        found.plan = None
        return None


def _start(found: Planning, grid: DoseGrid | None) -> int:
    """The slice through the hottest point; the middle one where there is no dose."""
    if grid is None or not grid.highest or found.normal is None:
        return len(found.slices) // 2
    frame, row, column = np.unravel_index(int(grid.values.argmax()), grid.values.shape)
    plane = grid.frame(grid.order[int(frame)])
    hottest = plane.part(int(row), int(row) + 1, int(column), int(column) + 1).origin_mm
    return int(np.argmin([abs(one.position_mm - float(hottest @ found.normal)) for one in found.slices]))


def _presets(actor: Actor, found: Planning) -> dict[str, tuple[float, float]]:
    """Windows of the images below."""
    if not found.slices or (found.dose and found.slices[0].uid == found.dose.uid):
        return {}
    return queries.of_file(actor=actor, uid=found.slices[len(found.slices) // 2].uid).presets


def _choices(found: Planning) -> list[dict[str, Any]]:
    """Kinds of which there are several to choose from."""
    shown = {STRUCTURES: found.structures, DOSE: found.dose, PLAN: found.plan}
    choices = []
    for kind, name in belonging.NAMES.items():
        members = [one for one in found.members if one.kind == kind]
        if len(members) > 1 and kind != found.opened.kind:
            chosen = shown[kind]
            choices.append({"kind": kind, "name": name, "members": members, "chosen": chosen.uid if chosen else None})
    return choices
