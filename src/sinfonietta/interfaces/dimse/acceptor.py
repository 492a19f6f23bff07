"""One connection, from its first byte to its last."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from uuid import uuid4

import structlog
from django.conf import settings
from django.db import close_old_connections, connection

from sinfonietta.dicom.network import commands, negotiation
from sinfonietta.dicom.network.association import Association, Message, Released
from sinfonietta.dicom.network.negotiation import APPLICATION
from sinfonietta.dicom.network.pdu import (
    ASSOCIATE_RQ,
    NOT_SPECIFIED,
    UNEXPECTED,
    Closed,
    ProtocolError,
    Reader,
    abort_pdu,
    reject_pdu,
)
from sinfonietta.dicom.peers import queries
from sinfonietta.interfaces.dimse import commitment, find, retrieve, store
from sinfonietta.interfaces.dimse.batches import Batches
from sinfonietta.interfaces.dimse.session import Gone, Session

log = structlog.get_logger("sinfonietta.dimse")
REQUEST_S = 15.0
"""ARTIM: whoever connects asks for an association within this time (PS3.8 9.1.5)."""
LINGER_S = 2.0
TLS_HANDSHAKE = b"\x16"

# Rejections: result, source, reason (PS3.8 table 9-21)
BAD_APPLICATION, UNKNOWN_CALLING, UNKNOWN_CALLED = (1, 1, 2), (1, 1, 3), (1, 1, 7)
TOO_MANY = (2, 3, 2)

Handler = Callable[[Session, Message], None]
QUERY_SERVICES: dict[int, tuple[str, Handler]] = {
    commands.C_FIND: (negotiation.FIND, find.find),
    commands.C_MOVE: (negotiation.MOVE, retrieve.move),
    commands.C_GET: (negotiation.GET, retrieve.get),
}


def _ignore(session: Session, message: Message) -> None:
    """A C-CANCEL of what is over already."""
    session.drop(message)


def handler_of(message: Message) -> Handler | None:
    """Who serves a request in its presentation context; None where nobody does."""
    abstract = message.context.abstract
    if message.field == commands.C_CANCEL:
        return _ignore
    if message.field in QUERY_SERVICES and abstract in negotiation.QUERIES:
        service, handler = QUERY_SERVICES[message.field]
        return handler if abstract.endswith(f".{service}") else None
    if message.field == commands.C_ECHO and abstract == negotiation.VERIFICATION:
        return store.echo
    if message.field == commands.N_ACTION and abstract == negotiation.COMMITMENT:
        return commitment.commit
    if message.field == commands.C_STORE and abstract not in negotiation.SERVICES and message.context.as_scp:
        return store.store
    return None


class Acceptor:
    """Serves connections of one process, each in a thread of its own."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._batches = Batches()
        self.stopping = threading.Event()

    def reject(self, sock: socket.socket) -> None:
        """There are too many associations already: say so, and hang up."""
        try:
            sock.settimeout(0.2)
            sock.recv(6)
            sock.sendall(reject_pdu(*TOO_MANY))
        except OSError:
            pass
        finally:
            sock.close()

    def serve(self, sock: socket.socket, address: str) -> None:
        """Serve one connection to its end. Raises nothing."""
        with structlog.contextvars.bound_contextvars(association=str(uuid4())[:8], address=address):
            close_old_connections()
            try:
                self._serve(sock, address)
            except (Closed, OSError) as error:
                log.info("a connection ended", why=str(error))
            except ProtocolError as error:
                log.warning("a node broke the protocol", why=str(error))
                self._abort(sock, error.reason)
            except Exception:
                log.exception("an association failed")
                self._abort(sock, NOT_SPECIFIED)
            finally:
                sock.close()
                connection.close()

    def _abort(self, sock: socket.socket, reason: int) -> None:
        try:
            sock.settimeout(LINGER_S)
            sock.sendall(abort_pdu(reason))
            _linger(sock)
        except OSError:
            pass

    def _serve(self, sock: socket.socket, address: str) -> None:
        sock.settimeout(REQUEST_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        over_tls = self._tls is not None and sock.recv(1, socket.MSG_PEEK) == TLS_HANDSHAKE
        if over_tls and self._tls:
            with self._tls.wrap_socket(sock, server_side=True) as wrapped:
                self._talk(wrapped, address, over_tls=True)
        else:
            self._talk(sock, address, over_tls=False)

    def _talk(self, sock: socket.socket, address: str, *, over_tls: bool) -> None:
        session = self._associate(sock, address, over_tls=over_tls)
        if session is None:
            return
        try:
            while not self.stopping.is_set():
                message = session.association.receive()
                handler = handler_of(message)
                if handler is None:
                    session.drop(message)
                    session.answer(message, commands.UNRECOGNISED_OPERATION)
                else:
                    handler(session, message)
            session.association.abort()
        except Released:
            pass
        except Gone:
            log.info("the node was removed, or its account closed")
            session.association.abort()
        except ProtocolError as error:
            log.warning("a node broke the protocol", why=str(error))
            self._abort(sock, error.reason)

    def _associate(self, sock: socket.socket, address: str, *, over_tls: bool) -> Session | None:
        options = settings.OPTIONS
        reader = Reader(sock, options.dimse_pdu_bytes, REQUEST_S)
        kind, content = reader.next()
        if kind != ASSOCIATE_RQ:
            raise ProtocolError("An association begins with its request.", UNEXPECTED)
        request = negotiation.read_request(bytes(content))
        if request.application != APPLICATION:
            self._refuse(sock, BAD_APPLICATION, request.calling)
            return None
        if request.called != options.ae_title:
            self._refuse(sock, UNKNOWN_CALLED, request.calling)
            return None
        name = structlog.contextvars.get_contextvars()["association"]
        admitted = queries.admit(ae_title=request.calling, address=address, over_tls=over_tls, request=name)
        if admitted is None:
            self._refuse(sock, UNKNOWN_CALLING, request.calling)
            return None
        answer = negotiation.accept(
            request, longest_pdu=options.dimse_pdu_bytes, unknown_classes=options.dimse_private_classes
        )
        sock.settimeout(options.dimse_idle_s)
        reader.idle_s = options.dimse_idle_s
        association = Association(sock, reader, answer.contexts, request.longest_pdu)
        sock.sendall(answer.pdu)
        return Session(association, admitted, address, over_tls, name, self._batches)

    def _refuse(self, sock: socket.socket, why: tuple[int, int, int], calling: str) -> None:
        log.warning("an association was rejected", why=why, calling=calling)
        sock.settimeout(LINGER_S)
        sock.sendall(reject_pdu(*why))
        _linger(sock)


def _linger(sock: socket.socket) -> None:
    """Let the last word arrive: to close with unread bytes resets the connection, and what was sent with it."""
    sock.shutdown(socket.SHUT_WR)
    end = time.monotonic() + LINGER_S
    while sock.recv(1 << 16) and time.monotonic() < end:
        pass
