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
from sinfonietta.common.rows import marks
from sinfonietta.dicom.dataset.attributes import text, value
from sinfonietta.dicom.dataset.parse import Header, same_dataset
from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.index import placing, selection
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.ingest import hooks
from sinfonietta.ingest.services import Item, put_many
from sinfonietta.library import access
from sinfonietta.library.models import Level, Node, Version
from sinfonietta.library.services import Filed

BATCH_FILES, BATCH_BYTES = 20, 64 << 20
NAME_LENGTH = 120
LONGEST_META = 64 << 10

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
class Staged:
    """Bytes of an instance that have arrived."""

    key: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Arrived:
    """Staged bytes that have been looked at: their header, or in ``result`` why there is none."""

    staged: Staged
    verdict: hooks.Verdict | None = None
    header: Header | None = None
    result: Stored = Stored()


def inspected(*, actor: Actor, staged: Sequence[Staged]) -> list[Arrived]:
    """Look at staged bytes, in the caller's thread and outside of any transaction. Raises Unavailable."""
    shelf = store.default()
    arrivals = [
        hooks.Arrival(
            shelf.staged_path(one.key), "instance.dcm", one.size_bytes, one.sha256, "application/octet-stream", actor
        )
        for one in staged
    ]
    return [_arrived(one, verdict) for one, verdict in zip(staged, hooks.inspect(arrivals), strict=True)]


def _arrived(staged: Staged, verdict: hooks.Verdict) -> Arrived:
    header = verdict.facts.get("dicom")
    if isinstance(verdict.refuse, Unavailable):
        raise verdict.refuse
    if verdict.refuse:
        return Arrived(staged, result=Stored(reason=PROCESSING_FAILURE, problem=str(verdict.refuse)))
    if not isinstance(header, Header):
        problem = verdict.problem or "The part is not a DICOM file."
        return Arrived(staged, result=Stored(reason=CANNOT_UNDERSTAND, problem=problem))
    return Arrived(staged, verdict, header)


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
        self._staged: list[Staged] = []
        self._waiting: list[Waiting] = []
        self._meant: dict[tuple[UUID, tuple[str, ...]], str] = {}
        self._taken: dict[tuple[UUID, str, str], bool] = {}
        self._places: dict[tuple[str, str], tuple[UUID, tuple[str, ...]]] = {}

    @property
    def has_waiting(self) -> bool:
        """Whether staged bytes are still needed."""
        return bool(self._staged or self._waiting)

    def add(self, staged: str, sha256: str, size_bytes: int) -> None:
        """Inspect staged bytes and file them, now or with those that come next. Raises Unavailable."""
        self._staged.append(Staged(staged, sha256, size_bytes))
        if _is_full(self._staged):
            self.flush()

    def take(self, arrived: Arrived) -> None:
        """File what has been looked at with the next ``flush``."""
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
            staged = arrived.staged
            item = Item(
                staged.key, staged.sha256, staged.size_bytes, parent, name, folders,
                fileset=bool(folders), if_none_match=True, verdict=arrived.verdict, durable=False,
            )  # fmt: skip
            self._waiting.append((len(self.results) - 1, item, header))

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
        staged, self._staged = self._staged, []
        for arrived in inspected(actor=self.actor, staged=staged):
            self.take(arrived)
        waiting, self._waiting = self._missing(self._waiting), []
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
        if not entries:
            return []
        uids = sorted({header.sop_instance_uid for _, _, header in entries})
        of = selection.Condition(f"i.sop_uid IN ({marks(uids)})", tuple(uids))
        there: dict[str, list[DicomInstance]] = {}
        for row in placing.instances(selection.visible(self.actor, self.root) & of):
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
        place = self._choose(header)
        # A name that is taken may be so by a request that brings the same series: then its place is there by now.
        is_plain = {study_name(header), series_name(header)}.issuperset(place[1])
        return place if is_plain else self._choose(header)

    def _choose(self, header: Header) -> tuple[UUID, tuple[str, ...]]:
        if self.target.kind == Node.Kind.FILESET:
            return self.target.uid, ()
        of = selection.Condition("n.kind = %s AND s.study_uid = %s", (str(Node.Kind.FILESET), header.study_uid))
        found = placing.place(selection.visible(self.actor, self.target, level=Level.WRITE) & of, header.series_uid)
        if found is not None and found.is_own:
            return found.container.uid, ()
        parent = found.parent if found else None
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


def _is_full(staged: Sequence[Staged]) -> bool:
    return len(staged) >= BATCH_FILES or sum(one.size_bytes for one in staged) >= BATCH_BYTES


class Beside(Filing):
    """Files each instance beside the study that it belongs to, as that lies below ``root`` (None: anywhere).

    Its series becomes a fileset in the folder that holds the study's series; where these are in several places, in
    the one among those that the actor may write that was there first. A series that is there already is joined.
    """

    def __init__(self, *, actor: Actor, root: Node | None) -> None:
        self._begin(actor, root, "")

    def _find_place(self, header: Header) -> tuple[UUID, tuple[str, ...]]:
        """Raises NotFound where the actor sees nothing of the study, Forbidden where they may not write beside it."""
        of = selection.Condition("s.study_uid = %s", (header.study_uid,))
        if placing.place(selection.visible(self.actor, self.root) & of, header.series_uid) is None:
            raise NotFound("There is nothing of the study that this belongs to, or it is not yours to see.")
        found = placing.place(selection.visible(self.actor, self.root, level=Level.WRITE) & of, header.series_uid)
        if found is None or not self._may_write(found.container):
            raise Forbidden("You may read this study, but not write in the folder that holds it.")
        place = found.container
        if not found.is_own and place.kind == Node.Kind.FILESET and found.parent and self._may_write(found.parent):
            place = found.parent
        if found.is_own or place.kind == Node.Kind.FILESET:
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
