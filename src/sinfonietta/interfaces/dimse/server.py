"""The listening socket, the processes that share it, and how many connections each takes."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from types import FrameType

import structlog
from django.conf import settings
from django.db import close_old_connections, connections

from sinfonietta.dicom.peers import queries, tls
from sinfonietta.interfaces.dimse.acceptor import Acceptor

log = structlog.get_logger("sinfonietta.dimse")
GRACE_S = 20.0
STRANGERS = 4
"""Connections at one time from addresses that are no node's: enough to tell them that we do not know them."""


def run(listener: socket.socket) -> None:
    """Serve a listening socket until SIGTERM or SIGINT; a process that dies is started again."""
    connections.close_all()
    Processes(listener, settings.OPTIONS.dimse_processes).run()


class Processes:
    """The parent: it only looks after its children."""

    def __init__(self, listener: socket.socket, count: int) -> None:
        self._listener, self._count = listener, count
        self._children: dict[int, float] = {}
        self._stopping = False

    def run(self) -> None:
        """Block until asked to stop."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            while len(self._children) < self._count:
                self._start()
            self._reap(block=True)
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)
        while self._children:
            self._reap(block=True)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)

    def _start(self) -> None:
        pid = os.fork()
        if pid:
            self._children[pid] = time.monotonic()
            return
        code = 1
        try:
            Process(self._listener).run()
            code = 0
        except Exception:
            log.exception("the DIMSE process failed")
        finally:
            sys.stderr.flush()
            os._exit(code)

    def _reap(self, *, block: bool) -> None:
        try:
            pid, status = os.waitpid(-1, 0 if block else os.WNOHANG)
        except ChildProcessError:
            return
        born = self._children.pop(pid, 0.0)
        if not self._stopping:
            log.error("a DIMSE process died", status=status)
            if time.monotonic() - born < 1:
                time.sleep(1)


class Process:
    """One process: accepts connections, each for a thread."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        options = settings.OPTIONS
        self._acceptor = Acceptor(tls.for_callers())
        self._known = threading.BoundedSemaphore(options.dimse_associations)
        self._strangers = threading.BoundedSemaphore(STRANGERS)
        self._threads: set[threading.Thread] = set()

    def run(self) -> None:
        """Accept until SIGTERM, or until the parent is gone."""
        signal.signal(signal.SIGTERM, lambda number, frame: self.stop())
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.accept()

    def stop(self) -> None:
        """Take no more connections, and end those that there are between two messages."""
        self._acceptor.stopping.set()

    def close(self) -> None:
        """Give back the socket."""
        self._listener.close()

    def accept(self) -> None:
        """Accept until stopped, then wait a while for those who are served."""
        stopping = self._acceptor.stopping
        self._listener.settimeout(0.5)
        parent = os.getppid()
        while not stopping.is_set() and os.getppid() == parent:
            try:
                sock, address = self._listener.accept()
            except TimeoutError:
                continue
            except OSError as error:  # too many open files: wait until some are closed
                log.error("no connection can be accepted", why=str(error))
                stopping.wait(0.5)
                continue
            self._take(sock, str(address[0]))
        deadline = time.monotonic() + GRACE_S
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))

    def _take(self, sock: socket.socket, address: str) -> None:
        try:
            close_old_connections()
            slots = self._known if queries.is_known_address(address) else self._strangers
        except Exception:
            log.exception("the database cannot be asked who calls")
            sock.close()
            return
        if not slots.acquire(blocking=False):
            log.warning("too many associations", address=address)
            self._acceptor.reject(sock)
            return
        thread = threading.Thread(target=self._serve, args=(sock, address, slots), daemon=True)
        self._threads.add(thread)
        thread.start()

    def _serve(self, sock: socket.socket, address: str, slots: threading.BoundedSemaphore) -> None:
        try:
            self._acceptor.serve(sock, address)
        finally:
            slots.release()
            self._threads.discard(threading.current_thread())
