"""A search as one statement: where it begins, who may see what it finds, and what each row is asked.

On SQLite the order of the tables is ours (``CROSS JOIN``): the index that narrows most comes first and gives the newest
first, so that a page of a frequent word looks at little more than a page. PostgreSQL chooses by its statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from sinfonietta.accounts.actor import Actor
from sinfonietta.common import rows
from sinfonietta.library import access
from sinfonietta.search.conditions import Condition, Params, besides, wordings

TRIGRAM = 3
"""Characters of a name that the index of names needs."""
FEW = 5000
"""So many names are looked at one by one; of more, the index of words goes first."""
SEEN = "n.trash_id IS NULL AND (v.state IS NULL OR v.state <> 'quarantined')"
NODE = "library_node n ON n.id = {key} LEFT JOIN library_version v ON v.id = n.current_id"


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
    tables, key, asked = _begin(condition, named)
    rights = ("", ()) if actor.is_system else access.within_sql(actor, "n.acl_id")
    until: tuple[str, Params] = ("", ()) if before is None else (f"{key} < %s", (before,))
    parts = [part for part in (*asked, until, (SEEN, ()), rights) if part[0]]
    where = " AND ".join(f"({sql})" for sql, _ in parts)
    return Statement(f"FROM {tables} WHERE {where}", tuple(one for _, params in parts for one in params), key)


def _begin(condition: Condition, named: bool) -> tuple[str, str, list[tuple[str, Params]]]:
    """The tables in their order, the key, and the conditions but for rights."""
    whole, rest = condition.asked(), besides(condition)
    if connection.vendor != "sqlite":
        asked = [(wordings().holds, (condition.wording,)), rest] if condition.wording else [whole]
        return "search_document d JOIN " + NODE.format(key="d.node_id"), "d.node_id", asked
    if named:
        return "search_document d CROSS JOIN " + NODE.format(key="d.node_id"), "d.node_id", [whole]
    fragment = condition.fragment if len(condition.fragment) >= TRIGRAM else ""
    if fragment and (not condition.wording or _is_rare(fragment)):
        return _from("search_names"), "i.rowid", [("i.search_names MATCH %s", (_quoted(fragment),)), whole]
    if condition.wording:
        return _from("search_words"), "i.rowid", [("i.search_words MATCH %s", (condition.wording,)), rest]
    return "search_document d CROSS JOIN " + NODE.format(key="d.node_id"), "d.node_id", [whole]


def _from(index: str) -> str:
    return f"{index} i CROSS JOIN search_document d ON d.node_id = i.rowid CROSS JOIN {NODE.format(key='i.rowid')}"


def _quoted(fragment: str) -> str:
    return '"' + fragment.replace('"', '""') + '"'


def _is_rare(fragment: str) -> bool:
    sql = "SELECT COUNT(*) FROM (SELECT 1 FROM search_names WHERE search_names MATCH %s LIMIT %s)"
    return bool(rows.select(sql, (_quoted(fragment), FEW))[0][0] < FEW)
