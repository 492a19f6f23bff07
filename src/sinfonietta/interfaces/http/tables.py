"""Results as CSV, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from sinfonietta.library.queries import Entry

HEAD = ("type", "name", "path", "size_bytes", "media_type", "created", "modified", "state", "sha256", "id")
CSV = {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": 'attachment; filename="search.csv"',
    "X-Content-Type-Options": "nosniff",
}
RISKY = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula."""


def hits_as_csv(entries: Iterable[Entry]) -> Iterator[bytes]:
    """One line for each, RFC 4180, UTF-8 with a mark that spreadsheets know it by."""
    yield "\ufeff".encode() + _line(HEAD)
    for entry in entries:
        values = (
            entry.kind, entry.name, entry.path, entry.size_bytes, entry.media_type, entry.created.isoformat(),
            entry.modified.isoformat(), entry.state, entry.sha256, entry.uid,
        )  # fmt: skip
        yield _line(values)


def _line(values: Iterable[object]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(_harmless(value) for value in values)
    return text.getvalue().encode()


def _harmless(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(RISKY):
        return f"'{value}"
    return "" if value is None else value
