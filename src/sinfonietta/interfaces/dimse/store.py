"""C-STORE and C-ECHO (DICOM PS3.4 annexes A, B)."""

from __future__ import annotations

from sinfonietta.common.errors import OutOfStorage, TooLarge, Unavailable
from sinfonietta.dicom.network import commands, part10
from sinfonietta.dicom.network.association import Message
from sinfonietta.dicom.peers.incoming import stage
from sinfonietta.dicom.services import DOES_NOT_MATCH, OUT_OF_RESOURCES, Staged, Stored, inspected
from sinfonietta.ingest.services import staging
from sinfonietta.interfaces.dimse.session import Session

INVALID_INSTANCE, MISSING_ATTRIBUTE = 0x0117, 0x0120


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
    with staging() as staged:
        try:
            sha256, size = stage(session.association, message, staged)
            (arrived,) = inspected(actor=session.actor, staged=[Staged(staged, sha256, size)])
        except (TooLarge, OutOfStorage, Unavailable) as problem:
            return Stored(reason=OUT_OF_RESOURCES, problem=str(problem))
        header = arrived.header
        if header and header.complete and (header.sop_class_uid, header.sop_instance_uid) != (sop_class, instance):
            return Stored(reason=DOES_NOT_MATCH, problem="The dataset is another instance than was announced.")
        return session.batches.of(session.actor, session.target).file(session.actor, arrived)
