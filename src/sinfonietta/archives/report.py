"""What became of the entries of an archive: the result of its job."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

LISTED = 1000
"""Entries that are named in a report; more are counted."""
LONGEST_NAME = 500


@dataclass
class Report:
    """Counts, and names with reasons."""

    files: int = 0
    folders: int = 0
    bytes: int = 0
    unchanged: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    skipped_count: int = 0
    renamed: list[dict[str, str]] = field(default_factory=list)
    renamed_count: int = 0

    def skip(self, name: str, reason: str) -> None:
        """An entry that was left out."""
        self.skipped_count += 1
        if len(self.skipped) < LISTED:
            self.skipped.append({"name": _kept(name), "reason": reason})

    def rename(self, name: str, place: tuple[str, ...]) -> None:
        """An entry that got another name."""
        self.renamed_count += 1
        if len(self.renamed) < LISTED:
            self.renamed.append({"name": _kept(name), "as": _kept("/".join(place))})

    def as_dict(self) -> dict[str, Any]:
        """For the database."""
        return asdict(self)


def _kept(name: str) -> str:
    """So much of a name, with what no database keeps replaced."""
    return name[:LONGEST_NAME].replace("\0", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
