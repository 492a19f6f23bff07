"""The language of searches, as a tree: ``modality:CT date:2020..2022 (thyroid OR "lymph node") -biopsy``.

Terms beside each other must all hold; ``OR`` (or ``|``) between terms, a minus or ``NOT`` before one, brackets around
some. A term is a word, a phrase in quotes, or ``field:value``; a value is a word, a phrase, some of them with commas
between (any of them holds), a range (``2020..2022``, ``>10MB``, ``<=5``), or ends with ``*`` (begins so).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from sinfonietta.common.errors import Invalid

LONGEST = 2000
MOST_TERMS = 60
DEEPEST = 20


class Misunderstood(Invalid):
    """A search that cannot be read. ``at`` is where, counted in characters from 0."""

    def __init__(self, said: str, at: int) -> None:
        super().__init__(f"{said} (At character {at + 1}.)", errors={"q": [said]})
        self.said, self.at = said, at


@dataclass(frozen=True)
class Text:
    """A word (``exact`` False: words that begin so count) or a phrase."""

    text: str
    exact: bool
    at: int = 0


@dataclass(frozen=True)
class Compared:
    """A value with ``<``, ``<=``, ``>``, ``>=``; or a range, ``low`` and ``high`` of which one may be empty."""

    low: str = ""
    high: str = ""
    open_low: bool = False
    open_high: bool = False


@dataclass(frozen=True)
class Field:
    """``name:value``. ``any_of``: one value or several, of which one must hold."""

    name: str
    any_of: tuple[Text | Compared, ...]
    at: int = 0


@dataclass(frozen=True)
class All:
    """All of them hold; of none, everything is found."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Any:
    """One of them holds at least."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Not:
    """It does not hold."""

    part: Tree


Tree = Text | Field | All | Any | Not
Reader = Callable[[], Tree]

TOKEN = re.compile(
    r"""\s*(?:
        (?P<open>\()|(?P<close>\))|(?P<or>\||OR(?=[\s()]|$))|(?P<and>&&?|AND(?=[\s()]|$))|(?P<not>NOT(?=[\s(]|$)|[-!](?=\S))
        |(?P<field>[A-Za-z][\w]*(?:\.(?:[\w.-]+|"[^"]*"))?):(?!//)
        |(?P<quoted>"[^"]*"?)
        |(?P<word>[^\s()"|]+)
    )""",
    re.VERBOSE,
)
VALUE = re.compile(r"""(?P<quoted>"[^"]*"?)|(?P<word>[^\s(),"]+)""")
COMPARISON = re.compile(r"(<=|>=|<|>|=)(.*)", re.DOTALL)


def parse(query: str) -> Tree:
    """The tree of a search. Raises Misunderstood."""
    if len(query) > LONGEST:
        raise Misunderstood(f"A search has at most {LONGEST} characters.", LONGEST)
    return _Parser(query).whole()


class _Parser:
    """Recursive descent: any of (all of (not ... term))."""

    def __init__(self, query: str) -> None:
        self.query, self.at, self.terms, self.depth = query, 0, 0, 0

    def whole(self) -> Tree:
        found = self.any_of()
        if self.peek() is not None:
            self.fail("This bracket closes nothing.", self.start())
        return found

    def start(self) -> int:
        """Where the next thing begins, after spaces."""
        rest = self.query[self.at :]
        return self.at + len(rest) - len(rest.lstrip())

    def peek(self) -> str | None:
        found = TOKEN.match(self.query, self.at)
        return found.lastgroup if found else None

    def take(self) -> str:
        found = TOKEN.match(self.query, self.at)
        assert found is not None
        self.at = found.end()
        return found[found.lastgroup or 0]

    def fail(self, said: str, at: int) -> NoReturn:
        raise Misunderstood(said, at)

    def any_of(self) -> Tree:
        parts = [self.all_of()]
        while self.peek() == "or":
            at = self.start()
            self.take()
            if not self._begins() or parts == [All(())]:
                self.fail("OR stands between two things.", at)
            parts.append(self.all_of())
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _begins(self) -> bool:
        return self.peek() in {"open", "not", "field", "quoted", "word"}

    def all_of(self) -> Tree:
        parts: list[Tree] = []
        while True:
            if self.peek() == "and":
                at = self.start()
                self.take()
                if not parts or not self._begins():
                    self.fail("AND stands between two things.", at)
            if not self._begins():
                break
            parts.append(self.one())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def one(self) -> Tree:
        kind, at = self.peek(), self.start()
        if kind == "not":
            self.take()
            if not self._begins():
                self.fail("Nothing follows that is to be left out.", at)
            return Not(self.nested(self.one, at))
        if kind == "open":
            self.take()
            found = self.nested(self.any_of, at)
            if self.peek() != "close":
                self.fail("This bracket is not closed.", at)
            self.take()
            if found == All(()):
                self.fail("There is nothing in these brackets.", at)
            return found
        self.terms += 1
        if self.terms > MOST_TERMS:
            self.fail(f"A search has at most {MOST_TERMS} terms.", at)
        if kind == "field":
            return self.field(self.take(), at)
        return self.text(self.take(), at)

    def nested(self, read: Reader, at: int) -> Tree:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"Brackets and NOT nest {DEEPEST} deep, not deeper.", at)
        found = read()
        self.depth -= 1
        return found

    def text(self, said: str, at: int) -> Text:
        if not said.startswith('"'):
            return Text(said, exact=False, at=at)
        if len(said) < 2 or not said.endswith('"'):
            self.fail("This quotation mark is not closed.", at)
        return Text(said[1:-1], exact=True, at=at)

    def field(self, name: str, at: int) -> Field:
        values: list[Text | Compared] = []
        while True:
            begins = self.at
            found = VALUE.match(self.query, self.at)
            if found is None:
                self.fail(f"A value belongs behind “{name}:”, without a space.", begins)
            self.at = found.end()
            said = found[0]
            values.append(self.text(said, begins) if said.startswith('"') else self.value(said, begins))
            if not self.query.startswith(",", self.at):
                return Field(name, tuple(values), at)
            self.at += 1

    def value(self, said: str, at: int) -> Text | Compared:
        if compared := COMPARISON.fullmatch(said):
            sign, value = compared[1], compared[2]
            if not value:
                self.fail(f"A value belongs behind “{sign}”.", at)
            if sign == "=":
                return Text(value, exact=True, at=at)
            if sign.startswith(">"):
                return Compared(low=value, open_low=sign == ">")
            return Compared(high=value, open_high=sign == "<")
        if ".." in said:
            low, _, high = said.partition("..")
            if not low and not high:
                self.fail("A range needs a beginning or an end.", at)
            return Compared(low=low, high=high.lstrip("."))
        return Text(said, exact=False, at=at)


def filter_of(name: str, value: str) -> Field:
    """A field with a value that was given beside the query; commas part several. Raises Misunderstood."""
    parser = _Parser(value)
    return Field(name, tuple(parser.value(one.strip(), 0) for one in value.split(",") if one.strip()))


def texts(tree: Tree) -> list[Text]:
    """The words and phrases that are looked for anywhere, those that must not be there left out."""
    match tree:
        case Text():
            return [tree]
        case All(parts) | Any(parts):
            return [one for part in parts for one in texts(part)]
        case _:
            return []


def written(tree: Tree) -> str:
    """The tree as one would type it; ``parse`` of that gives the tree again."""
    match tree:
        case Text(text, exact):
            return f'"{text}"' if exact else text
        case Field(name, values):
            return f"{name}:{','.join(map(_written_value, values))}"
        case Not(part):
            return f"NOT ({written(part)})" if isinstance(part, All | Any) else f"-{written(part)}"
        case All(parts):
            return " ".join(f"({written(part)})" if isinstance(part, All | Any) else written(part) for part in parts)
        case Any(parts):
            return " OR ".join(f"({written(part)})" if isinstance(part, All | Any) else written(part) for part in parts)


def _written_value(value: Text | Compared) -> str:
    if isinstance(value, Text):
        return f'"{value.text}"' if value.exact else value.text
    if value.low and value.high:
        return f"{value.low}..{value.high}"
    if value.low:
        return f"{'>' if value.open_low else '>='}{value.low}"
    return f"{'<' if value.open_high else '<='}{value.high}"


def quoted(value: str) -> str:
    """A value as it is written behind a field: in quotation marks where it needs them."""
    value = value.replace('"', " ")
    is_plain = VALUE.fullmatch(value) and ".." not in value and value[0] not in "<>="
    return value if is_plain else f'"{value}"'


def narrowed(query: str, term: str) -> str:
    """The query, and a term that must hold besides."""
    if not query.strip():
        return term
    return f"({query}) {term}" if isinstance(parse(query), Any) else f"{query.strip()} {term}"
