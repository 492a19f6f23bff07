"""How many of the hits are of which kind: counted over the newest of them, and only over what the actor may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.common import rows
from sinfonietta.library import access
from sinfonietta.library.models import STEP
from sinfonietta.search import queries, statements
from sinfonietta.search.documents import size_class

MOST = 10_000
"""So many hits are counted; of more it is said that there are more."""
SHOWN = 12
SIZES = ("..10kB", "10kB..100kB", "100kB..1MB", "1MB..10MB", "10MB..100MB", "100MB..1GB", "1GB..")
COLUMNS = "n.id, n.ancestry, d.kind, d.form, d.modality, d.body_part, d.maker, d.day, n.size_bytes, d.owner"


@dataclass(frozen=True)
class Value:
    """One value of a facet. ``value`` is what its field takes; of a collection its id."""

    value: str
    label: str
    count: int


@dataclass(frozen=True)
class Facets:
    """Field -> its most frequent values. ``total`` hits were counted; ``capped``: there are more."""

    total: int
    capped: bool
    values: Mapping[str, Sequence[Value]]


def facets(
    *, actor: Actor, q: str = "", within: UUID | None = None, filters: Mapping[str, str] | None = None
) -> Facets:
    """Counts over what a search finds. Raises as ``queries.search``."""
    found = statements.search(actor, queries.wanted(actor, q, within, filters))
    sql = f"SELECT {COLUMNS} {found.sql} ORDER BY {found.key} DESC LIMIT %s"
    hits = rows.select(sql, (*found.params, MOST + 1))
    capped = len(hits) > MOST
    counts: dict[str, Counter[object]] = {}
    for id_, ancestry, kind, form, modality, body, maker, day, size_bytes, owner in hits[:MOST]:
        said = {
            "collection": int(ancestry[:STEP], 36) if ancestry else id_,
            "type": form or kind,
            "modality": modality,
            "body": body,
            "maker": maker,
            "date": day and day // 10000,
            "size": SIZES[size_class(size_bytes or 0)] if kind == "file" else "",
            "owner": owner,
        }
        for name, value in said.items():
            if value:
                counts.setdefault(name, Counter())[value] += 1
    naming: dict[str, Callable[[Sequence[object]], Mapping[object, tuple[str, str]]]] = {
        "collection": lambda ids: _collections(actor, ids),
        "owner": _owners,
    }
    values = {
        name: [Value(*names[value], count) for value, count in most if value in names]
        for name, most in ((name, counter.most_common(SHOWN)) for name, counter in counts.items())
        for names in [naming.get(name, _plain)([value for value, _ in most])]
    }
    return Facets(min(len(hits), MOST), capped, {name: found for name, found in values.items() if found})


def _numbers(values: Sequence[object]) -> list[int]:
    return [value for value in values if isinstance(value, int)]


def _plain(values: Sequence[object]) -> Mapping[object, tuple[str, str]]:
    return {value: (str(value), str(value)) for value in values}


def _collections(actor: Actor, ids: Sequence[object]) -> Mapping[object, tuple[str, str]]:
    """Those that the actor may read; what is shared out of another is counted without its name."""
    found = access.readable(actor).filter(id__in=_numbers(ids)).values_list("id", "uid", "name")
    return {id_: (str(uid), name) for id_, uid, name in found}


def _owners(ids: Sequence[object]) -> Mapping[object, tuple[str, str]]:
    found = User.objects.filter(pk__in=_numbers(ids)).values_list("pk", "name", "full_name")
    return {id_: (name, full_name or name) for id_, name, full_name in found}
