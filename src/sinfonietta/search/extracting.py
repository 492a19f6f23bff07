"""The process that reads the text out of strangers' files (``python -m sinfonietta.search.extracting``).

It is confined as the one that reads DICOM is (``dicom.sandbox``): bounded memory and time, no file written, nothing of
the server's in its environment. It may die; the pool of ``texts`` then starts another. It says at most ``MOST_BYTES``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from html.parser import HTMLParser
from io import BufferedReader
from typing import IO, Any
from xml.parsers import expat

MOST_BYTES = 1 << 20
OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."
PARTS = {
    OFFICE + "wordprocessingml.document": (
        "word/document", "word/header", "word/footer", "word/footnotes", "word/comments",
    ),
    OFFICE + "spreadsheetml.sheet": ("xl/sharedStrings", "xl/workbook", "xl/worksheets/", "xl/comments"),
    OFFICE + "presentationml.presentation": ("ppt/slides/slide", "ppt/notesSlides/"),
    OPEN + "text": ("content",), OPEN + "spreadsheet": ("content",), OPEN + "presentation": ("content",),
    "application/epub+zip": ("",),
}  # fmt: skip
"""Media type -> beginnings of the names of the parts that hold text."""
ENDS = {
    "p",
    "tr",
    "tc",
    "tab",
    "br",
    "h",
    "si",
    "row",
    "c",
    "table-cell",
    "table-row",
    "line-break",
    "sheet",
    "li",
    "title",
}
"""XML elements after which a word ends."""
HIDDEN = {"script", "style", "template", "noscript"}
NUMBERS = {"v", "f"}
"""Of a sheet: numbers and formulas, mostly places in the list of strings."""
BLOCK = 1 << 16


class Full(Exception):
    """Enough was read."""


class Sink:
    """Collects text until it is enough."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.size = 0

    def add(self, text: str) -> None:
        """Raises Full."""
        self.parts.append(text)
        self.size += len(text)
        if self.size >= MOST_BYTES:
            raise Full


def plain(file: BufferedReader, sink: Sink) -> None:
    """Text in UTF-8, UTF-16 with a mark, or else Latin-1."""
    head = file.read(MOST_BYTES)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        sink.add(head.decode("utf-16", "replace"))
        return
    try:
        sink.add(head[: len(head) - len(head) % 4 if len(head) == MOST_BYTES else None].decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        cut = len(head) == MOST_BYTES and error.start > len(head) - 8
        sink.add(head.decode("utf-8" if cut else "latin-1", "ignore"))


class _Page(HTMLParser):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.sink, self.hidden = sink, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.hidden += tag in HIDDEN
        self.sink.add(" ")

    def handle_endtag(self, tag: str) -> None:
        self.hidden = max(0, self.hidden - (tag in HIDDEN))
        self.sink.add(" ")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.sink.add(data)


def html(file: BufferedReader, sink: Sink) -> None:
    """What a reader of a page sees."""
    page = Sink()
    plain(file, page)
    _Page(sink).feed("".join(page.parts))


def office(names: tuple[str, ...]) -> Callable[[BufferedReader, Sink], None]:
    """The text of a zip of XML parts."""

    def read(file: BufferedReader, sink: Sink) -> None:
        with zipfile.ZipFile(file) as whole:
            for entry in sorted(whole.infolist(), key=lambda one: one.filename):
                if entry.filename.startswith(names) and entry.filename.endswith((".xml", ".xhtml", ".html")):
                    with whole.open(entry) as part:
                        _xml(part, sink)

    return read


def _xml(part: IO[bytes], sink: Sink) -> None:
    """Character data, with spaces where words end. A document type is refused: it could name files and bombs."""
    parser = expat.ParserCreate(namespace_separator="}")
    open_: list[str] = []

    def refuse(*_: object) -> None:
        raise expat.ExpatError("a document type")

    def start(name: str, _attributes: object) -> None:
        open_.append(name.rpartition("}")[2])

    def end(_name: str) -> None:
        if open_.pop() in ENDS:
            sink.add(" ")

    def data(text: str) -> None:
        if open_ and open_[-1] not in NUMBERS:
            sink.add(text)

    parser.StartDoctypeDeclHandler, parser.StartElementHandler = refuse, start
    parser.EndElementHandler, parser.CharacterDataHandler = end, data
    while block := part.read(BLOCK):
        parser.Parse(block)


def pdf(file: BufferedReader, sink: Sink) -> None:
    """The text of a PDF's pages; nothing in it is run."""
    import pypdfium2  # noqa: PLC0415 - only for these

    document = pypdfium2.PdfDocument(file)
    for number in range(len(document)):
        page = document[number]
        text = page.get_textpage()
        sink.add(text.get_text_bounded() + "\n")
        text.close()
        page.close()


def reader(media_type: str) -> Callable[[BufferedReader, Sink], None]:
    """What reads files of a type."""
    if media_type == "application/pdf":
        return pdf
    if media_type in PARTS:
        return office(PARTS[media_type])
    return html if media_type in ("text/html", "application/xhtml+xml") else plain


def text(path: str, media_type: str) -> tuple[dict[str, Any], bytes]:
    """The text in a file as UTF-8. What was read before something went wrong is said, too."""
    sink = Sink()
    with open(path, "rb") as file, suppress(Exception):
        reader(media_type)(file, sink)
    found = "".join(sink.parts).replace("\0", " ").encode("utf-8", "replace")[:MOST_BYTES]
    return {}, found.decode("utf-8", "ignore").encode()


if __name__ == "__main__":
    from sinfonietta.dicom.sandbox.child import serve

    serve({"text": text})
