"""Filing instances that arrive by a DICOM door, as files like all others.

A series becomes a fileset in a folder for its study. Where a series of the study lies below the target already, what
comes later joins it, whatever it is called by then. ``Beside`` files what a viewer made of a study, without a target.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.common.errors import Forbidden, NotFound, OutOfStorage, PreconditionFailed, Problem, Unavailable
from sinfonietta.dicom.dataset.attributes import text, value
from sinfonietta.dicom.dataset.parse import Header, same_dataset
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.dicom.queries import visible
from sinfonietta.ingest import hooks
from sinfonietta.ingest.services import Item, put_many
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node, Version
from sinfonietta.library.services import Filed

BATCH_FILES, BATCH_BYTES = 20, 64 << 20
NAME_LENGTH = 120
LONGEST_META = 64 << 10
COMPARED = (
    "sop_uid", "transfer_syntax", "version__blob__sha256", "version__blob__size_bytes", "version__blob__key",
    "version__blob__store",
)  # fmt: skip

# Failure reasons (DICOM PS3.4 B.2.3, PS3.18 10.5.3, Annex I)
PROCESSING_FAILURE = 0x0110
NOT_AUTHORISED = 0x0124
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000


Waiting = tuple[int, Item, Header]
"""What will be filed with the next batch: its place in the results, and what is known of it."""


@dataclass(frozen=True)
class Stored:
    """What became of one instance. ``reason`` is 0 where it is filed, else a failure reason of DICOM.

    ``problem`` is a sentence about that; of one that is filed a warning.
    """

    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_uid: str = ""
    series_uid: str = ""
    reason: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Arrived:
    """Staged bytes that have been looked at: their header, or in ``result`` why there is none."""

    staged: str
    sha256: str
    size_bytes: int
    verdict: hooks.Verdict | None = None
    header: Header | None = None
    result: Stored = Stored()


def inspected(*, actor: Actor, staged: str, sha256: str, size_bytes: int) -> Arrived:
    """Look at staged bytes, in the caller's thread and outside of any transaction. Raises Unavailable."""
    path = store.default().staged_path(staged)
    arrival = hooks.Arrival(path, "instance.dcm", size_bytes, sha256, "application/octet-stream", actor)
    try:
        verdict = hooks.inspect(arrival)
    except Unavailable:
        raise
    except Problem as problem:
        said = Stored(reason=PROCESSING_FAILURE, problem=str(problem))
        return Arrived(staged, sha256, size_bytes, result=said)
    header = verdict.facts.get("dicom")
    if not isinstance(header, Header):
        said = Stored(reason=CANNOT_UNDERSTAND, problem=verdict.problem or "The part is not a DICOM file.")
        return Arrived(staged, sha256, size_bytes, result=said)
    return Arrived(staged, sha256, size_bytes, verdict, header)


