"""What was taken away is gone with the next request, in every process of a running server that knew the credential."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from tests.support.server import Server

CONNECTIONS = 24
"""So many at one time that each of the server's two processes has some."""


pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A running server, on the kind of database that this run of the tests is about."""
    from tests.support.postgresql import Cluster

    with ExitStack() as stack:
        data = tmp_path / "data"
        if os.environ.get("SINFONIETTA_TEST_DATABASE") == "postgresql":
            cluster = Cluster()
            stack.callback(cluster.stop)
            data.mkdir()
            (data / "sinfonietta.toml").write_text(f'database_url = "{cluster.start()}"\n')
        # So many connections with a token that has ended would be blocked for guessing.
        found = Server(data, settings={"SINFONIETTA_ATTEMPTS_BEFORE_BLOCK": "1000"})
        stack.callback(found.stop)
        found.start()
        yield found


class Everywhere:
    """A program with connections to all processes of a server."""

    def __init__(self, stack: ExitStack, server: Server, **said: object) -> None:
        clients = [httpx.Client(base_url=server.url, **said) for _ in range(CONNECTIONS)]  # type: ignore[arg-type]
        self.clients = [stack.enter_context(client) for client in clients]

    def sees(self) -> set[int | str]:
        """What all connections are answered: the number of studies, or a status."""

        def ask(client: httpx.Client) -> int | str:
            answer = client.get("/dicomweb/studies")
            return len(answer.json()) if answer.status_code == 200 else f"refused {answer.status_code}"

        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return set(pool.map(ask, self.clients))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.mark.service
def test_what_was_taken_away_is_gone_in_every_process(server: Server, stack: ExitStack) -> None:
    from tests.support.dicomweb import BOUNDARY, body_of
    from tests.support.studies import instance

    server.user("alice")
    password = server.user("bob")
    server.cli("create-group", "readers", "bob")
    whole = {"Authorization": f"Bearer {server.token('alice')}"}
    alice = stack.enter_context(httpx.Client(base_url=server.url, headers=whole))
    box = alice.post("/api/v1/collections", json={"name": "Box"}).json()["id"]
    content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    stored = alice.post(
        f"/dicomweb/collections/{box}/studies", content=body_of(instance(1)), headers={"Content-Type": content_type}
    )
    assert stored.status_code == 200, stored.text

    def share(*grants: dict[str, str]) -> None:
        answer = alice.put(f"/api/v1/nodes/{box}/grants", json={"inherit": False, "grants": list(grants)})
        assert answer.status_code < 300, answer.text

    secret = server.token("bob", "read")
    program = Everywhere(stack, server, headers={"Authorization": f"Bearer {secret}"})
    browser = Everywhere(stack, server, cookies=signed_in(server, "bob", password))
    readers = {"group": "readers", "level": "read"}
    assert program.sees() == browser.sees() == {0}
    share(readers)
    assert program.sees() == browser.sees() == {1}
    share()
    assert program.sees() == browser.sees() == {0}
    share(readers)
    assert program.sees() == browser.sees() == {1}
    server.cli("change-group", "readers", "--remove", "bob")
    assert program.sees() == browser.sees() == {0}
    server.cli("change-group", "readers", "--add", "bob")
    assert program.sees() == browser.sees() == {1}
    sign_out(browser.clients[0])
    assert browser.sees() == {"refused 401"}
    assert program.sees() == {1}
    server.cli("revoke-token", secret)
    assert program.sees() == {"refused 401"}


def signed_in(server: Server, name: str, password: str) -> dict[str, str]:
    """The cookies of somebody who signed in by the page."""
    with httpx.Client(base_url=server.url) as client:
        page = client.get("/sign-in").text
        mark = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert mark
        said = {"name": name, "password": password, "csrfmiddlewaretoken": mark[1]}
        answer = client.post("/sign-in", data=said)
        assert answer.status_code == 302, answer.text
        return dict(client.cookies)


def sign_out(client: httpx.Client) -> None:
    """As by the button."""
    answer = client.post("/sign-out", headers={"X-CSRFToken": client.cookies["sinfonietta_csrf"]})
    assert answer.status_code == 302, answer.text


@pytest.mark.django_db
def test_a_token_ends_when_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    from sinfonietta.accounts import known, services, signin
    from sinfonietta.accounts.actor import SYSTEM, Origin
    from sinfonietta.accounts.models import Token
    from sinfonietta.common.errors import NotSignedIn
    from sinfonietta.common.time import now

    user = services.create_user(actor=SYSTEM, name="carol")
    _, secret = services.create_token(actor=SYSTEM, user=user, name="short")
    Token.objects.update(expires=now() + timedelta(seconds=5))
    signin.bearer(secret, origin=Origin())
    before = known.monotonic()
    monkeypatch.setattr(signin, "Now", lambda: now() + timedelta(seconds=6))
    assert signin.bearer(secret, origin=Origin()).name == "carol"
    monkeypatch.setattr(known, "monotonic", lambda: before + 6)
    with pytest.raises(NotSignedIn):
        signin.bearer(secret, origin=Origin())
