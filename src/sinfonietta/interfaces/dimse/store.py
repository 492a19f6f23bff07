"""C-STORE and C-ECHO (DICOM PS3.4 annexes A, B): the dataset goes from the socket to disk, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

from sinfonietta.common.errors import OutOfStorage, Problem, TooLarge, Unavailable
from sinfonietta.dicom.network import commands, part10
from sinfonietta.dicom.network.association import Message
from sinfonietta.dicom.services import DOES_NOT_MATCH, OUT_OF_RESOURCES, Stored, inspected, reason_of
from sinfonietta.ingest.services import receive, staging
from sinfonietta.interfaces.dimse.session import Session

INVALID_INSTANCE, MISSING_ATTRIBUTE = 0x0117, 0x0120


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

    def drop(self) -> None:
        """Read over the rest."""
        for _ in self._fragments:
            pass


def echo(session: Session, message: Message) -> None:
    """C-ECHO."""
    session.drop(message)
    session.answer(message, commands.SUCCESS)


def store(session: Session, message: Message) -> None:
    """C-STORE. The answer is sent when the instance is filed, durably, and indexed."""
    sop_class = commands.text(message.command, "AffectedSOPClassUID")
    instance = commands.text(message.command, "AffectedSOPInstanceUID")
    if not message.has_dataset or not sop_class or not instance:
        session.drop(message)
        session.answer(message, MISSING_ATTRIBUTE, "A class, an instance and a dataset are needed.")
    elif not part10.is_uid(sop_class) or not part10.is_uid(instance):
        session.drop(message)
        session.answer(message, INVALID_INSTANCE, "That is not a UID.")
    else:
        stored = _stored(session, message, sop_class, instance)
        session.answer(message, stored.reason, stored.problem)


def _stored(session: Session, message: Message, sop_class: str, instance: str) -> Stored:
    head = part10.head(sop_class, instance, message.context.syntax)
    stream = Incoming(head, session.association.fragments(message))
    with staging() as staged:
        try:
            sha256, size = receive(staged, stream, None)  # type: ignore[arg-type]
        except (TooLarge, OutOfStorage) as problem:
            stream.drop()
            return Stored(reason=OUT_OF_RESOURCES, problem=str(problem))
        try:
            arrived = inspected(actor=session.actor, staged=staged, sha256=sha256, size_bytes=size)
        except Unavailable as problem:
            return Stored(reason=OUT_OF_RESOURCES, problem=str(problem))
        except Problem as problem:
            return Stored(reason=reason_of(problem), problem=str(problem))
        header = arrived.header
        if header and header.complete and (header.sop_class_uid, header.sop_instance_uid) != (sop_class, instance):
            return Stored(reason=DOES_NOT_MATCH, problem="The dataset is another instance than was announced.")
        return session.batches.of(session.actor, session.target).file(session.actor, arrived)