class Filing:
    """Takes staged files one by one and files them in batches; ``results`` are in the order of arrival.

    The batch makes their bytes durable: they may be received without.

    ``study``: only instances of this study are taken. Whoever stages the bytes discards what is left of them.
    """

    def __init__(self, *, actor: Actor, target: UUID, study: str = "") -> None:
        """Raises NotFound, Forbidden when the actor may not write to the target: before any byte is accepted."""
        self.target = access.require(actor, target, Level.WRITE)
        self._begin(actor, self.target, study)

    def _begin(self, actor: Actor, root: Node | None, study: str) -> None:
        self.actor = actor
        self.root = root
        self.study = study
        self.results: list[Stored] = []
        self._waiting: list[Waiting] = []
        self._meant: dict[tuple[UUID, tuple[str, ...]], str] = {}
        self._taken: dict[tuple[UUID, str, str], bool] = {}
        self._places: dict[tuple[str, str], tuple[UUID, tuple[str, ...]]] = {}

    @property
    def has_waiting(self) -> bool:
        """Whether staged bytes are still needed."""
        return bool(self._waiting)

    def add(self, staged: str, sha256: str, size_bytes: int) -> None:
        """Inspect staged bytes and file them, now or with those that come next. Raises Unavailable."""
        self.take(inspected(actor=self.actor, staged=staged, sha256=sha256, size_bytes=size_bytes))

    def take(self, arrived: Arrived) -> None:
        """File what has been looked at, now or with what comes next."""
        header = arrived.header
        if header is None:
            self.results.append(arrived.result)
            return
        result, place = self._judged(header), None
        if not result.reason:
            try:
                place = self._place(header)
            except Problem as problem:
                result = replace(result, reason=reason_of(problem), problem=str(problem))
        self.results.append(result)
        if place is not None:
            parent, folders = place
            name = f"{header.sop_instance_uid}.dcm"
            item = Item(
                arrived.staged, arrived.sha256, arrived.size_bytes, parent, name, folders,
                fileset=bool(folders), if_none_match=True, verdict=arrived.verdict, durable=False,
            )  # fmt: skip
            self._waiting.append((len(self.results) - 1, item, header))
        if len(self._waiting) >= BATCH_FILES or sum(item.size_bytes for _, item, _ in self._waiting) >= BATCH_BYTES:
            self.flush()

    def _judged(self, header: Header) -> Stored:
        result = Stored(header.sop_class_uid, header.sop_instance_uid, header.study_uid, header.series_uid)
        if not header.complete:
            # What a broken file says of itself is not repeated in an answer.
            return Stored(reason=CANNOT_UNDERSTAND, problem=header.problem)
        if not header.is_instance:
            return replace(
                result, reason=CANNOT_UNDERSTAND, problem="One of the UIDs that name an instance is missing."
            )
        if self.study and header.study_uid != self.study:
            return replace(result, reason=DOES_NOT_MATCH, problem="The instance belongs to another study.")
        return result

    def flush(self) -> None:
        """File what waits."""
        waiting, self._waiting = self._waiting, []
        waiting = self._missing(waiting)
        again: list[Waiting] = []
        for entry, outcome in zip(waiting, self._put([item for _, item, _ in waiting]), strict=True):
            if isinstance(outcome, PreconditionFailed):
                again.append(entry)
            else:
                self._note(entry[0], outcome)
        # The name is taken: by the same bytes that came a moment ago, or by others, beside which these are filed.
        again = self._missing(again)
        renamed = [
            replace(item, name=f"{header.sop_instance_uid} {item.sha256[:8]}.dcm", if_none_match=False)
            for _, item, header in again
        ]
        for (at, _, _), outcome in zip(again, self._put(renamed), strict=True):
            self._note(at, outcome)

    def _put(self, items: Sequence[Item]) -> Sequence[object]:
        return put_many(actor=self.actor, items=items) if items else []

    def _note(self, at: int, outcome: object) -> None:
        if isinstance(outcome, Problem):
            self.results[at] = replace(self.results[at], reason=reason_of(outcome), problem=str(outcome))
        elif isinstance(outcome, Filed) and outcome.version.state == Version.State.CONFLICT:
            said = "Another file with the same SOP Instance UID is there already; both are kept, as in conflict."
            self.results[at] = replace(self.results[at], problem=said)

    def _missing(self, entries: list[Waiting]) -> list[Waiting]:
        """Those that are not filed below the target yet, as this instance."""
        seen = DicomInstance.objects.filter(
            visible(self.actor, self.root, "series__"),
            sop_uid__in={header.sop_instance_uid for _, _, header in entries},
        )
        there: dict[str, list[DicomInstance]] = {}
        for row in seen.select_related("version__blob").only(*COMPARED) if entries else ():
            there.setdefault(row.sop_uid, []).append(row)
        return [
            entry for entry in entries if not any(_same(entry, row) for row in there.get(entry[2].sop_instance_uid, ()))
        ]

    def _place(self, header: Header) -> tuple[UUID, tuple[str, ...]]:
        pair = (header.study_uid, header.series_uid)
        if pair not in self._places:
            self._places[pair] = self._find_place(header)
        return self._places[pair]

    def _find_place(self, header: Header) -> tuple[UUID, tuple[str, ...]]:
        """Where the series is already; else a new fileset beside the study's other series; else a new folder."""
        if self.target.kind == Node.Kind.FILESET:
            return self.target.uid, ()
        rows = DicomSeries.objects.filter(
            visible(self.actor, self.target),
            access.within(self.actor, Level.WRITE, "container__"),
            study_uid=header.study_uid,
            container__kind=Node.Kind.FILESET,
        )
        rows = rows.select_related("container__parent").order_by("id")
        own = rows.filter(series_uid=header.series_uid).first()
        if own is not None:
            return own.container.uid, ()
        sibling = rows.first()
        parent = sibling.container.parent if sibling else None
        if parent is not None and self._is_inside(parent) and self._may_write(parent):
            return parent.uid, self._free(parent, (), series_name(header), header.series_uid)
        folder = self._free(self.target, (), study_name(header), header.study_uid)
        return self.target.uid, self._free(self.target, folder, series_name(header), header.series_uid)

    def _is_inside(self, node: Node) -> bool:
        return node.id == self.target.id or node.ancestry.startswith(self.target.below)

    def _may_write(self, node: Node) -> bool:
        try:
            return bool(access.require(self.actor, node.uid, Level.WRITE))
        except (NotFound, Forbidden):
            return False

    def _free(self, parent: Node, before: tuple[str, ...], name: str, uid: str) -> tuple[str, ...]:
        """The path with the name; with a mark made of the UID where another one has it, or will in this request."""
        path = (*before, name)
        another = self._meant.setdefault((parent.uid, path), uid) != uid
        if another or (not before and self._is_taken(parent, name, uid)):
            return (*before, f"{name} {hashlib.sha256(uid.encode()).hexdigest()[:8]}")
        return path

    def _is_taken(self, parent: Node, name: str, uid: str) -> bool:
        key = (parent.uid, name, uid)
        if key not in self._taken:
            self._taken[key] = Node.objects.filter(parent=parent, name=name, trash=None).exists()
        return self._taken[key]


