"""C-GET and C-MOVE (DICOM PS3.4 C.4.2, C.4.3): what the caller may read goes to them, or to another node we know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import structlog

from sinfonietta.common.errors import NotFound
from sinfonietta.dicom import queries
from sinfonietta.dicom.errors import BadRequest
from sinfonietta.dicom.models import DicomInstance
from sinfonietta.dicom.network import commands, identifiers
from sinfonietta.dicom.network.association import Context, Message
from sinfonietta.dicom.network.pdu import ProtocolError
from sinfonietta.dicom.network.requestor import CallFailed
from sinfonietta.dicom.peers import calls, outgoing
from sinfonietta.dicom.peers import queries as peers
from sinfonietta.interfaces.dimse.find import UNIQUE, BadIdentifier, Identifier, identifier_of
from sinfonietta.interfaces.dimse.session import Session

log = structlog.get_logger("sinfonietta.dimse")
WILDCARD = re.compile(r"[*?]")
MOST_REPORTED = 1000
"""So many failed instances are named in the last answer."""
WARNINGS = frozenset({0xB000, 0xB006, 0xB007})


@dataclass
class Progress:
    """Sub-operations so far."""

    remaining: int
    completed: int = 0
    warning: int = 0
    failed: list[str] = field(default_factory=list)

    def note(self, instance: str, status: int) -> None:
        """Count one that is over."""
        self.remaining -= 1
        if status == commands.SUCCESS:
            self.completed += 1
        elif status in WARNINGS:
            self.warning += 1
        else:
            self.failed.append(instance)

    def counts(self, *, pending: bool) -> dict[str, int | str]:
        """As fields of an answer; what remains is only said while there is something."""
        numbers = (self.remaining, self.completed, len(self.failed), self.warning)
        said = {name: min(number, 0xFFFF) for name, number in zip(commands.SUBOPERATIONS, numbers, strict=True)}
        if not pending:
            del said[commands.SUBOPERATIONS[0]]
        return dict(said)


class Cancelled(Exception):
    """The caller wants no more of it."""


def get(session: Session, message: Message) -> None:
    """C-GET: the instances come back over the same association."""
    try:
        found = _wanted(session, message)
    except (BadIdentifier, BadRequest) as bad:
        session.answer(message, commands.IDENTIFIER_DOES_NOT_MATCH, str(bad))
        return
    progress = Progress(len(found.versions))
    cancelled = False
    try:
        for row in _audited(session, found.rows(), "dicom.retrieved"):
            _unless_cancelled(session)
            status, cancelled = _send_back(session, row)
            progress.note(row.sop_uid, status)
            if cancelled:
                break
            _pending(session, message, progress)
    except Cancelled:
        cancelled = True
    _end(session, message, progress, cancelled=cancelled)


def move(session: Session, message: Message) -> None:
    """C-MOVE: the instances go to a node that we know, by an association that we open."""
    try:
        found = _wanted(session, message)
        target = peers.destination(ae_title=commands.text(message.command, "MoveDestination"))
    except (BadIdentifier, BadRequest) as bad:
        session.answer(message, commands.IDENTIFIER_DOES_NOT_MATCH, str(bad))
        return
    except NotFound:
        session.answer(message, commands.UNKNOWN_DESTINATION, "The move destination is no node that we know.")
        return
    progress = Progress(len(found.versions))
    originator = (session.admitted.peer.ae_title, commands.number(message.command, "MessageID"))
    cancelled = False
    try:
        rows = _audited(session, found.rows(), "dicom.sent", to=str(target.uid))
        for row, status in calls.store_all(target, found.kinds, rows, originator=originator):
            progress.note(row.sop_uid, status)
            _unless_cancelled(session)
            _pending(session, message, progress)
    except Cancelled:
        cancelled = True
    except CallFailed as failed:
        log.warning("a C-MOVE failed", why=str(failed))
        if not progress.completed and not progress.failed:
            session.answer(message, commands.CANNOT_SEND, str(failed), _all_failed(progress))
            return
    _end(session, message, progress, cancelled=cancelled)


def _wanted(session: Session, message: Message) -> queries.Retrieval:
    """What an identifier of a retrieval names: single values above its level, one or more at it (PS3.4 C.4.2.2.1)."""
    level, identifier = identifier_of(session, message)
    keys: dict[str, str] = {}
    for name, tag in UNIQUE.items():
        text = identifiers.text_of(identifier.get(tag, {}))
        if text:
            keys[tag] = text
        if name == level:
            break
    _check(keys, level, identifier)
    return queries.retrieval(actor=session.actor, keys=keys)


def _check(keys: Mapping[str, str], level: str, identifier: Identifier) -> None:
    if UNIQUE[level] not in keys:
        raise BadIdentifier("The identifier does not name what to retrieve.")
    if any(WILDCARD.search(text) for text in keys.values()):
        raise BadIdentifier("A retrieval takes no wildcards.")


def _audited(session: Session, rows: Iterator[DicomInstance], action: str, **detail: str) -> Iterator[DicomInstance]:
    """The rows, with an event for each container that they come from."""
    seen: set[int] = set()
    for row in rows:
        if row.series is not None and row.series.container_id not in seen:
            seen.add(row.series.container_id)
            session.audit(action, row.series.container, **detail)
        yield row


def _unless_cancelled(session: Session) -> None:
    """Raises Cancelled when the caller said so."""
    if not session.association.has_more():
        return
    message = session.association.receive()
    session.drop(message)
    if message.field != commands.C_CANCEL:
        raise ProtocolError("A new request came before the answers to the last one were over.")
    raise Cancelled


def _send_back(session: Session, row: DicomInstance) -> tuple[int, bool]:
    """One C-STORE sub-operation of a C-GET; its status, and whether the caller cancelled meanwhile."""
    association = session.association
    try:
        context = outgoing.choose(row, association.contexts.values())
        dataset = outgoing.dataset(row, context.syntax)
    except outgoing.CannotSend as cannot:
        log.info("an instance was not sent", why=str(cannot))
        return commands.PROCESSING_FAILURE, False
    cancelled = False
    association.send(context, _store_command(association.next_id(), context, row), dataset)
    while True:
        answer = association.receive()
        session.drop(answer)
        if answer.field == commands.C_STORE | commands.RESPONSE:
            return commands.number(answer.command, "Status"), cancelled
        if answer.field != commands.C_CANCEL:
            raise ProtocolError("An answer to C-STORE was expected.")
        cancelled = True


def _store_command(number: int, context: Context, row: DicomInstance) -> dict[str, int | str]:
    return {
        "CommandField": commands.C_STORE,
        "MessageID": number,
        "Priority": 0,
        "AffectedSOPClassUID": context.abstract,
        "AffectedSOPInstanceUID": row.sop_uid,
    }


def _pending(session: Session, message: Message, progress: Progress) -> None:
    if progress.remaining:
        session.answer(message, commands.PENDING, more=progress.counts(pending=True))


def _all_failed(progress: Progress) -> dict[str, int | str]:
    return {commands.SUBOPERATIONS[1]: 0, commands.SUBOPERATIONS[2]: min(progress.remaining, 0xFFFF)}


def _end(session: Session, message: Message, progress: Progress, *, cancelled: bool) -> None:
    """The last answer: what failed is named in it (PS3.4 C.4.2.1.5)."""
    status = commands.SUCCESS
    if cancelled:
        status = commands.CANCELLED
    elif progress.failed or progress.warning or progress.remaining:
        nothing = not progress.completed and not progress.warning
        status = commands.CANNOT_SEND if nothing else commands.SOME_FAILED
    said = commands.response(message.command, status, **progress.counts(pending=cancelled))
    if progress.failed:
        failed = {"00080058": {"vr": "UI", "Value": progress.failed[:MOST_REPORTED]}}
        session.association.send(message.context, said, [identifiers.encode(failed, message.context.syntax)])
    else:
        session.association.send(message.context, said)
