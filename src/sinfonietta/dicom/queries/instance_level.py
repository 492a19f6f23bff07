"""Instances by what is in the index: pages of them, the one that is shown of a UID, those that stand for a series."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from uuid import UUID

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import NotFound
from sinfonietta.dicom.index import loading, matching, selection
from sinfonietta.dicom.index.selection import InstanceRow
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.queries.scope import (
    CHUNK,
    Found,
    chosen_instances,
    shown_condition,
    visible,
)
from sinfonietta.dicom.queries.study_level import merged, pairs_of, rows_of
from sinfonietta.library.models import Node


def instances(
    *, actor: Actor, root: Node | None = None, keys: Mapping[str, str] | None = None, offset: int = 0, limit: int = 5000
) -> Found[InstanceRow]:
    """Instances that match, in the order of series and instance numbers, each with its ``series`` row."""
    keys = keys or {}
    if any(keys.get(tag) not in {None, "", "*"} for tag in ("0020000D", "0020000E", "00080018")):
        found = _instances(actor, root, keys, offset, limit + 1)
        return Found(found[:limit], len(found) > limit)
    # Of all that there is, only so many studies are looked at as the page needs.
    of_instances = any(tag[:8] in matching.INSTANCE_KEYS for tag in keys)
    found = []
    for studies in _studies_with_counts(actor, root, keys):
        there = sum(count for _, count in studies)
        if not of_instances and there <= offset:
            offset -= there
            continue
        chosen = studies if of_instances else _needed(studies, offset + limit + 1 - len(found))
        wanted = dict(keys) | {"0020000D": "\\".join(uid for uid, _ in chosen)}
        if of_instances:
            more = _instances(actor, root, wanted, 0, offset + limit + 1 - len(found))
            found += more[offset:]
            offset = max(0, offset - len(more))
        else:
            found += _instances(actor, root, wanted, offset, limit + 1 - len(found))
            offset = 0
        if len(found) > limit:
            break
    return Found(found[:limit], len(found) > limit)


def _needed(studies: Sequence[tuple[str, int]], instances: int) -> list[tuple[str, int]]:
    """The first of the studies, that hold so many instances together."""
    found: list[tuple[str, int]] = []
    for study in studies:
        found.append(study)
        instances -= study[1]
        if instances <= 0:
            break
    return found


def _studies_with_counts(actor: Actor, root: Node | None, keys: Mapping[str, str]) -> Iterator[list[tuple[str, int]]]:
    """Some studies at a time, in order, each with the number of instances in its matching series."""
    for pairs in pairs_of(actor, root, keys):
        counts = dict.fromkeys((study for study, _ in pairs), 0)
        wanted = set(pairs)
        for one in merged(rows_of(actor, root, list(counts))):
            if (one.study_uid, one.series_uid) in wanted:
                counts[one.study_uid] += one.instances
        yield list(counts.items())


def _instances(actor: Actor, root: Node | None, keys: Mapping[str, str], offset: int, limit: int) -> list[InstanceRow]:
    return selection.instance_rows(
        shown_condition(actor, root, keys), f"{selection.IN_ORDER} LIMIT %s OFFSET %s", (limit, offset)
    )


def instance(*, actor: Actor, root: Node | None = None, study: str, series: str, uid: str) -> loading.Stored:
    """One instance. Raises NotFound."""
    named = selection.Condition("i.sop_uid = %s AND i.series_uid = %s AND i.study_uid = %s", (uid, series, study))
    seen = named & selection.visible(actor, root)
    found = loading.files(seen, "ORDER BY i.version_id DESC LIMIT 1")
    if not found:
        raise NotFound("There is no such instance, or it is not yours to see.")
    return found[0]


def shown(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> loading.Stored:
    """The first instance that matches. Raises NotFound."""
    found = loading.files(shown_condition(actor, root, keys), f"{selection.IN_ORDER} LIMIT 1")
    if not found:
        raise NotFound("There is no such study, series or instance, or it is not yours to see.")
    return found[0]


def named(*, actor: Actor, uids: Collection[str], root: Node | None = None) -> dict[str, DicomInstance]:
    """Of these SOP Instance UIDs those that the actor sees, with ``node`` and ``series``: the file filed last each."""
    seen: dict[str, DicomInstance] = {}
    wanted = sorted(set(uids))
    for at in range(0, len(wanted), CHUNK):
        rows = DicomInstance.objects.filter(
            visible(actor, root, "series__"), sop_uid__in=wanted[at : at + CHUNK], series__isnull=False
        )
        for row in rows.select_related("node", "series").defer("json").order_by("version_id"):
            seen[row.sop_uid] = row
    return seen


def known_classes(*, actor: Actor, uids: Sequence[str]) -> dict[str, set[str]]:
    """Of these SOP instances those that the actor sees, with their classes."""
    found: dict[str, set[str]] = {}
    for at in range(0, len(uids), CHUNK):
        rows = DicomInstance.objects.filter(
            visible(actor, None, "series__"), sop_uid__in=uids[at : at + CHUNK], series__isnull=False
        )
        for uid, sop_class in rows.values_list("sop_uid", "sop_class"):
            found.setdefault(uid, set()).add(sop_class)
    return found


def placed(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> list[DicomInstance]:
    """The instances of a series in the order of their numbers, each with ``node``, ``series`` and ``version.blob``,
    without its JSON.
    """
    rows = chosen_instances(actor, root, keys)
    return list(rows.select_related("node", "series", "version__blob").defer("json"))


def stack(*, actor: Actor, root: Node, keys: Mapping[str, str]) -> list[tuple[UUID, int]]:
    """The files of a series in the order of instance numbers, each with its number of frames."""
    return list(chosen_instances(actor, root, keys).values_list("node__uid", "frames"))


def middles(*, actor: Actor, root: Node | None, study: str) -> dict[str, UUID]:
    """Of each series of a study the file in its middle that has pixels: a picture that tells what it is."""
    drawn = chosen_instances(actor, root, {"0020000D": study}).filter(frames__gt=0)
    numbered = drawn.annotate(
        position=Window(RowNumber(), partition_by="series_uid", order_by=["instance_number", "sop_uid"]),
        total=Window(Count("version_id"), partition_by="series_uid"),
    )
    return dict(numbered.filter(position=F("total") / 2 + 1).values_list("series_uid", "node__uid"))


def representative(*, actor: Actor, root: Node | None = None, keys: Mapping[str, str]) -> str:
    """The UID of an instance that stands for a study or series: with pixels, from the middle of the largest series.

    Raises NotFound when there is none with pixels.
    """
    rows = chosen_instances(actor, root, keys).filter(frames__gt=0).values_list("series_id", "sop_uid")
    places: dict[int | None, list[str]] = {}
    for series_id, uid in rows:
        places.setdefault(series_id, []).append(uid)
    if not places:
        raise NotFound("There is no image in it.")
    largest = max(places.values(), key=len)
    return largest[len(largest) // 2]


def identities(node_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Study, series, instance and modality of files (by id) that the caller has been shown already."""
    rows = DicomInstance.objects.filter(node_id__in=node_ids, node__current_id=F("version_id"))
    names = ("study_uid", "series_uid", "sop_uid", "modality")
    return {
        node_id: dict(zip(("study", "series", "instance", "modality"), values, strict=True))
        for node_id, *values in rows.values_list("node_id", *names)
    }
