"""What our web server does otherwise than gunicorn: fewer hand-overs between threads, fewer writes."""

from __future__ import annotations

import select
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.http import wsgi  # type: ignore[import-untyped]
from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

LINGER_MS = 2
"""So long a thread waits for a client's next request before it hands the connection back: a viewer asks at once."""
TOGETHER_BYTES = 1 << 16
RECEIVE_BYTES = 1 << 16
"""Of a body at a time; gunicorn's 8 KiB make a hundred calls of the system for a slice."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that serve the requests of a busy connection one after the other."""

    def handle(self, conn: Any) -> Any:
        """As gunicorn, and again while the client has more to ask."""
        more = super().handle(conn)
        while more is True and self.alive and _is_readable(conn.sock):
            more = super().handle(conn)
        return more

    def handle_request(self, req: Any, conn: Any) -> Any:
        """As gunicorn."""
        conn.parser.unreader.mxchunk = RECEIVE_BYTES
        return super().handle_request(req, conn)


def _is_readable(connection: Any) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(LINGER_MS))


class Response(wsgi.Response):  # type: ignore[misc]
    """Head and small body leave in one packet: each call of the system gives the interpreter to another thread."""

    headers_sent: bool

    def write(self, arg: bytes) -> None:
        """As gunicorn."""
        together = not (self.headers_sent or self.chunked or self._omits_body) and self.response_length is not None
        if not together or len(arg) > min(TOGETHER_BYTES, self.response_length):
            super().write(arg)
            return
        lines = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
        self.headers_sent = True
        self.sent = len(arg)
        util.write(self.sock, "".join(lines).encode("latin-1") + arg)


wsgi.Response = Response  # gunicorn has no setting for it
