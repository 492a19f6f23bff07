"""Matching of attributes that have no column of their own, in the stored JSON text (DICOM PS3.4 C.2.2.2).

Such a key costs a look into the text of every row that the other keys leave. Sequences are matched by what any of their
items holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db.models import TextField
from django.db.models.lookups import Lookup

Sql = tuple[str, list[Any]]


@dataclass(frozen=True)
class Wanted:
    """What a value of the attribute at ``path`` (tags, outermost first) must be.

    Any of ``texts`` (with ``*`` and ``?``), of ``names`` (any representation of a person name, no case), of
    ``numbers``; or between ``low`` and ``high``.
    """

    path: tuple[str, ...]
    texts: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    low: str = ""
    high: str = ""


def like(vendor: str, value: str, pattern: str) -> Sql:
    """``*`` and ``?`` as DICOM means them, case-sensitive."""
    if vendor == "sqlite":
        return f"{value} GLOB %s", [pattern.replace("[", "[[]")]
    escaped = re.sub(r"([\\%_])", r"\\\1", pattern).replace("*", "%").replace("?", "_")
    return f"{value} LIKE %s", [escaped]


class Inside(Lookup):
    """``study_json__dicom_inside=Wanted(...)``: on the members of a DICOM JSON object without its braces."""

    lookup_name = "dicom_inside"
    prepare_rhs = False

    def get_db_prep_lookup(self, value: Any, connection: Any) -> Any:
        """The value is no parameter as it is."""
        return "%s", [value]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        left, params = self.process_lhs(compiler, connection)
        wanted: Wanted = self.rhs
        if connection.vendor == "sqlite":
            tables, text, part = _sqlite(left, wanted.path)
        else:
            tables, text, part = _postgresql(left, wanted.path)
        condition, more = _condition(connection.vendor, wanted, text, part)
        return f"EXISTS (SELECT 1 FROM {tables} WHERE {condition})", (*params, *more)  # noqa: S608 - tags are checked


TextField.register_lookup(Inside)


def _sqlite(left: str, path: tuple[str, ...]) -> tuple[str, str, str]:
    """The tables, the value as text, and a representation of a name, with ``{}`` for which."""
    tables, object_ = [], f"'{{' || {left} || '}}'"
    for depth, tag in enumerate(path):
        tables.append(f"json_each({object_}, '$.\"{tag}\".Value') AS j{depth}")
        object_ = f"CASE WHEN j{depth}.type = 'object' THEN j{depth}.value ELSE '{{}}' END"
    last = f"j{len(path) - 1}"
    return ", ".join(tables), f"CAST({last}.value AS TEXT)", f"json_extract({object_}, '$.{{}}')"


def _postgresql(left: str, path: tuple[str, ...]) -> tuple[str, str, str]:
    steps = "".join(f'."{tag}".Value[*]' for tag in path)
    tables = f"jsonb_path_query(('{{' || {left} || '}}')::jsonb, '${steps}') AS j(v)"
    return tables, "(j.v #>> '{}')", "(j.v ->> '{}')"


def _condition(vendor: str, wanted: Wanted, text: str, part: str) -> Sql:
    if wanted.low or wanted.high:
        ends = [(">=", wanted.low), ("<=", wanted.high)]
        said = [(f"{text} {sign} %s", end) for sign, end in ends if end]
        return " AND ".join(sql for sql, _ in said), [end for _, end in said]
    if wanted.numbers:
        # A text that is no number would stop PostgreSQL.
        number = (
            f"CAST({text} AS REAL)"
            if vendor == "sqlite"
            else f"(CASE WHEN j.v @? '$.double()' THEN {text}::float8 END)"
        )
        return " OR ".join([f"{number} = %s"] * len(wanted.numbers)), list(wanted.numbers)
    likes = [like(vendor, text, pattern) for pattern in wanted.texts]
    kinds = [f"LOWER({part.replace('{}', kind)})" for kind in ("Alphabetic", "Ideographic", "Phonetic")]
    likes += [like(vendor, kind, name.lower()) for name in wanted.names for kind in kinds]
    return " OR ".join(sql for sql, _ in likes), [param for _, params in likes for param in params]
