"""What every format says of its entries, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

BLOCK_BYTES = 1 << 18
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"


class Broken(Exception):
    """The archive, or one entry of it, is not what it says; the sentence tells how."""


class NotAnArchive(Broken):
    """The bytes are of no format that is read here."""


class Locked(Broken):
    """A password is needed, or the one that was given is wrong."""

    def __init__(self, reason: str, *, wrong: bool = False) -> None:
        super().__init__(reason)
        self.wrong = wrong


@dataclass
class Entry:
    """One entry. ``modified`` in seconds since 1970; ``locator`` finds its bytes again without reading what is before.

    ``size_bytes`` is what the archive declares: nobody may count on it. ``compressed_bytes`` is None where entries are
    compressed together.
    """

    number: int
    name: str
    kind: str
    size_bytes: int
    compressed_bytes: int | None
    modified: float | None
    is_encrypted: bool
    locator: int | None = None


class Archive(Protocol):
    """An opened archive."""

    format: str
    problem: str
    """Why it should not be unpacked, in a sentence; empty: nothing is known against it."""

    def entries(self) -> Iterator[Entry]:
        """All entries in their order. Raises Broken."""

    def contents(self, first: int) -> Iterator[tuple[Entry, Content]]:
        """All entries; those from number ``first`` on with their bytes, to be read before the next is asked for.

        Raises Broken.
        """

    def content(self, number: int, locator: int | None) -> Content:
        """The bytes of one entry. Raises Broken."""


Content = Iterator[bytes]
"""Blocks; raises Broken where they are not what the archive declares, Locked for want of the password."""
Beat = Callable[[float], None]
"""Told how far the archive has been read (0 to 1), from inside long work."""


def nothing() -> Content:
    """Of what has no bytes."""
    return iter(())
