"""Storage commitment, push model (DICOM PS3.4 J): asked here, reported by a job that calls the node back."""

from __future__ import annotations

from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.network import commands, identifiers
from sinfonietta.dicom.network.association import Message
from sinfonietta.dicom.peers import services
from sinfonietta.interfaces.dimse.session import Session

TRANSACTION, REFERENCES = "00081195", "00081199"
SOP_CLASS, SOP_INSTANCE = "00081150", "00081155"
REQUEST_COMMITMENT = 1


def commit(session: Session, message: Message) -> None:
    """N-ACTION: which instances are we to vouch for?"""
    if commands.number(message.command, "ActionTypeID") != REQUEST_COMMITMENT or not message.has_dataset:
        session.drop(message)
        session.answer(message, commands.NO_SUCH_ACTION)
        return
    data = session.association.dataset(message)
    try:
        asked = identifiers.decode(data, message.context.syntax)
        transaction = identifiers.text_of(asked.get(TRANSACTION, {}))
        items = asked.get(REFERENCES, {}).get("Value", [])
        references = [
            (identifiers.text_of(item.get(SOP_CLASS, {})), identifiers.text_of(item.get(SOP_INSTANCE, {})))
            for item in items
        ]
    except Broken as broken:
        session.answer(message, commands.PROCESSING_FAILURE, str(broken))
        return
    if not transaction or not references:
        session.answer(message, commands.INVALID_ARGUMENT, "A transaction and its instances are needed.")
        return
    services.commit(actor=session.actor, peer=session.admitted.peer, transaction_uid=transaction, references=references)
    session.answer(message, commands.SUCCESS)
