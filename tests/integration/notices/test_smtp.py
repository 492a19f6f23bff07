"""A mail goes over a real socket to a server that speaks SMTP (RFC 5321), and arrives as it was written."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from typing import Any, cast

import pytest

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.jobs import leases
from sinfonietta.jobs.models import Job
from sinfonietta.jobs.runner import run_one
from sinfonietta.library import services
from sinfonietta.library.models import Level

pytestmark = pytest.mark.django_db


class Letterbox(socketserver.ThreadingTCPServer):
    """Takes what is sent to it, but from nobody to ``refused@...``."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.letters: list[bytes] = []


class Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip():
            if line.upper() == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self._letter()
            refused = line.upper().startswith(b"RCPT") and b"refused@" in line
            self.wfile.write(b"550 nobody\r\n" if refused else b"250 well\r\n")

    def _letter(self) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        cast("Letterbox", self.server).letters.append(b"".join(lines))


@pytest.fixture
def letterbox(settings: Any) -> Iterator[Letterbox]:
    with Letterbox() as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        port = found.server_address[1]
        settings.OPTIONS = settings.OPTIONS.model_copy(update={"mail_url": f"smtp://127.0.0.1:{port}"})
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        yield found
        found.shutdown()


def test_a_notice_arrives_and_a_refused_address_stops_nobody(
    alice: Actor, bob: Actor, mallory: Actor, letterbox: Letterbox
) -> None:
    User.objects.filter(name="mallory").update(email="refused@example.org")
    User.objects.filter(name="bob").update(email="bob@example.org")
    node = services.create_collection(actor=alice, name="Lunge – Zürich")
    grants = [("user", name, Level.READ) for name in ("mallory", "bob")]
    services.set_grants(actor=alice, uid=node.uid, inherit=False, grants=grants)
    job = leases.take("test", ["notices.mail"])
    assert job
    run_one(job, threading.Event())
    assert Job.objects.get(id=job.id).state == Job.State.SUCCEEDED
    letter = message_from_bytes(letterbox.letters[0], policy=policy.default)
    assert len(letterbox.letters) == 1
    assert letter["To"] == "bob@example.org"
    assert letter["Subject"].strip() == "[Sinfonietta] Alice Owner shared “Lunge – Zürich” with you."