class Beside(Filing):
    """Files each instance beside the study that it belongs to, as that lies below ``root`` (None: anywhere).

    Its series becomes a fileset in the folder that holds the study's series; where these are in several places, in
    the one among those that the actor may write that was there first. A series that is there already is joined.
    """

    def __init__(self, *, actor: Actor, root: Node | None) -> None:
        self._begin(actor, root, "")

    def _find_place(self, header: Header) -> tuple[UUID, tuple[str, ...]]:
        """Raises NotFound where the actor sees nothing of the study, Forbidden where they may not write beside it."""
        rows = DicomSeries.objects.filter(visible(self.actor, self.root), study_uid=header.study_uid)
        if not rows.exists():
            raise NotFound("There is nothing of the study that this belongs to, or it is not yours to see.")
        rows = rows.filter(access.within(self.actor, Level.WRITE, "container__"))
        rows = rows.select_related("container__parent").order_by("id")
        own = rows.filter(series_uid=header.series_uid).first()
        found = own or rows.first()
        if found is None or not self._may_write(found.container):
            raise Forbidden("You may read this study, but not write in the folder that holds it.")
        place = found.container
        if own is None and place.kind == Node.Kind.FILESET and place.parent and self._may_write(place.parent):
            place = place.parent
        if own or place.kind == Node.Kind.FILESET:
            return place.uid, ()
        return place.uid, self._free(place, (), series_name(header), header.series_uid)


def _same(entry: Waiting, row: DicomInstance) -> bool:
    """Whether a file that is here has the same dataset: each sender writes file meta information of its own."""
    _, item, header = entry
    blob = row.version.blob
    if blob.sha256 == item.sha256:
        return True
    if row.transfer_syntax != header.transfer_syntax or abs(blob.size_bytes - item.size_bytes) > LONGEST_META:
        return False
    try:
        here = store.default().path(blob)
        return here is not None and same_dataset(here, store.default().staged_path(item.staged))
    except (Problem, Broken, OSError):
        return False


def reason_of(problem: Problem) -> int:
    """The failure reason of DICOM for a problem of the house."""
    if isinstance(problem, OutOfStorage):
        return OUT_OF_RESOURCES
    if isinstance(problem, Forbidden | NotFound):
        return NOT_AUTHORISED
    return PROCESSING_FAILURE


def study_name(header: Header) -> str:
    """``<PatientID> <StudyDate> <StudyDescription>``, for people."""
    return _name(header.json, "00100020", "00080020", "00081030") or "Study"


def series_name(header: Header) -> str:
    """``<SeriesNumber> <Modality> <SeriesDescription>``, for people."""
    return _name(header.json, "00200011", "00080060", "0008103E") or "Series"


def _name(dataset: dict[str, Any], *tags: str) -> str:
    parts = [text(dataset, tag) for tag in tags if value(dataset, tag) is not None]
    plain = "".join(
        " " if character in "/\\" or unicodedata.category(character)[0] in "CZ" else character
        for character in " ".join(parts)
    )
    found = re.sub(r" +", " ", unicodedata.normalize("NFC", plain)).strip()[:NAME_LENGTH].strip()
    return "" if found in {".", ".."} else found
