"""What an actor sees of the index, and which of it matches: where every query begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import Max, Q, QuerySet

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom.index import matching, selection
from sinfonietta.dicom.models import DicomInstance, DicomSeries
from sinfonietta.library import access
from sinfonietta.library.models import Node, base36

Row = TypeVar("Row")
CHUNK = 200
"""Rows that are fetched at a time where a long answer is streamed."""


@dataclass(frozen=True)
class Found(Generic[Row]):
    """A page of an answer; ``more`` says that there is another one."""

    rows: Sequence[Row]
    more: bool


def root(*, actor: Actor, uid: UUID, kinds: Sequence[str]) -> Node:
    """The container that a scoped root stands for. Raises NotFound when it is absent, of another kind or not theirs."""
    node = access.find(actor, uid)
    if node.kind not in kinds:
        raise NotFound("There is nothing of that id, or it is not yours to see.")
    return node


def visible(actor: Actor, root: Node | None, prefix: str = "") -> Q:
    """The condition that a series row (behind ``prefix``) is the actor's to see, below the root where there is one."""
    container = f"{prefix}container__"
    condition = access.within(actor, prefix=container) & Q(**{f"{container}trash": None})
    if root is None:
        return condition
    below = {f"{container}ancestry__gte": root.below, f"{container}ancestry__lt": root.ancestry + base36(root.id + 1)}
    return condition & (Q(**{f"{prefix}container": root}) | Q(**below))


def series_condition(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Q:
    """What series rows must fulfil; only one of the keys looks at what else is visible."""
    return matching.condition(keys, visible(actor, root) if matching.MODALITIES_IN_STUDY in keys else Q())


def last_filed(rows: QuerySet[DicomInstance]) -> QuerySet[DicomInstance]:
    """Of each (study, series, SOP Instance UID) among the rows the one that was filed last."""
    last = rows.order_by().values("study_uid", "series_uid", "sop_uid").annotate(last=Max("version_id"))
    return DicomInstance.objects.filter(version_id__in=last.values("last"))


def shown_condition(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> selection.Condition:
    """The condition that an instance matches and is the one shown of its UID."""
    shown = selection.shown(actor, root, series_condition(actor, root, keys))
    of_instance = matching.instance_condition(keys)
    return shown & selection.where(of_instance, "i") if of_instance else shown


def chosen_instances(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> QuerySet[DicomInstance]:
    seen = visible(actor, root)
    matches = DicomSeries.objects.filter(seen & matching.condition(keys, seen))
    # Which file is shown is decided among all that the actor sees; only then is it asked whether that one matches.
    rows = DicomInstance.objects.filter(series__in=matches.values("id"))
    chosen = last_filed(rows).filter(matching.instance_condition(keys))
    return chosen.order_by("study_uid", "series__series_number", "series_uid", "instance_number", "sop_uid")
