"""What is in an archive, kept beside the database under the archive's hash, so that a page of it is a query.

An index is a cache: made when somebody first looks, made again where it is gone, forgotten when nobody has looked for
long. It is a small SQLite file of its own, for a table of millions of rows that come and go would burden the database.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings

from sinfonietta.archives import reading
from sinfonietta.archives.limits import Budget, Limits
from sinfonietta.common.errors import NotFound

TABLES = """
CREATE TABLE entries (n INTEGER PRIMARY KEY, folder INTEGER, name TEXT, leaf TEXT, kind TEXT, size INTEGER,
                      compressed INTEGER, modified REAL, encrypted INTEGER, locator INTEGER);
CREATE TABLE folders (id INTEGER PRIMARY KEY, parent INTEGER, leaf TEXT, files INTEGER, size INTEGER);
CREATE TABLE about (said TEXT);
"""
INDEXES = "CREATE INDEX by_folder ON entries (folder, leaf); CREATE INDEX by_parent ON folders (parent, leaf);"
LAYOUT = "1"
"""Raised when the tables or the reading of names change: old indexes are then not found any more."""
DEEPEST = 100
LARGEST = (1 << 63) - 1


@dataclass(frozen=True)
class About:
    """What an archive is as a whole."""

    format: str
    problem: str
    entries: int
    size_bytes: int
    is_encrypted: bool


@dataclass(frozen=True)
class Found:
    """An entry. ``modified`` in seconds since 1970."""

    number: int
    name: str
    leaf: str
    kind: str
    size_bytes: int
    compressed_bytes: int | None
    modified: float | None
    is_encrypted: bool
    locator: int | None


@dataclass(frozen=True)
class Folder:
    """A folder inside, with what is in it and below."""

    id: int
    leaf: str
    files: int
    size_bytes: int


SELECT = "SELECT n, name, leaf, kind, size, compressed, modified, encrypted, locator FROM entries"


def path_of(sha256: str) -> Path:
    """Where the index of an archive is, or would be."""
    return folder() / f"{sha256}.{LAYOUT}"


def folder() -> Path:
    """Where all of them are."""
    return Path(settings.OPTIONS.data) / "archives"


def build(sha256: str, path: Path, step: Callable[[float], None] = lambda at: None) -> None:
    """Make the index of an archive. ``step`` is told how far the reading is (0 to 1), and may raise.

    Raises NotAnArchive, Unreadable, NeedsPassword (where the directory is encrypted), LimitPassed.
    """
    folder().mkdir(mode=0o700, exist_ok=True)
    made = folder() / f"{sha256}.{os.getpid()}.{time.monotonic_ns()}.new"
    try:
        with closing(sqlite3.connect(made, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.executescript(TABLES)
            database.execute("BEGIN")
            with reading.Reading(path, {"operation": "list", "password": ""}, step) as read:
                _fill(database, read, step)
            database.execute("COMMIT")
            database.executescript(INDEXES)
        made.rename(path_of(sha256))
    finally:
        made.unlink(missing_ok=True)


def _fill(database: sqlite3.Connection, read: reading.Reading, step: Callable[[float], None]) -> None:
    tree, budget = _Tree(), Budget(Limits.of_site())
    number, total, encrypted = 0, 0, False
    for batch in reading.listing(read):
        rows = []
        for name, kind, size, compressed, modified, is_encrypted, locator in batch:
            budget.entry(name)
            size = min(size, LARGEST)  # noqa: PLW2901 - as it is kept
            at, leaf = tree.place(name, size if kind == reading.FILE else None)
            if name:  # a tar of "." says so of its top
                rows.append((number, at, name, leaf, kind, size, compressed, modified, is_encrypted, locator))
            total += size
            encrypted = encrypted or is_encrypted
            number += 1
        database.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        step(read.at)
    database.executemany("INSERT INTO folders VALUES (?, ?, ?, ?, ?)", tree.rows())
    said = {"format": read.about["format"], "problem": read.about["problem"], "entries": number,
            "size_bytes": min(total, LARGEST), "is_encrypted": encrypted}  # fmt: skip
    database.execute("INSERT INTO about VALUES (?)", [orjson.dumps(said).decode()])


class _Tree:
    """The folders that names speak of, with or without an entry of their own. 0 is the top.

    Only the last part of a name is kept of each: long names of many parts cost what they are long.
    """

    def __init__(self) -> None:
        self._ids: dict[tuple[int, str], int] = {}
        self._rows: list[list[Any]] = [[0, None, "", 0, 0]]
        self._last = "", 0

    def place(self, name: str, size: int | None) -> tuple[int, str]:
        """The folder that an entry lies in and its name there; an entry that is a folder is that folder, without name.

        ``size`` of a file is added to all folders above it. What lies deeper than 100 folders is shown at that depth.
        """
        above, _, leaf = name.rpartition("/")
        if above != self._last[0]:
            self._last = above, self._find(above)
        at = self._last[1]
        if size is not None:
            up: int | None = at
            while up is not None:
                row = self._rows[up]
                row[3] += 1
                row[4] += size
                up = row[1]
        return at, leaf

    def _find(self, above: str) -> int:
        at = 0
        for part in above.split("/", DEEPEST) if above else []:
            key = at, part
            known = self._ids.get(key)
            if known is None:
                known = self._ids[key] = len(self._rows)
                self._rows.append([known, at, part, 0, 0])
            at = known
        return at

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """For the table."""
        return ((*row[:4], min(row[4], LARGEST)) for row in self._rows)


class Index:
    """The index of one archive, open for reading."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def about(self) -> About:
        """The archive as a whole."""
        return About(**orjson.loads(self._database.execute("SELECT said FROM about").fetchone()[0]))

    def listing(self, prefix: str, after: int, limit: int) -> list[Found]:
        """Entries whose name begins so, in the order of the archive, after a number."""
        sql = f"{SELECT} WHERE n > ? AND substr(name, 1, ?) = ? ORDER BY n LIMIT ?"
        return self._found(sql, after, len(prefix), prefix, limit)

    def named(self, name: str) -> Found | None:
        """The last entry of a name: the one that remains when all are unpacked one over the other."""
        at = self.folder(name.rpartition("/")[0])
        sql = f"{SELECT} WHERE folder = ? AND leaf = ? AND name = ? ORDER BY n DESC LIMIT 1"
        found = self._found(sql, at.id, name.rpartition("/")[2], name) if at else []
        return found[0] if found else None

    def numbered(self, number: int) -> Found | None:
        """The entry at a place of the archive."""
        found = self._found(f"{SELECT} WHERE n = ?", number)
        return found[0] if found else None

    def folder(self, name: str) -> Folder | None:
        """A folder by its whole name; the top is empty."""
        found = self._folders("WHERE id = 0")
        for part in name.split("/", DEEPEST) if name else []:
            found = self._folders("WHERE parent = ? AND leaf = ?", found[0].id, part)
            if not found:
                return None
        return found[0]

    def folders(self, parent: int, after: str | None, limit: int) -> list[Folder]:
        """Folders directly inside, by name."""
        if after is None:
            return self._folders("WHERE parent = ? ORDER BY leaf LIMIT ?", parent, limit)
        return self._folders("WHERE parent = ? AND leaf > ? ORDER BY leaf LIMIT ?", parent, after, limit)

    def files(self, folder: int, after: tuple[str, int] | None, limit: int) -> list[Found]:
        """Entries directly inside that are no folders, by name."""
        leaf, number = after or ("", -1)
        sql = f"{SELECT} WHERE folder = ? AND leaf >= ? AND (leaf, n) > (?, ?) AND kind != 'folder'"
        return self._found(f"{sql} ORDER BY leaf, n LIMIT ?", folder, leaf, leaf, number, limit)

    def _found(self, sql: str, *values: object) -> list[Found]:
        return [Found(*row) for row in self._database.execute(sql, values)]

    def _folders(self, which: str, *values: object) -> list[Folder]:
        sql = f"SELECT id, leaf, files, size FROM folders {which}"  # noqa: S608 - our own words
        return [Folder(*row) for row in self._database.execute(sql, values)]


@contextmanager
def opened(sha256: str) -> Iterator[Index]:
    """The index of an archive. Raises NotFound where there is none yet."""
    path = path_of(sha256)
    try:
        os.utime(path)  # looked at: it is not forgotten for now
        database = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)
    except (FileNotFoundError, sqlite3.OperationalError) as error:
        raise NotFound("The archive has not been read yet.") from error
    with closing(database):
        yield Index(database)


def exists(sha256: str) -> bool:
    """Whether there is an index."""
    return path_of(sha256).exists()
