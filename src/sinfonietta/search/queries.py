"""Searching. Every statement asks the node itself for rights, trash and quarantine, so that hits, counts and
suggestions come from what the actor may read at this moment, whatever the index says.

The newest comes first, which the index of words gives without looking at all that it finds; before all others come
things of exactly the name that was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows
from sinfonietta.common.errors import Forbidden, Invalid
from sinfonietta.common.paging import decode_cursor, encode_cursor
from sinfonietta.library import access
from sinfonietta.library.models import Change
from sinfonietta.library.names import encodable
from sinfonietta.library.queries import Entry
from sinfonietta.library.queries.entries import entries, seen_by
from sinfonietta.search import fields, following, highlights, language, spelling, statements
from sinfonietta.search.conditions import (
    EVERYTHING,
    NOTHING,
    Condition,
    both,
    either,
    other,
    worded,
    wordings,
)
from sinfonietta.search.language import All, Any, Field, Misunderstood, Not, Text, Tree
from sinfonietta.search.models import Progress, SavedSearch
from sinfonietta.search.words import fold, words

LIMIT = 50
MOST_LISTED, PIECE = 100_000, 500
MOST_NAMED = 20
"""Things of exactly the name that was asked, put before the others."""
TRIGRAM = 3
"""Characters of a name that an index of names needs."""


@dataclass(frozen=True)
class Hit:
    """Something that was found, and passages of it with the words ``marked`` (HTML, all else escaped)."""

    entry: Entry
    highlights: list[str]


@dataclass(frozen=True)
class Results:
    """A page of hits. ``relaxed``: nothing has the words, these have them inside their names."""

    hits: Sequence[Hit]
    next: str | None
    relaxed: bool = False
    instead: Sequence[str] = field(default_factory=tuple)


def search(
    *,
    actor: Actor,
    q: str = "",
    within: UUID | None = None,
    cursor: str | None = None,
    limit: int = LIMIT,
    filters: Mapping[str, str] | None = None,
) -> Results:
    """A page of what the query finds. ``filters``: field -> value, as if they were typed; ``within``: below a node.

    Raises Misunderstood, Invalid for a cursor that is not ours, NotFound for a place that is not the actor's to see.
    """
    tree = read(q, filters)
    place = _place(actor, within)
    stage, last = _position(cursor)
    asked = both([_condition(actor, tree), *place])
    exact = _exact_name(tree)
    found: list[int] = []
    if exact and stage == "named":
        named = both([Condition("d.name = %s", (exact,), fragment=exact), *place])
        found = ids(actor, named, limit=min(limit, MOST_NAMED) + 1, named=True)[: min(limit, MOST_NAMED)]
    first = list(found)
    others = both([asked, Condition("d.name <> %s", (exact,))]) if exact else asked
    found += ids(actor, others, before=last, limit=limit + 1 - len(found))
    relaxed = False
    if not found and stage == "named" and (loose := _relaxed(tree)):
        found = ids(actor, both([_condition(actor, loose), *place]), before=last, limit=limit + 1)
        relaxed = bool(found)
    elif stage == "relaxed":
        found = ids(actor, both([_condition(actor, _relaxed(tree) or tree), *place]), before=last, limit=limit + 1)
        relaxed = True
    if not found and not cursor:
        return Results([], None, instead=_instead(actor, q, tree, place))
    page = found[:limit]
    following = None
    if len(found) > limit:
        end = page[-1] if len(page) > len(first) else 2**62
        following = encode_cursor("relaxed" if relaxed else "others", end)
    return Results(_hits(actor, page, tree), following, relaxed)


def every(
    *, actor: Actor, q: str = "", within: UUID | None = None, filters: Mapping[str, str] | None = None
) -> Iterator[Entry]:
    """All that a search finds, up to ``MOST_LISTED``, in pieces. Raises as ``search``, at once."""
    condition = wanted(actor, q, within, filters)
    loose = _relaxed(read(q, filters))
    if loose and not ids(actor, condition, limit=1):
        condition = both([_condition(actor, loose), *_place(actor, within)])
    return _every(actor, condition)


def _every(actor: Actor, condition: Condition) -> Iterator[Entry]:
    last: int | None = None
    for _ in range(MOST_LISTED // PIECE):
        page = ids(actor, condition, before=last, limit=PIECE)
        yield from (hit.entry for hit in _hits(actor, page, All(())))
        if len(page) < PIECE:
            return
        last = page[-1]


def _instead(actor: Actor, q: str, tree: Tree, place: Sequence[Condition]) -> list[str]:
    """The query with its mistyped words as the actor's own documents write them, where that finds something."""
    corrected, last = "", 0
    for text in language.texts(tree):
        if text.exact or _finds(actor, both([_condition(actor, text), *place])):
            continue
        for word in spelling.near(fold(text.text)):
            if _finds(actor, both([worded(wordings().word([word], begins=False)), *place])):
                corrected, last = corrected + q[last : text.at] + word, text.at + len(text.text)
                break
    corrected += q[last:]
    return [corrected] if last and _finds(actor, both([_condition(actor, read(corrected)), *place])) else []


