"""Where an entry goes: names of strangers become places below the target, or are refused."""

from __future__ import annotations

import re

from sinfonietta.common.errors import Invalid
from sinfonietta.library.names import clean_name, numbered

SEPARATORS = re.compile(r"[/\\]")
DRIVE = re.compile(r"[A-Za-z]:")


def place_of(name: str) -> tuple[str, ...]:
    """The parts of a place below the target. Raises Invalid with a sentence for what climbs or is no name.

    A leading slash or drive letter is left out, as tar and unzip do. A backslash separates as well: to some who unpack
    it does, and what looks like one name here would climb there.
    """
    parts = SEPARATORS.split(name)
    if DRIVE.match(parts[0]):
        parts[0] = parts[0][2:]
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        raise Invalid("It has no name.")
    if any(not part.strip(" .") for part in parts):  # Windows takes ".. " for ".."
        raise Invalid("Its name climbs out of the archive.")
    return tuple(clean_name(part) for part in parts)


def is_as_it_was(name: str, place: tuple[str, ...]) -> bool:
    """Whether an entry lies where its name says."""
    return "/".join(place) == name.removeprefix("./")


class Places:
    """Those that are taken in one archive. The same name again gets a number: nothing is written over."""

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def free(self, place: tuple[str, ...]) -> tuple[str, ...]:
        """The place, or the first numbered one beside it that is free; it is taken now."""
        chosen, number = place, 1
        while hash(chosen) in self._taken:  # a hash is eight bytes, and a collision only costs a number
            number += 1
            chosen = (*place[:-1], numbered(place[-1], number))
        self._taken.add(hash(chosen))
        return chosen


def without_ending(name: str) -> str:
    """``study`` for ``study.tar.gz``: what a folder of an archive's content is called."""
    stem = re.sub(r"(\.tar)?\.(zip|7z|tar|tgz|tbz2?|txz|tzst|gz|bz2|xz|zst)$", "", name, flags=re.IGNORECASE)
    return stem if stem and stem != name else f"{name} unpacked"[:255]
