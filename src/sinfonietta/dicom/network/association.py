"""An established association: messages in and out (DICOM PS3.7 6.3, PS3.8 annex E)."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sinfonietta.dicom.network import commands
from sinfonietta.dicom.network.pdu import (
    NOT_SPECIFIED,
    P_DATA,
    RELEASE_RP,
    RELEASE_RP_PDU,
    RELEASE_RQ,
    RELEASE_RQ_PDU,
    UNEXPECTED,
    Closed,
    ProtocolError,
    Reader,
    abort_pdu,
)

_PDV = struct.Struct(">IBB")
_PDU_PDV = struct.Struct(">BxIIBB")
COMMAND, LAST = 1, 2
IDENTIFIER_BYTES = 4 << 20
"""A dataset that is taken into memory (a query, a request for commitment) has at most this many bytes."""
BLOCK_BYTES = 1 << 17
"""What is sent in one PDU where the other side does not say how much it takes."""


class Released(Exception):
    """The other side released the association, as it should."""


@dataclass(frozen=True)
class Context:
    """An accepted presentation context. ``as_scu``, ``as_scp``: our roles in it."""

    id: int
    abstract: str
    syntax: str
    as_scu: bool = False
    as_scp: bool = True


@dataclass(frozen=True)
class Message:
    """A command that has arrived; its dataset, if it has one, is still to be read."""

    context: Context
    command: dict[str, int | str]

    @property
    def field(self) -> int:
        """The Command Field."""
        return commands.number(self.command, "CommandField")

    @property
    def has_dataset(self) -> bool:
        """Whether a dataset follows."""
        return commands.number(self.command, "CommandDataSetType") != commands.NO_DATASET


class Association:
    """Both ends of it alike. ``peer_pdu``: the longest PDU that the other side takes (0: any)."""

    def __init__(
        self, sock: socket.socket, reader: Reader, contexts: Iterable[Context], peer_pdu: int, called: str = ""
    ) -> None:
        self.sock, self._reader, self.called = sock, reader, called
        self.contexts = {context.id: context for context in contexts}
        self._block = min(peer_pdu or BLOCK_BYTES, BLOCK_BYTES) - _PDV.size
        if self._block <= 0:
            raise ProtocolError("The other side takes no PDU that could hold anything.")
        self._pending: memoryview | None = None  # what is left of the P-DATA that is being read
        self._message_id = 0

    def next_id(self) -> int:
        """A number for a message of ours."""
        self._message_id = self._message_id % 65_535 + 1
        return self._message_id

    # In
    def receive(self) -> Message:
        """The next command. Raises Released, Closed, ProtocolError."""
        data = bytearray()
        first: int | None = None
        while True:
            context_id, control, fragment = self._fragment()
            if not control & COMMAND:
                raise ProtocolError("A dataset came where a command was expected.", UNEXPECTED)
            if first is not None and context_id != first:
                raise ProtocolError("A command is spread over presentation contexts.")
            first = context_id
            data += fragment
            if len(data) > commands.LONGEST_BYTES:
                raise ProtocolError("A command set is too long.")
            if control & LAST:
                break
        context = self.contexts.get(context_id)
        if context is None:
            raise ProtocolError("That presentation context was not accepted.")
        try:
            return Message(context, commands.decode(bytes(data)))
        except commands.BadCommand as bad:
            raise ProtocolError(str(bad)) from bad

    def fragments(self, message: Message) -> Iterator[memoryview]:
        """The dataset of a message, piece by piece; each is overwritten by the next."""
        while True:
            context_id, control, fragment = self._fragment()
            if control & COMMAND or context_id != message.context.id:
                raise ProtocolError("A command came in the middle of a dataset.", UNEXPECTED)
            if len(fragment):
                yield fragment
            if control & LAST:
                return

    def dataset(self, message: Message) -> bytes:
        """A small dataset as a whole. Raises ProtocolError where it is none."""
        data = bytearray()
        for fragment in self.fragments(message):
            data += fragment
            if len(data) > IDENTIFIER_BYTES:
                raise ProtocolError("A dataset is larger than one of its kind may be.")
        return bytes(data)

    def _fragment(self) -> tuple[int, int, memoryview]:
        """The next presentation data value (PS3.8 9.3.5.1)."""
        if self._pending is None:
            kind, content = self._reader.next()
            if kind == RELEASE_RQ:
                self._write(RELEASE_RP_PDU)
                raise Released
            if kind != P_DATA:
                raise ProtocolError("That PDU has no place here.", UNEXPECTED)
            self._pending = content
        pending = self._pending
        if len(pending) < _PDV.size:
            raise ProtocolError("A PDU holds no presentation data value.")
        length, context_id, control = _PDV.unpack_from(pending)
        if length < 2 or length + 4 > len(pending):
            raise ProtocolError("A presentation data value claims another length than it has.")
        self._pending = pending[length + 4 :] if length + 4 < len(pending) else None
        return context_id, control, pending[_PDV.size : length + 4]

    def has_more(self) -> bool:
        """Whether the other side has sent something that is not read yet (a C-CANCEL, an abort)."""
        if self._pending is not None or self._reader.has_waiting:
            return True
        waiting = getattr(self.sock, "pending", None)  # of TLS
        if waiting is not None and waiting():
            return True
        poll = select.poll()  # select() fails where a process has many files open
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(0))

    # Out
    def send(
        self, context: Context, command: commands.Command, dataset: Iterable[bytes | memoryview] | None = None
    ) -> None:
        """Send a message. A dataset comes in pieces of any size. Raises Closed."""
        head = commands.encode(command, with_dataset=dataset is not None)
        out = bytearray()
        for at in range(0, len(head), self._block):
            piece = head[at : at + self._block]
            control = COMMAND | (LAST if at + self._block >= len(head) else 0)
            out += _PDU_PDV.pack(P_DATA, len(piece) + 6, len(piece) + 2, context.id, control) + piece
        if dataset is None:
            self._write(out)
            return
        rest: memoryview = memoryview(b"")
        for block in dataset:
            view = memoryview(block) if not rest else memoryview(bytes(rest) + bytes(block))
            while len(view) > self._block:  # the last piece is kept back: only it is marked as the last
                self._piece(out, context, view[: self._block], 0)
                view = view[self._block :]
            rest = view
        self._piece(out, context, rest, LAST)
        self._write(out)

    def _piece(self, out: bytearray, context: Context, piece: memoryview, control: int) -> None:
        out += _PDU_PDV.pack(P_DATA, len(piece) + 6, len(piece) + 2, context.id, control)
        out += piece
        if len(out) >= BLOCK_BYTES:
            self._write(out)
            out.clear()

    def _write(self, data: bytes | bytearray) -> None:
        try:
            self.sock.sendall(data)
        except OSError as error:
            raise Closed(str(error)) from error

    # The end
    def release(self) -> None:
        """Release the association and wait for the other side's word. Raises nothing."""
        try:
            self._write(RELEASE_RQ_PDU)
            for _ in range(1000):
                kind, _content = self._reader.next()
                if kind == RELEASE_RP:
                    break
                if kind == RELEASE_RQ:  # both at once (PS3.8 9.2.3, release collision)
                    self._write(RELEASE_RP_PDU)
        except (Closed, ProtocolError):
            pass
        finally:
            self.close()

    def abort(self, reason: int = NOT_SPECIFIED, *, by_user: bool = False) -> None:
        """Abort the association. Raises nothing."""
        try:
            self.sock.settimeout(2.0)
            self.sock.sendall(abort_pdu(reason, 0 if by_user else 2))
        except OSError:
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()