def _finds(actor: Actor, condition: Condition) -> bool:
    return bool(ids(actor, condition, limit=1))


def wanted(
    actor: Actor, q: str = "", within: UUID | None = None, filters: Mapping[str, str] | None = None
) -> Condition:
    """The condition of a search and its place. Raises as ``search``."""
    return both([_condition(actor, read(q, filters)), *_place(actor, within)])


def read(q: str, filters: Mapping[str, str] | None = None) -> Tree:
    """The tree of a query and of filters beside it. Raises Misunderstood."""
    if not encodable(q):
        raise Misunderstood("A search cannot hold NUL or broken characters.", 0)
    parts: list[Tree] = [language.parse(q)]
    for name, value in (filters or {}).items():
        if value:
            if not encodable(value):
                raise Misunderstood("A filter cannot hold NUL or broken characters.", 0)
            parts.append(language.filter_of(name, value))
    return parts[0] if len(parts) == 1 else All(tuple(part for part in parts if part != All(())))


def _position(cursor: str | None) -> tuple[str, int | None]:
    if not cursor:
        return "named", None
    stage, last = decode_cursor(cursor, 2)
    if stage not in ("others", "relaxed") or not isinstance(last, int) or not 0 < last <= 2**62:
        raise Invalid("The cursor is not one of this list.", errors={"cursor": ["not valid"]})
    return str(stage), last


def _place(actor: Actor, within: UUID | None) -> list[Condition]:
    if within is None:
        return []
    node = access.find(actor, within)
    return [fields.below(node.id, node.ancestry)]


def _exact_name(tree: Tree) -> str:
    """What was typed, where it is words alone: somebody may look for a thing of that name."""
    if isinstance(tree, Text):
        return fold(tree.text)[:400]
    if isinstance(tree, All) and tree.parts and all(isinstance(part, Text) and not part.exact for part in tree.parts):
        return fold(" ".join(part.text for part in tree.parts if isinstance(part, Text)))[:400]
    return ""


def _relaxed(tree: Tree) -> Tree | None:
    """The same, with words looked for inside names; None where that would be no other question."""
    if isinstance(tree, Text):
        return Field("name", (Text(tree.text, exact=False),)) if _inner(tree) else None
    if isinstance(tree, All):
        parts = [_relaxed(part) or part for part in tree.parts]
        return All(tuple(parts)) if parts != list(tree.parts) else None
    return None


def _inner(text: Text) -> bool:
    return not text.exact and len(text.text) >= TRIGRAM and not set(text.text) & set("*?")


def _condition(actor: Actor, tree: Tree) -> Condition:
    match tree:
        case Text(text, exact):
            parts = words(text)
            return worded(wordings().word(parts, begins=not exact)) if parts else EVERYTHING
        case Field():
            return fields.condition(actor, tree)
        case Not(part):
            return other(_condition(actor, part))
        case All(parts):
            return both([_condition(actor, part) for part in parts])
        case Any(parts):
            return either([_condition(actor, part) for part in parts])


def ids(actor: Actor, condition: Condition, *, limit: int, before: int | None = None, named: bool = False) -> list[int]:
    """Ids of the nodes that the actor may read and the condition finds, the newest first."""
    if condition == NOTHING:
        return []
    found = statements.search(actor, condition, before=before, named=named)
    sql = f"SELECT d.node_id {found.sql} ORDER BY {found.key} DESC LIMIT %s"
    return [one for (one,) in rows.select(sql, (*found.params, limit))]


@dataclass(frozen=True)
class State:
    """``waiting``: changes that the index has not followed yet; ``knows_names``: it finds parts of names quickly."""

    waiting: int
    knows_names: bool


def state(*, actor: Actor) -> State:
    """How the index is. Raises Forbidden for who does not run the site."""
    if not (actor.is_system or actor.is_admin):
        raise Forbidden("Only who runs the site may ask that.")
    last = Progress.objects.filter(id=following.ONLY).values_list("last", flat=True).first() or 0
    knows = connection.vendor == "sqlite" or bool(
        rows.select("SELECT 1 FROM pg_indexes WHERE indexname = %s", ("search_document_name_trgm",))
    )
    return State(Change.objects.filter(id__gt=last).count(), knows)


def saved(*, actor: Actor) -> list[SavedSearch]:
    """The searches that the person keeps."""
    return list(SavedSearch.objects.filter(user_id=actor.user_id).order_by("name"))


def _hits(actor: Actor, page: Sequence[int], tree: Tree) -> list[Hit]:
    nodes = {node.id: node for node in seen_by(actor, access.readable(actor).filter(id__in=page))}
    here = [nodes[one] for one in page if one in nodes]
    passages = highlights.of(list(nodes), [text.text for text in language.texts(tree)])
    return [Hit(entry, passages.get(node.id, [])) for node, entry in zip(here, entries(actor, here), strict=True)]
