"""Passwords and tokens: who gets in, what is counted, what ends it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.conftest import password_of

from sinfonietta.accounts import queries, services, signin
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.accounts.models import FailedAttempts, Token, User
from sinfonietta.accounts.tasks import forget
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Forbidden, NotFound, NotSignedIn, TooManyAttempts
from sinfonietta.common.time import now

pytestmark = pytest.mark.django_db
PORTAL = Origin(door="portal", address="192.0.2.1")
API = Origin(door="api", address="192.0.2.1")
ELSEWHERE = Origin(door="portal", address="192.0.2.2")
RIGHT = password_of("alice")


def account(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id)


def token_of(actor: Actor, scope: str = "write", days: int | None = None) -> tuple[Token, str]:
    return services.create_token(actor=actor, user=account(actor), name="for a script", scope=scope, days=days)


@pytest.fixture
def limits(settings: Any) -> Any:
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"attempts_before_block": 3, "block_s": 300})
    return settings.OPTIONS


def guess(name: str = "alice", origin: Origin = PORTAL) -> None:
    with pytest.raises(NotSignedIn):
        signin.check_password(name, "a wrong guess", origin=origin)


def test_the_right_password_signs_in_whatever_the_case_of_the_name(alice: Actor) -> None:
    assert signin.check_password("Alice", RIGHT, origin=PORTAL).pk == alice.user_id


def test_the_password_is_kept_as_argon2(alice: Actor) -> None:
    assert account(alice).password.startswith("argon2$argon2id$")
    assert RIGHT not in account(alice).password


@pytest.mark.parametrize("name", ["alice", "nobody", "closed", "without", "al\0ice", "", "x" * 5000])
def test_every_wrong_sign_in_gets_the_same_answer_and_costs_one_hash(
    name: str, alice: Actor, make_actor: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    services.set_active(actor=SYSTEM, user=account(make_actor("closed")), active=False)
    services.create_user(actor=SYSTEM, name="without")
    hashed: list[str] = []
    argon2 = hashers.Argon2PasswordHasher
    for work in ("verify", "encode"):
        real = getattr(argon2, work)
        monkeypatch.setattr(argon2, work, lambda *a, real=real: hashed.append("one") or real(*a))
    with pytest.raises(NotSignedIn, match="The name or the password is wrong"):
        signin.check_password(name, password_of(name) if name == "closed" else "a wrong guess", origin=PORTAL)
    assert hashed == ["one"]


def test_known_and_unknown_names_cost_the_same_queries(alice: Actor) -> None:
    def queries_of(name: str) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as seen:
            guess(name)
        return [query["sql"].split(" ")[0] for query in seen.captured_queries]

    queries_of("warm-up")
    assert queries_of("alice") == queries_of("nobody-at-all")


def test_failures_are_counted_over_all_doors_until_the_name_is_blocked(alice: Actor, limits: Any) -> None:
    guess("alice", PORTAL)
    guess("ALICE", API)
    with pytest.raises(NotSignedIn):
        signin.basic("Alice", "another wrong guess", origin=API)
    for check in (signin.check_password, signin.basic):
        with pytest.raises(TooManyAttempts) as blocked:
            check("alice", RIGHT, origin=PORTAL)
        assert 0 < blocked.value.retry_after_s <= 300


def test_the_block_is_for_one_address_and_ends(alice: Actor, limits: Any) -> None:
    for _ in range(3):
        guess()
    assert signin.check_password("alice", RIGHT, origin=ELSEWHERE)
    with pytest.raises(TooManyAttempts):
        signin.check_password("alice", RIGHT, origin=PORTAL)
    over = now() - timedelta(seconds=301)
    FailedAttempts.objects.update(last=over, blocked_until=over)
    guess()  # the count began anew: this is the first of three
    assert signin.check_password("alice", RIGHT, origin=PORTAL)


def test_success_resets_the_count(alice: Actor, limits: Any) -> None:
    for _ in range(3):
        guess()
        if FailedAttempts.objects.get().count == 2:
            signin.check_password("alice", RIGHT, origin=PORTAL)
    guess()
    assert FailedAttempts.objects.get().count == 2


def test_unknown_names_are_blocked_as_known_ones(limits: Any) -> None:
    for _ in range(3):
        guess("nobody")
    with pytest.raises(TooManyAttempts):
        signin.check_password("nobody", "a wrong guess", origin=PORTAL)


def test_a_right_guess_is_refused_when_the_block_came_while_it_was_checked(
    alice: Actor, limits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = signin.matches

    def others_guess_meanwhile(password: str, encoded: str) -> bool:
        monkeypatch.setattr(signin, "matches", real)
        for _ in range(3):
            guess()
        return real(password, encoded)

    monkeypatch.setattr(signin, "matches", others_guess_meanwhile)
    with pytest.raises(TooManyAttempts):
        signin.check_password("alice", RIGHT, origin=PORTAL)


@pytest.mark.django_db(transaction=True)
def test_no_failure_is_lost_when_many_fail_at_once(make_actor: Callable[..., Actor]) -> None:
    make_actor("alice")

    def fail() -> None:
        try:
            together.wait()
            guess()
        finally:
            connection.close()

    together = threading.Barrier(8)
    threads = [threading.Thread(target=fail) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert FailedAttempts.objects.get().count == 8


def test_a_remembered_password_does_not_slip_through_a_block(alice: Actor, limits: Any) -> None:
    assert signin.basic("alice", RIGHT, origin=API).user_id == alice.user_id
    for _ in range(3):
        guess()
    with pytest.raises(TooManyAttempts):
        signin.basic("alice", RIGHT, origin=API)


def test_basic_pays_for_the_hash_once_and_a_new_password_ends_it(alice: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert signin.basic("alice", RIGHT, origin=API)
    with monkeypatch.context() as patched:
        patched.setattr(signin, "matches", lambda *a: pytest.fail("the password was hashed again"))
        assert signin.basic("alice", RIGHT, origin=API)
    services.set_password(actor=alice, user=account(alice), password="another-long-one")
    with pytest.raises(NotSignedIn):
        signin.basic("alice", RIGHT, origin=API)


def test_a_closed_account_is_out_at_every_door(alice: Actor) -> None:
    _, secret = token_of(alice)
    assert signin.basic("alice", RIGHT, origin=API)
    services.set_active(actor=SYSTEM, user=account(alice), active=False)
    for attempt in (
        lambda: signin.check_password("alice", RIGHT, origin=PORTAL),
        lambda: signin.basic("alice", RIGHT, origin=API),
        lambda: signin.basic("alice", secret, origin=API),
        lambda: signin.bearer(secret, origin=API),
    ):
        with pytest.raises(NotSignedIn):
            attempt()
    services.set_active(actor=SYSTEM, user=account(alice), active=True)
    assert signin.bearer(secret, origin=API).user_id == alice.user_id


def test_failed_sign_ins_are_audited_without_what_was_typed(alice: Actor) -> None:
    guess("alice")
    guess("my-password-typed-as-name")
    events = list(Event.objects.filter(action="signin.failed").order_by("id"))
    assert [(event.target, event.address, event.detail) for event in events] == [
        (alice.uid, "192.0.2.1", {}),
        (None, "192.0.2.1", {}),
    ]


def test_only_the_digest_of_a_token_is_kept(alice: Actor) -> None:
    token, secret = token_of(alice)
    assert secret.startswith("sfn_")
    assert len(secret) == len("sfn_") + 43  # 32 bytes
    token.refresh_from_db()
    assert secret not in {str(getattr(token, field.name)) for field in Token._meta.concrete_fields}
    assert secret not in str(Event.objects.values_list("detail"))


@pytest.mark.parametrize(("scope", "reach"), [("read", Scope.READ), ("write", Scope.WRITE), ("admin", Scope.ADMIN)])
def test_a_token_reaches_as_far_as_its_scope(scope: str, reach: Scope, admin: Actor) -> None:
    actor = signin.bearer(token_of(admin, scope)[1], origin=API)
    assert (actor.scope, actor.is_admin) == (reach, reach == Scope.ADMIN)


def test_a_token_ends_when_it_expires(alice: Actor) -> None:
    token, secret = token_of(alice, days=1)
    assert token.expires is not None
    assert timedelta(hours=23) < token.expires - now() <= timedelta(days=1)
    assert signin.bearer(secret, origin=API)
    Token.objects.update(expires=now() - timedelta(seconds=1))
    with pytest.raises(NotSignedIn):
        signin.bearer(secret, origin=API)


def test_a_revoked_token_ends_at_once(alice: Actor) -> None:
    token, secret = token_of(alice)
    assert signin.bearer(secret, origin=API)
    services.revoke_token(actor=alice, uid=token.uid)
    with pytest.raises(NotSignedIn):
        signin.bearer(secret, origin=API)


def test_the_last_use_of_a_token_is_written_once_a_minute(alice: Actor) -> None:
    _, secret = token_of(alice)
    signin.bearer(secret, origin=API)
    first = Token.objects.get().last_used
    assert first is not None
    with CaptureQueriesContext(connection) as seen:
        signin.bearer(secret, origin=API)
    assert {query["sql"].split(" ")[0] for query in seen.captured_queries} == {"SELECT"}
    Token.objects.update(last_used=first - timedelta(minutes=2))
    signin.bearer(secret, origin=API)
    assert Token.objects.get().last_used >= first


def test_a_token_with_basic_needs_the_name_of_its_account(alice: Actor, bob: Actor) -> None:
    _, secret = token_of(alice, "read")
    assert signin.basic("ALICE", secret, origin=API).scope == Scope.READ
    with pytest.raises(NotSignedIn):
        signin.basic("bob", secret, origin=API)


def test_wrong_tokens_are_counted_and_a_right_one_still_holds(alice: Actor, limits: Any) -> None:
    _, secret = token_of(alice)
    for _ in range(3):
        with pytest.raises(NotSignedIn):
            signin.bearer("sfn_wrong", origin=API)
    with pytest.raises(TooManyAttempts):
        signin.bearer("sfn_wrong", origin=API)
    assert signin.bearer(secret, origin=API)


def test_a_request_with_a_token_costs_two_queries(alice: Actor) -> None:
    _, secret = token_of(alice)
    signin.bearer(secret, origin=API)
    with CaptureQueriesContext(connection) as seen:
        signin.bearer(secret, origin=API)
    assert len(seen) == 2


def test_people_manage_their_own_tokens_and_administrators_all(alice: Actor, bob: Actor, admin: Actor) -> None:
    token, secret = token_of(alice)
    with pytest.raises(NotFound):
        services.revoke_token(actor=bob, uid=token.uid)
    for other in (bob, admin):
        with pytest.raises(Forbidden):
            services.create_token(actor=other, user=account(alice), name="for me")
    assert queries.tokens(actor=bob) == []
    assert signin.bearer(secret, origin=API)
    services.revoke_token(actor=admin, uid=token.uid)
    assert not Token.objects.exists()


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_cannot_make_a_stronger_one(alice: Actor, scope: str) -> None:
    actor = signin.bearer(token_of(alice, scope)[1], origin=API)
    with pytest.raises(Forbidden):
        token_of(actor, "read")


def test_old_counts_are_forgotten_and_blocks_are_not(alice: Actor, limits: Any) -> None:
    guess("alice")
    guess("bob")
    FailedAttempts.objects.filter(name="bob").update(last=now() - timedelta(seconds=301))
    assert forget(None)["attempts"] == 1  # type: ignore[arg-type]
    assert FailedAttempts.objects.get().name == "alice"
