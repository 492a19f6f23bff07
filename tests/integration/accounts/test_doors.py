"""The web doors ask the same people the same questions: one count of failures, one end for all of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from tests.conftest import password_of

from sinfonietta.accounts import services
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User

pytestmark = pytest.mark.django_db
API, DICOMWEB, PORTAL = "/api/v1/me", "/dicomweb/studies", "/account"
OPEN, SENT_TO_SIGN_IN, NOT_SIGNED_IN, BLOCKED = {200, 204}, {302}, {401}, {429}


def account(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id)


def status(url: str, authorization: str) -> set[int]:
    return {Client().get(url, headers={"Authorization": authorization}).status_code}


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def sign_in(name: str, password: str, client: Client | None = None) -> int:
    return (client or Client()).post("/sign-in", {"name": name, "password": password}).status_code


@pytest.fixture
def doors(alice: Actor) -> dict[str, Callable[[], set[int]]]:
    """Alice, signed in by every credential; each door answers its status."""
    browser = Client()
    assert sign_in("alice", password_of("alice"), browser) == 302
    _, secret = services.create_token(actor=alice, user=account(alice), name="t", scope="read")
    by_password = basic("alice", password_of("alice"))
    pages = {"Accept": "text/html"}
    return {
        "portal": lambda: {browser.get(PORTAL, headers=pages).status_code},
        "api by cookie": lambda: {browser.get(API).status_code},
        "api by token": lambda: status(API, f"Bearer {secret}"),
        "api by token as password": lambda: status(API, basic("alice", secret)),
        "api by password": lambda: status(API, by_password),
        "dicomweb by token": lambda: status(DICOMWEB, f"Bearer {secret}"),
        "dicomweb by password": lambda: status(DICOMWEB, by_password),
    }


def answers(doors: dict[str, Callable[[], set[int]]]) -> dict[str, set[int]]:
    return {door: ask() for door, ask in doors.items()}


def test_a_closed_account_is_out_of_every_door_at_its_next_request(alice: Actor, doors: Any) -> None:
    assert {door for door, said in answers(doors).items() if not said <= OPEN} == set()
    services.set_active(actor=SYSTEM, user=account(alice), active=False)
    said = answers(doors)
    assert said.pop("portal") == SENT_TO_SIGN_IN
    assert {door for door, answer in said.items() if answer != NOT_SIGNED_IN} == set()


def test_a_new_password_ends_sessions_and_the_old_password_but_not_tokens(alice: Actor, doors: Any) -> None:
    answers(doors)
    services.set_password(actor=SYSTEM, user=account(alice), password="another-long-one")
    said = answers(doors)
    ended = {door for door, answer in said.items() if not answer <= OPEN}
    assert ended == {"portal", "api by cookie", "api by password", "dicomweb by password"}


def test_failures_at_different_doors_are_one_count(alice: Actor, settings: Any) -> None:
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"attempts_before_block": 3})
    assert sign_in("alice", "wrong") == 401
    assert status(API, basic("Alice", "wrong")) == NOT_SIGNED_IN
    assert status(DICOMWEB, basic("ALICE", "wrong")) == NOT_SIGNED_IN
    right = basic("alice", password_of("alice"))
    assert sign_in("alice", password_of("alice")) == 429
    for url in (API, DICOMWEB):
        answer = Client().get(url, headers={"Authorization": right})
        assert answer.status_code == 429
        assert 0 < int(answer["Retry-After"]) <= settings.OPTIONS.block_s
    elsewhere = Client(REMOTE_ADDR="192.0.2.9").get(API, headers={"Authorization": right})
    assert elsewhere.status_code == 200


@pytest.mark.parametrize("name", ["alice", "nobody", "al\0ice", "ä" * 300])
def test_the_form_answers_all_wrong_names_alike(alice: Actor, name: str) -> None:
    answer = Client().post("/sign-in", {"name": name, "password": "wrong"})
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.content.decode()


def test_a_sign_in_begins_a_new_session(alice: Actor) -> None:
    browser = Client()
    session = browser.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key
    assert sign_in("alice", password_of("alice"), browser) == 302
    assert browser.session.session_key != planted


def test_sign_out_ends_the_session_on_the_server(alice: Actor) -> None:
    browser, copied = Client(), Client()
    sign_in("alice", password_of("alice"), browser)
    copied.cookies = browser.cookies.copy()  # type: ignore[assignment]
    assert copied.get(API).status_code == 200
    assert browser.post("/sign-out").status_code == 302
    assert copied.get(API).status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]
)
def test_the_form_sends_nobody_to_another_site(alice: Actor, target: str) -> None:
    answer = Client().post("/sign-in", {"name": "alice", "password": password_of("alice"), "next": target})
    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_a_token_of_read_scope_writes_nothing_at_the_api(alice: Actor) -> None:
    _, secret = services.create_token(actor=alice, user=account(alice), name="t", scope="read")
    for url, said in (("/api/v1/groups", {"name": "Mine"}), ("/api/v1/tokens", {"name": "t"})):
        answer = Client().post(
            url, said, content_type="application/json", headers={"Authorization": f"Bearer {secret}"}
        )
        assert answer.status_code == 403, url
