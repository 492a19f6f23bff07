"""A program at the DICOMweb door, and how to read what it is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import message_from_bytes
from typing import Any

from django.http import HttpResponse
from django.test import Client

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

BOUNDARY = "the-boundary"


@dataclass
class Web:
    """A program with a token of one account."""

    actor: Actor
    secret: str

    def get(self, path: str, accept: str = "*/*", **more: Any) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self.secret}", "Accept": accept}
        return Client().get(f"/dicomweb{path}", headers=headers, **more)  # type: ignore[return-value]

    def post(self, path: str, body: bytes, content_type: str, **headers: str) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self.secret}", "Accept": "application/dicom+json", **headers}
        return Client().post(f"/dicomweb{path}", body, content_type=content_type, headers=headers)  # type: ignore[return-value]

    def store(self, path: str, *files: bytes) -> HttpResponse:
        content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
        return self.post(path, body_of(*files), content_type)


def body_of(*files: bytes, part_type: str = "application/dicom") -> bytes:
    """A multipart body."""
    parts = [f"--{BOUNDARY}\r\nContent-Type: {part_type}\r\n\r\n".encode() + file + b"\r\n" for file in files]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def content(response: HttpResponse) -> bytes:
    """The body of an answer, streamed or not."""
    return b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]


def parts(response: HttpResponse) -> list[tuple[str, bytes]]:
    """The parts of a multipart answer: (content type, bytes), by the standard library's parser of mail."""
    body = content(response)
    assert int(response["Content-Length"]) == len(body)
    boundary = re.search(r"boundary=([0-9a-f]+)", response["Content-Type"])
    assert boundary
    found = []
    for piece in body.split(b"\r\n--" + boundary[1].encode())[1:-1]:
        head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        message = message_from_bytes(head)
        assert int(message["Content-Length"]) == len(data)
        found.append((message["Content-Type"], data))
    assert body.endswith(b"--" + boundary[1].encode() + b"--\r\n")
    return found


def share(owner: Actor, node: Node, reader: Actor, level: Level = Level.READ) -> None:
    """Give a colleague a node."""
    services.set_grants(actor=owner, uid=node.uid, inherit=False, grants=[("user", reader.name, level)])
