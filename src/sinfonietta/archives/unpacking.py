"""An archive unpacked into a folder, in batches; each is filed by the one way in, then remembered.

A worker that dies loses at most the batch that it was at. The next one begins behind what is remembered; what was filed
and not remembered is filed again as the same bytes under the same name, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import UUID

from sinfonietta.accounts.actor import Actor
from sinfonietta.archives import reading
from sinfonietta.archives.errors import NeedsPassword, NotAnArchive, Unreadable, WrongPassword
from sinfonietta.archives.limits import Budget
from sinfonietta.archives.naming import Places, is_as_it_was, place_of, without_ending
from sinfonietta.archives.queries import may_be_archive, moment
from sinfonietta.archives.reading import Failure, Member
from sinfonietta.archives.report import Report
from sinfonietta.blobs import store
from sinfonietta.common.errors import Conflict, Invalid, Problem
from sinfonietta.ingest import services as ingest
from sinfonietta.ingest.media import media_type
from sinfonietta.ingest.services import Item
from sinfonietta.library import access
from sinfonietta.library.changes import writing
from sinfonietta.library.models import Level
from sinfonietta.library.services import ensure_folders

BATCH_FILES, BATCH_BYTES = 500, 256 << 20
FAILURES = {"needed": NeedsPassword, "wrong": WrongPassword}
LEFT_OUT = (Conflict, Invalid)
"""Problems of one entry; any other ends the unpacking: no right, no room, no disk."""


class Ways(Protocol):
    """What the job gives: may raise to end the work between two steps."""

    def actor(self) -> Actor:
        """Who unpacks, with the rights that they have now."""

    def progress(self, fraction: float, report: Report) -> None:
        """How far it is."""

    def remember(self, done: int, report: Report) -> None:
        """A batch is filed: begin behind it next time."""


@dataclass
class Unpacker:
    """One unpacking into ``target``. ``done``: top-level entries that an earlier attempt has dealt with."""

    ways: Ways
    target: UUID
    budget: Budget
    password: str
    nested: bool
    report: Report
    done: int = 0
    _items: list[Item] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)
    _folders: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    _bytes: int = 0
    _reached: int = 0

    def run(self, path: Path) -> Report:
        """Unpack the archive in a file. Raises what ends it: Unreadable, LimitPassed, NeedsPassword, WrongPassword,
        Forbidden, NotFound, OutOfStorage, and what ``ways`` raise. What is filed stays; nothing is filed by halves.
        """
        places = Places()
        try:
            try:
                self._archive(path, (), 1, places, self.done)
            except Unreadable:
                self._file()  # what came whole before the damage
                raise
            self._file()
        finally:
            self._forget()
        return self.report

    def _archive(self, path: Path, above: tuple[str, ...], depth: int, places: Places, first: int) -> None:
        def beat(at: float) -> None:
            self.ways.progress(at if depth == 1 else -1, self.report)

        with reading.everything(path, first, self.password, beat) as read:
            for member in reading.members(read):
                self._member(member, path, above, depth, places, is_done=member.number < first)
                if depth == 1:
                    self._reached = member.number + 1
                    self.ways.progress(read.at, self.report)
                if len(self._items) + len(self._folders) >= BATCH_FILES or self._bytes >= BATCH_BYTES:
                    self._file()

    def _member(
        self, member: Member, archive: Path, above: tuple[str, ...], depth: int, places: Places, *, is_done: bool
    ) -> None:
        row = member.row
        self.budget.entry(row.name)
        name = "/".join((*above, row.name))
        try:
            own = place_of(row.name)
        except Invalid as invalid:
            if not is_done and row.name not in ("", ".", "./"):
                self.report.skip(name, invalid.detail)
            return
        place = (*above, *own)
        if row.kind == reading.FOLDER:
            if not is_done:
                self._folders.append((name, place))
            return
        if row.kind != reading.FILE:
            if not is_done:
                self.report.skip(name, "It is a link." if row.kind == reading.LINK else "It is no file.")
            return
        chosen = places.free(place)
        if is_done:
            return
        staged = store.default().stage()
        try:
            item = self._receive(member, staged, chosen, archive)
            if isinstance(item, Failure):
                self._fail(name, item, depth)
        except BaseException:
            store.default().discard(staged)
            raise
        if isinstance(item, Failure):
            store.default().discard(staged)
            return
        self._items.append(item)
        self._names.append(name)
        self._bytes += item.size_bytes
        if chosen != place or not is_as_it_was(row.name, own):
            self.report.rename(name, chosen)
        if self.nested and depth < self.budget.limits.depth:
            self._nested(staged, chosen, name, depth, places)

    def _receive(self, member: Member, staged: str, place: tuple[str, ...], archive: Path) -> Item | Failure:
        row = member.row
        compressed = archive.stat().st_size if row.compressed_bytes is None else row.compressed_bytes
        stream = _Watched(member, self.budget, compressed, lambda: self.ways.progress(-1, self.report))
        sha256, size = ingest.receive(staged, stream, None, durable=False)  # type: ignore[arg-type]
        if member.failure:
            return member.failure
        return Item(
            staged, sha256, size, self.target, place[-1], place[:-1], modified=moment(row.modified), durable=False
        )

    def _fail(self, name: str, failure: Failure, depth: int) -> None:
        """An entry whose bytes did not come whole. A password that is missing or wrong is so for all of the archive."""
        if depth == 1 and failure.password:
            raise FAILURES[failure.password](failure.reason)
        self.report.skip(name, failure.reason)

    def _nested(self, staged: str, place: tuple[str, ...], name: str, depth: int, places: Places) -> None:
        """What an archive in the archive holds, into a folder beside it; one that cannot be read stays a file."""
        path = store.default().staged_path(staged)
        if not may_be_archive(media_type(path, place[-1]), place[-1]):
            return
        folder = places.free((*place[:-1], without_ending(place[-1])))
        try:
            self._archive(path, folder, depth + 1, places, 0)
        except NotAnArchive:
            return
        except (Unreadable, NeedsPassword, WrongPassword) as problem:
            self.report.skip(f"{name}/", f"It is filed, and could not be unpacked: {problem.detail}")

    # Filing
    def _file(self) -> None:
        """File what has been gathered, and remember it."""
        actor = self.ways.actor()
        access.require(actor, self.target, Level.WRITE)
        try:
            results = ingest.put_many(actor=actor, items=self._items)
            for name, item, result in zip(self._names, self._items, results, strict=True):
                if isinstance(result, Problem):
                    self._left_out(name, result)
                    continue
                self.report.files += 1
                self.report.bytes += item.size_bytes
                self.report.unchanged += not result.created
            self._make_folders(actor)
        finally:
            self._forget()
        self.ways.remember(self._reached, self.report)

    def _left_out(self, name: str, problem: Problem) -> None:
        if not isinstance(problem, LEFT_OUT):
            raise problem
        self.report.skip(name, problem.detail)

    def _make_folders(self, actor: Actor) -> None:
        """The folders that the archive names, also those in which nothing is."""
        made = {item.folders[:length] for item in self._items for length in range(1, len(item.folders) + 1)}
        for name, place in self._folders:
            self.report.folders += 1
            if place in made:
                continue
            try:
                with writing():
                    parent = access.locked(actor, self.target, Level.WRITE)
                    ensure_folders(actor=actor, parent=parent, parts=place)
            except LEFT_OUT as problem:
                self.report.skip(name, problem.detail)

    def _forget(self) -> None:
        """What was gathered; its bytes are filed, or not wanted."""
        for item in self._items:
            store.default().discard(item.staged)
        self._items, self._names, self._folders, self._bytes = [], [], [], 0


class _Watched:
    """The bytes of an entry, counted as they come; its reader is told that we live."""

    def __init__(self, member: Member, budget: Budget, compressed_bytes: int, step: Callable[[], None]) -> None:
        self._member, self._budget, self._compressed, self._step = member, budget, compressed_bytes, step
        self._seen = 0

    def read(self, size: int) -> bytes:
        """As of a file. Raises LimitPassed, and what the step raises."""
        block = self._member.read(size)
        self._seen += len(block)
        self._budget.output(self._member.row.name, len(block), self._seen, self._compressed)
        self._step()
        return block
