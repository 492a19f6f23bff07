"""An instance that arrives by C-STORE: from the socket to staging, and nowhere else on the way."""

from __future__ import annotations

from collections.abc import Iterator

from sinfonietta.dicom.network import commands, part10
from sinfonietta.dicom.network.association import Association, Message
from sinfonietta.ingest.services import receive


class Incoming:
    """The file that a dataset becomes, as a stream to read: its head, then what comes from the socket."""

    def __init__(self, head: bytes, fragments: Iterator[memoryview]) -> None:
        self._rest = memoryview(head)
        self._fragments = fragments

    def read(self, size: int = -1, /) -> memoryview:
        """The next bytes, valid until the next call; empty at the end."""
        if not len(self._rest):
            self._rest = next(self._fragments, memoryview(b""))
        size = len(self._rest) if size < 0 else size
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def stage(association: Association, message: Message, staged: str) -> tuple[str, int]:
    """Read the dataset of a C-STORE into staging, as a file; its SHA-256 and size.

    Raises TooLarge, OutOfStorage, when all of the dataset has been read over; Closed, ProtocolError.
    """
    sop_class = commands.text(message.command, "AffectedSOPClassUID")
    instance = commands.text(message.command, "AffectedSOPInstanceUID")
    fragments = association.fragments(message)
    stream = Incoming(part10.head(sop_class, instance, message.context.syntax), fragments)
    try:
        return receive(staged, stream, None)  # type: ignore[arg-type]
    finally:
        for _ in fragments:
            pass
