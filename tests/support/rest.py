"""A program at the REST door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.http import HttpResponse
from django.test import Client

from sinfonietta.accounts import services
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User


@dataclass
class Rest:
    """A program with a token of one account; without a secret, with none."""

    secret: str = ""

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        """A request below /api/v1; ``body`` is JSON unless it is bytes."""
        said = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        data = "" if body is None else body
        url = path if path.startswith("/") else f"/api/v1/{path}"
        return settled(Client().generic(method, url, _encoded(data), content_type, headers=said))

    def get(self, path: str, **headers: str) -> Any:
        """The JSON of a good answer."""
        return self.good(self.call("GET", path, **headers))

    def send(self, method: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """The JSON of an answer with that status."""
        response = self.call(method, path, body, **headers)
        assert response.status_code == status, content(response)
        return response.json() if content(response) else None

    def good(self, response: HttpResponse) -> Any:
        """The JSON of an answer, which must be 200."""
        assert response.status_code == 200, content(response)
        return response.json()


def _encoded(data: Any) -> Any:
    return data if isinstance(data, bytes | str) else orjson.dumps(data, default=str)


def settled(response: Any) -> HttpResponse:
    """The answer with its body read to the end, where Django's test client closes it."""
    if not response.streaming:
        return response  # type: ignore[no-any-return]
    whole = HttpResponse(b"".join(response.streaming_content), status=response.status_code, headers=response.headers)
    whole.json = lambda: orjson.loads(whole.content)  # type: ignore[attr-defined]
    return whole


def content(response: HttpResponse) -> bytes:
    """The body."""
    return response.content


def program_of(actor: Actor, scope: str = "admin") -> Rest:
    """A program of that account."""
    user = User.objects.get(pk=actor.user_id)
    return Rest(services.create_token(actor=SYSTEM, user=user, name="tests", scope=scope)[1])


def uid(shape: dict[str, Any]) -> UUID:
    """The id of an answer."""
    return UUID(shape["id"])
