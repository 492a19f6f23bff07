"""Which images, structure set, plan and dose belong together, among what the caller may read.

They are found by their references; where those lead nowhere, by the frame of reference. What cannot be laid over each
other is not, and ``notes`` say why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
import orjson

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, NotFound, Problem
from sinfonietta.dicom import queries
from sinfonietta.dicom.dataset.keywords import items, tag, text
from sinfonietta.dicom.models import DicomHeader, DicomInstance, DicomSeries
from sinfonietta.dicom.planning import objects
from sinfonietta.dicom.rt.geometry import Plane, Points, Unplaced
from sinfonietta.library import access
from sinfonietta.library.models import Node

STRUCTURES, PLAN, DOSE, RECORD, IMAGE = "structures", "plan", "dose", "record", "image"
_RT = "1.2.840.10008.5.1.4.1.1.481."
KINDS = {
    _RT + "1": IMAGE, _RT + "2": DOSE, _RT + "3": STRUCTURES, _RT + "4": RECORD, _RT + "5": PLAN, _RT + "6": RECORD,
    _RT + "7": RECORD, _RT + "8": PLAN, _RT + "9": RECORD,
}  # fmt: skip
"""SOP class -> what it is here."""
NAMES = {STRUCTURES: "structure set", PLAN: "plan", DOSE: "dose"}
REFERENCES = {
    STRUCTURES: "ReferencedStructureSetSequence",
    PLAN: "ReferencedRTPlanSequence",
    DOSE: "ReferencedDoseSequence",
}
ORDER = (DOSE, STRUCTURES, PLAN, RECORD, IMAGE)
SHOWN = {STRUCTURES: ("contours", "histogram"), DOSE: ("dose", "histogram"), PLAN: ("plan",)}
"""Kind -> how it can be shown beside its image and tags."""
DRAWN_ON = ("CT", "MR", "PT")
MOST_OBJECTS, MOST_SLICES = 100, 4000
CHUNK = 500
SUMMATIONS = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "FRACTION", "BEAM", "BRACHY")
"""The dose of all comes before that of a part."""


@dataclass(frozen=True)
class Member:
    """An RT object that the caller may read; ``names``: kind -> SOP Instance UIDs that it refers to."""

    row: DicomInstance
    kind: str
    names: dict[str, list[str]] = field(default_factory=dict)
    frame_of_reference: str = ""
    summation: str = ""

    @property
    def uid(self) -> UUID:
        """The id of its file."""
        return self.row.node.uid

    @property
    def title(self) -> str:
        """What people call it."""
        described = self.row.series.series_description if self.row.series else ""
        return " · ".join(part for part in (described, self.summation.lower(), self.row.node.name) if part)


@dataclass(frozen=True)
class Slice:
    """A frame (from 0) of a file to draw on, and where it lies along the stack in mm."""

    uid: UUID
    frame: int
    position_mm: float


@dataclass
class Planning:
    """What belongs to the object that was opened; what does not fit over the slices is not in it.

    ``normal``: the direction along which the slices are stacked.
    """

    opened: Member
    structures: Member | None = None
    plan: Member | None = None
    dose: Member | None = None
    members: list[Member] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    spacing_mm: float = 0.0
    normal: Points | None = None
    notes: list[str] = field(default_factory=list)


def kind_of(*, actor: Actor, uid: UUID) -> str:
    """What RT object a file is; empty where it is none, or not indexed. Raises NotFound."""
    node = access.find(actor, uid)
    found = DicomInstance.objects.filter(node=node, version_id=node.current_id or 0, series__isnull=False)
    return KINDS.get(found.values_list("sop_class", flat=True).first() or "", "")


def first_of(*, actor: Actor, root: Node | None, study: str) -> UUID | None:
    """The RT object of a study that shows most: a dose rather than structures, these rather than a plan; its file."""
    rows = DicomInstance.objects.filter(
        queries.visible(actor, root, "series__"), series__isnull=False, study_uid=study, sop_class__in=list(KINDS)
    )
    found = rows.order_by("-version_id").values_list("sop_class", "node__uid")[:MOST_OBJECTS]
    return min(found, key=lambda row: ORDER.index(KINDS[row[0]]), default=("", None))[1]


def instance(*, actor: Actor, uid: UUID, kinds: Sequence[str] = ()) -> DicomInstance:
    """A file's instance with ``header``, ``version.blob``, ``node`` and ``series``.

    Raises NotFound where it is absent, not the actor's to see, in no index, or of none of ``kinds``.
    """
    node = access.find(actor, uid)
    rows = DicomInstance.objects.filter(node=node, version_id=node.current_id or 0, series__isnull=False)
    found = rows.select_related("header", "version__blob", "node", "series").first()
    if found is None or (kinds and KINDS.get(found.sop_class) not in kinds):
        raise NotFound("That is not such an RT object, or it could not be read.")
    return found


def find(*, actor: Actor, uid: UUID, root: Node | None, wishes: Mapping[str, UUID] | None = None) -> Planning:
    """What belongs to an RT object, within ``root``. ``wishes``: kind -> the file to take. Raises NotFound."""
    opened = _member(instance(actor=actor, uid=uid, kinds=[*NAMES, RECORD, IMAGE]))
    found = Planning(opened)
    family = _family(actor, root, opened)
    found.members = family
    chosen: dict[str, Member] = {opened.kind: opened}
    for kind, wish in (wishes or {}).items():
        chosen[kind] = _member(instance(actor=actor, uid=wish, kinds=[kind]))
    for kind in (PLAN, STRUCTURES, DOSE):
        if kind not in chosen:
            member = _named(actor, root, kind, chosen, family, found.notes)
            member = member or _naming(kind, chosen, family) or _beside(kind, chosen, family)
            if member:
                chosen[kind] = member
    found.structures, found.plan, found.dose = (chosen.get(kind) for kind in (STRUCTURES, PLAN, DOSE))
    if opened.kind in NAMES:
        _place(actor, root, found)
    return found


def root_of(*, actor: Actor, uid: UUID) -> Node | None:
    """The topmost place around a file that the actor may read: objects are looked for in it."""
    node = access.find(actor, uid)
    above = access.readable(actor).filter(id__in=node.ancestor_ids).exclude(id=node.id)
    return above.order_by("ancestry").first()


def _member(row: DicomInstance) -> Member:
    kind = KINDS[row.sop_class]
    if kind == STRUCTURES:  # large, and it names images only
        return Member(row, kind)
    try:
        found = objects.dataset(row)
    except Invalid:  # too large to be taken apart here: it is there, and refers to nothing
        return Member(row, kind)
    names = {of: [text(one, "ReferencedSOPInstanceUID") for one in items(found, key)] for of, key in REFERENCES.items()}
    return Member(row, kind, names, text(found, "FrameOfReferenceUID"), text(found, "DoseSummationType"))


def _family(actor: Actor, root: Node | None, opened: Member) -> list[Member]:
    """The RT objects of the study, the one filed last of each SOP Instance UID."""
    rows = DicomInstance.objects.filter(
        queries.visible(actor, root, "series__"), series__isnull=False, sop_class__in=list(KINDS),
        study_uid=opened.row.study_uid,
    )  # fmt: skip
    newest = rows.order_by("-version_id").values_list("sop_uid", "version_id", "sop_class")[:MOST_OBJECTS]
    last: dict[str, tuple[int, str]] = {}
    for sop_uid, version, sop_class in newest:
        last.setdefault(sop_uid, (version, sop_class))
    last.pop(opened.row.sop_uid, None)
    whole = DicomInstance.objects.select_related("header", "version__blob", "node", "series").defer("json")
    found = [opened]
    # Structure sets are large; of those that are not chosen nothing is looked at.
    for rows_of, are_structures in ((whole, False), (whole.defer("json", "header__dataset"), True)):
        wanted = [version for version, of in last.values() if (KINDS[of] == STRUCTURES) == are_structures]
        found += [_member(row) for row in rows_of.in_bulk(wanted).values()]
    return sorted(found, key=lambda one: (one.kind, one.row.node.name, one.row.pk))


def _named(
    actor: Actor, root: Node | None, kind: str, chosen: Mapping[str, Member], family: list[Member], notes: list[str]
) -> Member | None:
    """The object of that kind that a chosen one names, wherever it lies within the root."""
    for member in chosen.values():
        for uid in member.names.get(kind, []):
            for one in family:
                if one.row.sop_uid == uid and one.kind == kind:
                    return one
            rows = DicomInstance.objects.filter(queries.visible(actor, root, "series__"), sop_uid=uid)
            row = rows.select_related("header", "version__blob", "node", "series").order_by("-version_id").first()
            if row is not None and KINDS.get(row.sop_class) == kind:
                return _member(row)
            name = NAMES.get(member.kind, "treatment record" if member.kind == RECORD else "image")
            notes.append(f"The {name} refers to a {NAMES[kind]} that is not here, or not yours to see.")
    return None


def _naming(kind: str, chosen: Mapping[str, Member], family: list[Member]) -> Member | None:
    """The object of that kind that names a chosen one."""
    naming = [
        one
        for one in family
        if one.kind == kind and any(member.row.sop_uid in one.names.get(of, []) for of, member in chosen.items())
    ]
    return min(naming, key=_rank, default=None)


def _rank(member: Member) -> tuple[int, int]:
    order = SUMMATIONS.index(member.summation) if member.summation in SUMMATIONS else len(SUMMATIONS)
    return order, -member.row.pk


def _beside(kind: str, chosen: Mapping[str, Member], family: list[Member]) -> Member | None:
    """The object of that kind in the frame of reference of the chosen ones, where no reference tells."""
    frames = {frame for member in chosen.values() for frame in _frames(member)}
    fitting = [one for one in family if one.kind == kind and kind != PLAN and frames & _frames(one)]
    strangers = [one for one in fitting if kind != DOSE or not one.names.get(PLAN) or PLAN not in chosen]
    return min(strangers, key=_rank, default=None)


def _frames(member: Member) -> frozenset[str]:
    if member.kind == STRUCTURES:
        return objects.structure_set(member.row).frames_of_reference
    return frozenset({member.frame_of_reference} - {""})


def _place(actor: Actor, root: Node | None, found: Planning) -> None:
    """The slices to draw on; drops what lies in another frame of reference than they do."""
    leading = next(
        (one for one in (found.opened, found.structures, found.dose) if one and one.kind in (STRUCTURES, DOSE)), None
    )
    if leading is None:
        return
    frames = _frames(leading)
    if not frames:
        found.notes.append(f"The {NAMES[leading.kind]} does not say its frame of reference; it is shown alone.")
    stack = _images(actor, root, found, frames) if frames else []
    if stack:
        frames = frozenset({stack[0][1].frame_of_reference})
    for member in (found.structures, found.dose):
        if member and member is not leading and not frames & _frames(member):
            found.notes.append(
                f"The {NAMES[member.kind]} “{member.row.node.name}” has another frame of reference than the "
                f"{'images' if stack else NAMES[leading.kind]}: they are not shown together."
            )
            setattr(found, member.kind, None)
    if not stack and found.dose:
        stack = _frames_of_dose(found)
    normal = found.normal = stack[0][1].normal if stack else np.zeros(3)
    ordered = sorted(
        ((float(plane.origin_mm @ normal), uid, frame) for (uid, frame), plane in stack), key=lambda s: s[0]
    )
    found.slices = [Slice(uid, frame, position) for position, uid, frame in ordered]
    gaps = np.diff([one.position_mm for one in found.slices])
    found.spacing_mm = float(np.median(gaps)) if len(gaps) else (stack[0][1].thickness_mm or 1.0) if stack else 1.0


Placed = tuple[tuple[UUID, int], Plane]


def _frames_of_dose(found: Planning) -> list[Placed]:
    assert found.dose is not None
    try:
        grid = objects.dose_grid(found.dose.row)
    except (Unplaced, Problem) as problem:
        found.notes.append(str(problem))
        found.dose = None
        return []
    return [((found.dose.uid, frame), grid.frame(frame)) for frame in sorted(grid.order)]


def _images(actor: Actor, root: Node | None, found: Planning, frames: frozenset[str]) -> list[Placed]:
    """The frames of the images that it was drawn on, or of others in the same frame of reference."""
    named = objects.structure_set(found.structures.row).series if found.structures else ()
    seen = DicomSeries.objects.filter(queries.visible(actor, root))
    series = list(seen.filter(series_uid__in=named).values_list("series_uid", flat=True)[:20]) if named else []
    if named and not series:
        found.notes.append("The images that the structures were drawn on are not here, or not yours to see.")
    studies = {member.row.study_uid for member in (found.opened, found.structures, found.dose, found.plan) if member}
    others = seen.filter(study_uid__in=studies, modality__in=DRAWN_ON).order_by("-instances")
    beside = sorted(
        (one for one in others[:MOST_OBJECTS] if _frame_of_series(one) in frames),
        key=lambda one: DRAWN_ON.index(one.modality),
    )
    elsewhere = False
    for uid in dict.fromkeys([*series, *(one.series_uid for one in beside)]):
        stack = _stack(actor, root, uid)
        fitting = [(place, plane) for place, plane in stack if plane.frame_of_reference in frames]
        if fitting:
            return _parallel(fitting, found)
        elsewhere = elsewhere or bool(stack)
    if elsewhere:
        found.notes.append("The images have another frame of reference: they are not shown with it.")
    return []


def _frame_of_series(series: DicomSeries) -> str:
    said: dict[str, Any] = orjson.loads("{" + series.series_json + "}")
    return text(said, "FrameOfReferenceUID")


def _stack(actor: Actor, root: Node | None, series_uid: str) -> list[Placed]:
    rows = queries.placed(actor=actor, root=root, keys={tag("SeriesInstanceUID"): series_uid})[:MOST_SLICES]
    unknown = [row.pk for row in rows if not objects.has_planes(row)]
    headers: dict[int, DicomHeader] = {}
    for at in range(0, len(unknown), CHUNK):
        headers |= DicomHeader.objects.only("dataset").in_bulk(unknown[at : at + CHUNK])
    stack = []
    for row in rows:
        if row.pk in headers:
            row.header = headers[row.pk]
        try:
            found = objects.planes(row) if row.frames else []
        except Invalid:
            continue
        stack += [((row.node.uid, frame), plane) for frame, plane in enumerate(found)]
    return stack


def _parallel(stack: list[Placed], found: Planning) -> list[Placed]:
    """Those that lie as most do: a scout across them is no slice."""
    first = stack[len(stack) // 2][1]
    kept = [
        one for one in stack
        if abs(abs(one[1].normal @ first.normal) - 1) < 1e-3 and one[1].frame_of_reference == first.frame_of_reference
    ]  # fmt: skip
    if len(kept) < len(stack):
        found.notes.append(f"{len(stack) - len(kept)} of the images lie across the others and are left out.")
    return kept
