"""Calling another node (DICOM PS3.7 9, 10; PS3.4 annexes A, B, C, J)."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sinfonietta.dicom.dataset.source import Broken
from sinfonietta.dicom.network import commands, identifiers, negotiation
from sinfonietta.dicom.network.association import Association, Context, Message, Released
from sinfonietta.dicom.network.negotiation import Proposal
from sinfonietta.dicom.network.pdu import (
    ASSOCIATE_AC,
    ASSOCIATE_RJ,
    UNEXPECTED,
    Closed,
    ProtocolError,
    Reader,
    abort_pdu,
)

LONGEST_PDU = 1 << 18
CONNECT_S = 10.0
ANSWER_S = 120.0


BROKEN = (OSError, Closed, ProtocolError, Released, Broken)


class CallFailed(Exception):
    """The other node cannot be reached, refuses, or breaks off; the message is a sentence for a person."""


@dataclass(frozen=True)
class Node:
    """Another node, and who we are to it."""

    called: str
    host: str
    port: int
    calling: str
    tls: ssl.SSLContext | None = None


@dataclass(frozen=True)
class Counts:
    """Sub-operations of a C-GET or C-MOVE so far; ``remaining`` may be unknown (0)."""

    status: int
    remaining: int
    completed: int
    failed: int
    warning: int
    comment: str = ""


class Requestor:
    """An association that we asked for; a context manager that releases it, or aborts it after an error."""

    def __init__(self, node: Node, proposals: Iterable[Proposal], answer_s: float = ANSWER_S) -> None:
        """Raises CallFailed. ``answer_s``: how long the other side may think."""
        self.node, self._answer_s = node, answer_s
        try:
            self.association = self._associate(node, list(proposals))
        except (OSError, Closed, ProtocolError) as error:
            said = getattr(error, "strerror", "") or error
            raise CallFailed(f"{node.called} at {node.host}:{node.port} cannot be reached: {said}") from error

    def _associate(self, node: Node, proposals: list[Proposal]) -> Association:
        request, contexts = negotiation.propose(node.calling, node.called, proposals, longest_pdu=LONGEST_PDU)
        sock = socket.create_connection((node.host, node.port), CONNECT_S)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if node.tls:
                sock = node.tls.wrap_socket(sock, server_hostname=node.host)
            sock.settimeout(self._answer_s)
            reader = Reader(sock, LONGEST_PDU, self._answer_s)
            sock.sendall(request)
            kind, content = reader.next()
            if kind == ASSOCIATE_RJ:
                raise ProtocolError(f"it refuses the association, {negotiation.read_rejection(bytes(content))}")
            if kind != ASSOCIATE_AC:
                sock.sendall(abort_pdu(UNEXPECTED))
                raise ProtocolError("it answers what makes no sense")
            accepted, longest = negotiation.read_answer(bytes(content), contexts)
            return Association(sock, reader, accepted, longest)
        except BaseException:
            sock.close()
            raise

    def __enter__(self) -> Requestor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is None:
            self.association.release()
        else:
            self.association.abort(by_user=True)

    def context(self, abstract: str, *, as_scp: bool = False) -> Context | None:
        """The accepted context of a class."""
        for context in self.association.contexts.values():
            if context.abstract == abstract and (context.as_scp if as_scp else context.as_scu):
                return context
        return None

    def _required(self, abstract: str) -> Context:
        context = self.context(abstract)
        if context is None:
            raise CallFailed(f"{self.node.called} does not offer this service.")
        return context

    def request(
        self, context: Context, command: Mapping[str, int | str], dataset: Iterable[bytes] | None = None
    ) -> Message:
        """Send a request and receive its one answer. Raises CallFailed."""
        try:
            self.association.send(context, command, dataset)
            answer = self.association.receive()
            if answer.has_dataset:
                self.association.dataset(answer)
            return answer
        except BROKEN as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> CallFailed:
        said = str(error) or type(error).__name__
        return CallFailed(f"{self.node.called} broke off: {said}")

    def echo(self) -> None:
        """C-ECHO. Raises CallFailed."""
        context = self._required(negotiation.VERIFICATION)
        answer = self.request(context, self._command(commands.C_ECHO, negotiation.VERIFICATION))
        status = commands.number(answer.command, "Status")
        if status:
            raise CallFailed(f"{self.node.called} answers with status {status:04X}.")

    def _command(self, field: int, abstract: str, **more: int | str) -> dict[str, int | str]:
        said: dict[str, int | str] = {
            "CommandField": field,
            "MessageID": self.association.next_id(),
            "AffectedSOPClassUID": abstract,
        }
        return said | more

    def store(
        self, context: Context, instance: str, dataset: Iterable[bytes], originator: tuple[str, int] | None = None
    ) -> tuple[int, str]:
        """C-STORE; status and comment. ``originator``: whose C-MOVE it is part of. Raises CallFailed."""
        more: dict[str, int | str] = {"Priority": 0, "AffectedSOPInstanceUID": instance}
        if originator:
            more["MoveOriginatorApplicationEntityTitle"], more["MoveOriginatorMessageID"] = originator
        answer = self.request(context, self._command(commands.C_STORE, context.abstract, **more), dataset)
        return commands.number(answer.command, "Status"), commands.text(answer.command, "ErrorComment")

    def find(self, abstract: str, identifier: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """C-FIND: the answers one by one, in the DICOM JSON model. Raises CallFailed."""
        context = self._required(abstract)
        try:
            data = identifiers.encode(identifier, context.syntax)
            self.association.send(context, self._command(commands.C_FIND, abstract, Priority=0), [data])
            while True:
                answer = self.association.receive()
                status = commands.number(answer.command, "Status")
                if answer.has_dataset:
                    yield identifiers.decode(self.association.dataset(answer), answer.context.syntax)
                if status not in {commands.PENDING, commands.PENDING_WITH_WARNING}:
                    break
        except BROKEN as error:
            raise self._failed(error) from error
        if status:
            said = commands.text(answer.command, "ErrorComment")
            raise CallFailed(f"{self.node.called} cannot answer: status {status:04X} {said}".rstrip())

    def retrieve(
        self,
        abstract: str,
        identifier: Mapping[str, Any],
        *,
        destination: str = "",
        stored: Callable[[Association, Message], None] | None = None,
    ) -> Iterator[Counts]:
        """C-GET, or C-MOVE to a ``destination``: the counts as they come, the last of them final.

        ``stored`` takes each C-STORE that a C-GET brings, reads its dataset and answers it. Raises CallFailed.
        """
        context = self._required(abstract)
        field = commands.C_MOVE if destination else commands.C_GET
        more: dict[str, int | str] = {"Priority": 0}
        if destination:
            more["MoveDestination"] = destination
        command = self._command(field, abstract, **more)
        try:
            self.association.send(context, command, [identifiers.encode(identifier, context.syntax)])
            while True:
                message = self.association.receive()
                if message.field == commands.C_STORE and stored:
                    stored(self.association, message)
                else:
                    if message.has_dataset:
                        self.association.dataset(message)
                    counts = counts_of(message.command)
                    yield counts
                    if counts.status != commands.PENDING:
                        return
        except BROKEN as error:
            raise self._failed(error) from error

    def report(self, transaction: Mapping[str, Any], *, has_failures: bool) -> int:
        """N-EVENT-REPORT of storage commitment (PS3.4 J.3.3); the status. Raises CallFailed."""
        context = self.context(negotiation.COMMITMENT, as_scp=True)
        if context is None:
            raise CallFailed(f"{self.node.called} takes no reports of storage commitment.")
        command: dict[str, int | str] = {
            "CommandField": commands.N_EVENT_REPORT,
            "MessageID": self.association.next_id(),
            "AffectedSOPClassUID": negotiation.COMMITMENT,
            "AffectedSOPInstanceUID": negotiation.COMMITMENT_INSTANCE,
            "EventTypeID": 2 if has_failures else 1,
        }
        answer = self.request(context, command, [identifiers.encode(transaction, context.syntax)])
        return commands.number(answer.command, "Status")


def counts_of(command: commands.Command) -> Counts:
    """The counts in an answer to C-GET or C-MOVE."""
    status, remaining, completed, failed, warning = (
        commands.number(command, name) for name in ("Status", *commands.SUBOPERATIONS)
    )
    return Counts(status, remaining, completed, failed, warning, commands.text(command, "ErrorComment"))
