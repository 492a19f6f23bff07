"""CSV and TSV by pages of rows, each found by its offset in the file; spreadsheets sheet by sheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sinfonietta.previews.adapters import Undrawable
from sinfonietta.previews.adapters.texts import MARKS, Answer, decoded

ROWS = 100
MOST_COLUMNS = 200
LONGEST = 500
HEAD_BYTES = 64 << 10
PAGE_BYTES = 8 << 20
"""At most so much is read for a page; a record longer than that is none."""
SPREADSHEET_BYTES = 64 << 20
WIDE = {"utf-16"}
csv.field_size_limit(PAGE_BYTES)


def show(path: str, name: str, at: int = 0) -> Answer:
    """A page of records that begins at the byte ``at`` (0: after the head).

    ``next`` is the offset of the next page, None at the end.
    """
    encoding, dialect = _form(path, name)
    if encoding in WIDE:
        raise Undrawable("Tables in UTF-16 are not shown; download it, or save it as UTF-8.")
    head, first = _records(path, 0, 1, encoding, dialect)
    rows, after = _records(path, at or first, ROWS, encoding, dialect)
    columns = head[0] if head else []
    return {
        "columns": columns, "rows": rows, "next": after if after < Path(path).stat().st_size else None, "at": at,
        "types": [_type([row[i] for row in rows if i < len(row)]) for i in range(len(columns))],
        "delimiter": dialect, "encoding": encoding, "size_bytes": Path(path).stat().st_size,
    }, b""  # fmt: skip


def _form(path: str, name: str) -> tuple[str, str]:
    """Encoding and delimiter by the beginning of the file; a name that says TSV is believed."""
    with Path(path).open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    text, encoding = decoded(head, is_cut=True)
    if name.lower().endswith((".tsv", ".tab")):
        return encoding, "\t"
    try:
        return encoding, csv.Sniffer().sniff(text.rpartition("\n")[0] or text, ",;\t|").delimiter
    except csv.Error:
        return encoding, ","


def _records(path: str, at: int, most: int, encoding: str, delimiter: str) -> tuple[list[list[str]], int]:
    """Records from an offset, and the offset behind them."""
    with Path(path).open("rb") as stream:
        stream.seek(at)
        if at == 0:
            mark = next((mark for mark, _ in MARKS if stream.peek(4).startswith(mark)), b"")
            stream.seek(len(mark))
        taken = [stream.tell(), 0]

        def lines() -> Iterator[str]:
            while True:
                line = stream.readline(PAGE_BYTES)
                taken[1] += len(line)
                if taken[1] > PAGE_BYTES:
                    raise Undrawable(f"A row is longer than {PAGE_BYTES >> 20} MiB, or a quote is never closed.")
                if not line:
                    return
                yield line.decode("utf-8" if encoding == "utf-8-sig" else encoding, "replace")

        rows = []
        try:
            for row in csv.reader(lines(), delimiter=delimiter):
                rows.append([cell[:LONGEST] for cell in row[:MOST_COLUMNS]])
                if len(rows) == most:
                    break
        except csv.Error as problem:
            raise Undrawable(f"The table cannot be read: {problem}.") from problem
        return rows, taken[0] + taken[1]


def _type(cells: list[str]) -> str:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return "empty"
    for kind, read in (("whole number", int), ("number", float), ("date", _date)):
        try:
            for cell in filled:
                read(cell)
        except ValueError:
            continue
        return kind
    return "text"


def _date(cell: str) -> object:
    from datetime import datetime  # noqa: PLC0415

    return datetime.fromisoformat(cell)


def sheets(path: str, name: str, sheet: int = 0, row: int = 0) -> Answer:
    """A page of a sheet from ``row`` on, and the names of all sheets. Of a formula the kept value is shown."""
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415

    if Path(path).stat().st_size > SPREADSHEET_BYTES:
        raise Undrawable(f"The spreadsheet is larger than {SPREADSHEET_BYTES >> 20} MiB; download it to open it.")
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(Path(path).read_bytes()))
        names = book.sheet_names
        if not 0 <= sheet < len(names):
            raise Undrawable("The spreadsheet has no such sheet.")
        found = book.get_sheet_by_index(sheet).to_python(skip_empty_area=False)
    except PasswordError as problem:
        raise Undrawable("The spreadsheet is locked with a password.") from problem
    except (CalamineError, OSError, ValueError) as problem:
        raise Undrawable("The spreadsheet is damaged, or of a form that cannot be read.") from problem
    width = min(max((len(one) for one in found), default=0), MOST_COLUMNS)
    rows = [[_cell(value) for value in one[:width]] for one in found[row : row + ROWS]]
    return {
        "sheets": names, "sheet": sheet, "row": row, "rows": rows, "columns": [_letters(i) for i in range(width)],
        "total": len(found), "next": row + ROWS if row + ROWS < len(found) else None,
    }, b""  # fmt: skip


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)[:LONGEST]


def _letters(index: int) -> str:
    """The name of a column: A ... Z, AA ..."""
    found = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        found = chr(65 + rest) + found
    return found
