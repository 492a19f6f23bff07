"""From the tree of a search to statements: what the words' index answers, and what each row is asked besides.

A *wording* is an expression of the index of words (FTS5 or ``tsquery``). What words can say exactly is left to the
index; of the rest it gets as much as narrows the search, and each row is asked the whole condition in SQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from django.db import connection

from sinfonietta.search.words import EVERY

Params = tuple[object, ...]


class Wordings(Protocol):
    """How an index of words is asked."""

    def word(self, parts: Sequence[str], *, begins: bool) -> str:
        """Words one after the other; with ``begins`` the last may go on."""

    def both(self, wordings: Sequence[str]) -> str:
        """All of them."""

    def either(self, wordings: Sequence[str]) -> str:
        """One of them."""

    def other(self, wording: str) -> str:
        """All but what it finds."""

    @property
    def holds(self) -> str:
        """SQL with one parameter, a wording: whether it finds the document ``d``."""


class Fts5:
    """SQLite's."""

    holds = "EXISTS (SELECT 1 FROM search_words w WHERE w.search_words MATCH %s AND w.rowid = d.node_id)"

    def word(self, parts: Sequence[str], *, begins: bool) -> str:
        return f'"{" ".join(parts)}"' + ("*" if begins else "")

    def both(self, wordings: Sequence[str]) -> str:
        return f"({' AND '.join(wordings)})"

    def either(self, wordings: Sequence[str]) -> str:
        return f"({' OR '.join(wordings)})"

    def other(self, wording: str) -> str:
        return f'("{EVERY}" NOT {wording})'


class TsQuery:
    """PostgreSQL's. Words are letters and digits, facts of ours; so nothing needs to be quoted."""

    holds = "d.vector @@ %s::tsquery"

    def word(self, parts: Sequence[str], *, begins: bool) -> str:
        found = [f"'{part}'" for part in parts]
        found[-1] += ":*" if begins else ""
        return f"({' <-> '.join(found)})"

    def both(self, wordings: Sequence[str]) -> str:
        return f"({' & '.join(wordings)})"

    def either(self, wordings: Sequence[str]) -> str:
        return f"({' | '.join(wordings)})"

    def other(self, wording: str) -> str:
        return f"!{wording}"


def wordings() -> Wordings:
    """Those of the database in use."""
    return Fts5() if connection.vendor == "sqlite" else TsQuery()


@dataclass(frozen=True)
class Condition:
    """SQL about ``d`` (document), ``n`` (node) and ``v`` (its current version), and what of it words can say.

    ``wording``: finds all that the condition finds, and perhaps more; empty: no narrowing. ``exact``: no more.
    ``fragment``: what a name must hold; an index of names can begin with it.
    """

    sql: str = ""
    params: Params = ()
    wording: str = ""
    exact: bool = False
    fragment: str = ""

    def asked(self) -> tuple[str, Params]:
        """The whole condition as SQL."""
        if self.exact:
            return wordings().holds, (self.wording,)
        return self.sql, self.params


EVERYTHING = Condition("1 = 1")
NOTHING = Condition("1 = 0")


def worded(wording: str) -> Condition:
    """A condition that words say exactly."""
    return Condition(wording=wording, exact=True)


def both(parts: Sequence[Condition]) -> Condition:
    """All of them hold."""
    parts = [part for part in parts if part != EVERYTHING]
    if not parts:
        return EVERYTHING
    if len(parts) == 1:
        return parts[0]
    narrowing = [part.wording for part in parts if part.wording]
    wording = wordings().both(narrowing) if len(narrowing) > 1 else "".join(narrowing)
    if all(part.exact for part in parts):
        return worded(wording)
    asked = [part.asked() for part in parts if not part.exact]  # what words say exactly, the wording says
    own = [part.asked() for part in parts]
    fragment = max((part.fragment for part in parts), key=len)
    return _Both(
        sql=_joined(own, " AND "), params=_params(own), wording=wording, fragment=fragment,
        besides=(_joined(asked, " AND "), _params(asked)),
    )  # fmt: skip


def either(parts: Sequence[Condition]) -> Condition:
    """One of them holds."""
    if len(parts) == 1:
        return parts[0]
    if EVERYTHING in parts:
        return EVERYTHING
    if all(part.exact for part in parts):
        return worded(wordings().either([part.wording for part in parts]))
    asked = [part.asked() for part in parts]
    narrow = all(part.wording for part in parts)
    wording = wordings().either([part.wording for part in parts]) if narrow else ""
    return Condition(_joined(asked, " OR "), _params(asked), wording)


def other(part: Condition) -> Condition:
    """It does not hold."""
    if part.exact:
        return worded(wordings().other(part.wording))
    sql, params = part.asked()
    return Condition(f"NOT COALESCE(({sql}), {_FALSE})", params)


_FALSE = "(1 = 0)"


@dataclass(frozen=True)
class _Both(Condition):
    """``besides``: what is still to be asked of what the wording finds."""

    besides: tuple[str, Params] = ("", ())


def besides(condition: Condition) -> tuple[str, Params]:
    """What is still to be asked in SQL once the index of words was asked the wording."""
    if condition.exact:
        return "", ()
    return condition.besides if isinstance(condition, _Both) else condition.asked()


def _joined(asked: Sequence[tuple[str, Params]], how: str) -> str:
    return how.join(f"({sql})" for sql, _ in asked)


def _params(asked: Sequence[tuple[str, Params]]) -> Params:
    return tuple(one for _, params in asked for one in params)
