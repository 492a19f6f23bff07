"""A search as one statement: where it begins, who may see what it finds, and what each row is asked.

On SQLite the order of the tables is ours (``CROSS JOIN``): the index that narrows most comes first and gives the newest
first, so that a page of a frequent word looks at little more than a page. PostgreSQL chooses by its statistics.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows
from sinfonietta.library import access
from sinfonietta.search.conditions import Condition, Params, besides, wordings

TRIGRAM = 3
"""Characters of a name that the index of names needs."""
FEW = 5000
"""So many names, or nodes that somebody may read, are looked at one by one; of more, an index goes first."""
SEEN = "n.trash_id IS NULL AND (v.state IS NULL OR v.state <> 'quarantined')"
VERSION = "library_version v ON v.id = n.current_id"
NODE = "library_node n ON n.id = d.node_id LEFT JOIN " + VERSION


@dataclass(frozen=True)
class Statement:
    """FROM and WHERE over ``d`` (document), ``n`` (node), ``v`` (its version); ``key`` is the node's id in them."""

    sql: str
    params: Params
    key: str


def search(actor: Actor, condition: Condition, *, before: int | None = None, named: bool = False) -> Statement:
    """What the actor may read and the condition finds. ``before``: only what is older than that id.

    ``named``: the condition says what the name is, which an index knows.
    """
    rights = ("", ()) if actor.is_system else access.within_sql(actor, "n.acl_id")
    sees_few = not actor.is_system and _sees_few(actor, FEW, int(time.monotonic()))
    tables, key, asked = _from_the_actor(actor, condition) if sees_few else _begin(condition, named)
    until: tuple[str, Params] = ("", ()) if before is None else (f"{key} < %s", (before,))
    parts = [part for part in (*asked, until, (SEEN, ()), rights) if part[0]]
    where = " AND ".join(f"({sql})" for sql, _ in parts)
    return Statement(f"FROM {tables} WHERE {where}", tuple(one for _, params in parts for one in params), key)


@lru_cache(maxsize=256)
def _sees_few(actor: Actor, few: int, second: int) -> bool:
    """Whether the actor may read so little that it is quicker to begin there; asked once for all that a search asks.

    It only says where to begin; what may be read is asked by each statement.
    """
    return access.readable(actor).order_by()[: few + 1].count() <= few


def _from_the_actor(actor: Actor, condition: Condition) -> tuple[str, str, list[tuple[str, Params]]]:
    if connection.vendor != "sqlite":  # told how few there are, its planner begins with them
        mine = list(access.readable(actor).order_by().values_list("id", flat=True)[: 10 * FEW])
        return "search_document d JOIN " + NODE, "d.node_id", [("d.node_id = ANY(%s)", (mine,)), condition.asked()]
    entries = f"SELECT e.acl_id FROM library_aclentry e WHERE e.principal_id IN ({rows.marks(actor.principals)})"  # noqa: S608
    tables = "library_node n CROSS JOIN search_document d ON d.node_id = n.id LEFT JOIN " + VERSION
    return tables, "n.id", [(f"n.acl_id IN ({entries})", actor.principals), condition.asked()]


def _begin(condition: Condition, named: bool) -> tuple[str, str, list[tuple[str, Params]]]:
    """The tables in their order, the key, and the conditions but for rights."""
    whole, rest = condition.asked(), besides(condition)
    if connection.vendor != "sqlite":
        asked = [(wordings().holds, (condition.wording,)), rest] if condition.wording else [whole]
        return "search_document d JOIN " + NODE, "d.node_id", asked
    if named:
        return "search_document d CROSS JOIN " + NODE, "d.node_id", [whole]
    fragment = condition.fragment if len(condition.fragment) >= TRIGRAM else ""
    if fragment and (not condition.wording or _is_rare(fragment)):
        return _from("search_names"), "i.rowid", [("i.search_names MATCH %s", (_quoted(fragment),)), whole]
    if condition.wording:
        return _from("search_words"), "i.rowid", [("i.search_words MATCH %s", (condition.wording,)), rest]
    return "search_document d CROSS JOIN " + NODE, "d.node_id", [whole]


def _from(index: str) -> str:
    node = "CROSS JOIN library_node n ON n.id = i.rowid CROSS JOIN search_document d ON d.node_id = i.rowid"
    return f"{index} i {node} LEFT JOIN {VERSION}"  # rights are asked before the document is read


def _quoted(fragment: str) -> str:
    return '"' + fragment.replace('"', '""') + '"'


def _is_rare(fragment: str) -> bool:
    sql = "SELECT COUNT(*) FROM (SELECT 1 FROM search_names WHERE search_names MATCH %s LIMIT %s)"
    return bool(rows.select(sql, (_quoted(fragment), FEW))[0][0] < FEW)
