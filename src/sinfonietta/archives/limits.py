"""What an archive may become: counted on what really comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from sinfonietta.archives.errors import LimitPassed

RATIO_FROM_BYTES = 100 << 20
"""Less than that is no bomb, however well it was compressed."""
LETTERS = 256 << 20
"""All names of an archive together."""


@dataclass(frozen=True)
class Limits:
    """Of one archive with all that is nested in it. ``ratio`` counts for an entry over ``RATIO_FROM_BYTES``."""

    entries: int
    bytes_: int
    entry_bytes: int
    ratio: int
    depth: int

    @classmethod
    def of_site(cls) -> Limits:
        """Those that the settings name."""
        options = settings.OPTIONS
        return cls(
            options.archive_max_entries, options.archive_max_bytes, options.max_file_bytes,
            options.archive_max_ratio, options.archive_max_depth,
        )  # fmt: skip


class Budget:
    """Counts what has come out. Its methods raise LimitPassed with the sentence that a person reads."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.entries = self.bytes_ = self._letters = 0

    def entry(self, name: str) -> None:
        """One more entry."""
        self.entries += 1
        self._letters += len(name)
        if self._letters > LETTERS:
            raise LimitPassed("The names of its entries are too long.")
        if self.entries > self.limits.entries:
            raise LimitPassed(f"It has more than the {self.limits.entries:,} entries that an archive may have here.")

    def output(self, name: str, block_bytes: int, entry_bytes: int, compressed_bytes: int) -> None:
        """A block more; the entry has ``entry_bytes`` now, from at most ``compressed_bytes`` in the archive."""
        self.bytes_ += block_bytes
        if self.bytes_ > self.limits.bytes_:
            raise LimitPassed(f"It unpacks to more than the {self.limits.bytes_:,} bytes that are allowed here.")
        check_entry(self.limits, name, entry_bytes, compressed_bytes)


def check_entry(limits: Limits, name: str, entry_bytes: int, compressed_bytes: int) -> None:
    """One entry as far as it has come out. Raises LimitPassed."""
    if entry_bytes > limits.entry_bytes:
        raise LimitPassed(
            f"“{_short(name)}” is larger than the {limits.entry_bytes:,} bytes that a file may have here."
        )
    if entry_bytes > RATIO_FROM_BYTES and entry_bytes > limits.ratio * max(compressed_bytes, 1):
        raise LimitPassed(f"“{_short(name)}” unpacks to more than {limits.ratio} times its size: it looks like a bomb.")


def _short(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:200]}…"
