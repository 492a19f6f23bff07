"""Accounts, roles and groups: who may change what, and what stays true."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth import get_user, login
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.http import HttpRequest

from sinfonietta.accounts import queries, services
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.accounts.models import EVERYONE, Group, Membership, Principal, User
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound

pytestmark = pytest.mark.django_db


def account(actor: Actor) -> User:
    return User.objects.get(pk=actor.user_id)


def with_scope(actor: Actor, scope: Scope) -> Actor:
    return queries.actor_for_user(account(actor), Origin(door="api"), scope=scope)


def test_everyone_is_principal_zero_and_in_everybodys_principals(alice: Actor) -> None:
    assert Principal.objects.get(id=EVERYONE).kind == Principal.Kind.EVERYONE
    assert alice.principals == (EVERYONE, alice.user_id)


@pytest.mark.parametrize("name", ["alice", "ALICE", "aLiCe"])
def test_names_are_unique_whatever_their_case(alice: Actor, name: str) -> None:
    before = Principal.objects.count(), Event.objects.count()
    with pytest.raises(Conflict):
        services.create_user(actor=SYSTEM, name=name)
    assert (Principal.objects.count(), Event.objects.count()) == before


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\0", "ä", "x" * 151, "a\n", "0" * 32, "<script>"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_user(actor=SYSTEM, name=name)
    assert "name" in refused.value.errors


@pytest.mark.parametrize("password", ["short", "password", "123456789012", ""])
def test_weak_passwords_are_refused_and_leave_nothing(password: str) -> None:
    with pytest.raises(Invalid) as refused:
        services.create_user(actor=SYSTEM, name="dave", password=password)
    assert "password" in refused.value.errors
    assert not User.objects.exists()


def test_an_address_that_is_none_is_refused(alice: Actor) -> None:
    for email in ("nonsense", "a@" + "b" * 60 + ".example." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60 + ".org"):
        with pytest.raises(Invalid):
            services.set_profile(actor=alice, user=account(alice), full_name="Alice", email=email)


def test_only_administrators_make_and_change_accounts(alice: Actor, bob: Actor, admin: Actor) -> None:
    roles = {"is_admin": True, "is_reviewer": False, "is_auditor": False}
    for refused in (alice, with_scope(admin, Scope.WRITE)):
        for attempt in (
            lambda actor: services.create_user(actor=actor, name="dave"),
            lambda actor: services.set_roles(actor=actor, user=account(bob), **roles),
            lambda actor: services.set_active(actor=actor, user=account(bob), active=False),
            lambda actor: services.set_password(actor=actor, user=account(bob), password="another-long-one"),
            lambda actor: services.end_sessions(actor=actor, user=account(bob)),
            lambda actor: services.set_profile(actor=actor, user=account(bob), full_name="x", email=""),
            lambda actor: queries.users(actor=actor),
            lambda actor: queries.user(actor=actor, uid=bob.uid),
        ):
            with pytest.raises(Forbidden):
                attempt(refused)
    assert services.create_user(actor=admin, name="dave").name == "dave"


def test_every_write_makes_one_event(alice: Actor, bob: Actor, admin: Actor) -> None:
    group = services.create_group(actor=alice, name="Readers")
    token, _ = services.create_token(actor=alice, user=account(alice), name="t")
    user = account(bob)
    writes: list[tuple[str, Callable[[], object]]] = [
        ("user.password_changed", lambda: services.set_password(actor=admin, user=user, password="another-long-one")),
        ("user.profile_changed", lambda: services.set_profile(actor=bob, user=user, full_name="B", email="")),
        ("user.sessions_ended", lambda: services.end_sessions(actor=bob, user=user)),
        ("user.closed", lambda: services.set_active(actor=admin, user=user, active=False)),
        ("user.opened", lambda: services.set_active(actor=admin, user=user, active=True)),
        ("group.member_added", lambda: services.add_member(actor=alice, group=group, user=user)),
        ("group.changed", lambda: services.rename_group(actor=alice, group=group, name="Writers", description="")),
        ("group.member_removed", lambda: services.remove_member(actor=bob, group=group, user=user)),
        ("group.deleted", lambda: services.delete_group(actor=alice, group=group)),
        ("token.revoked", lambda: services.revoke_token(actor=alice, uid=token.uid)),
    ]
    for action, write in writes:
        last = Event.objects.latest("id").id
        write()
        assert [event.action for event in Event.objects.filter(id__gt=last)] == [action]


def test_the_last_administrator_stays(admin: Actor, alice: Actor) -> None:
    none = {"is_admin": False, "is_reviewer": False, "is_auditor": False}
    stale = account(admin)
    stale.is_admin = False  # as one who was read before they became one
    for user in (account(admin), stale):
        with pytest.raises(Conflict):
            services.set_roles(actor=SYSTEM, user=user, **none)
    with pytest.raises(Conflict):
        services.set_active(actor=admin, user=account(admin), active=False)
    services.set_roles(actor=admin, user=account(alice), **{**none, "is_admin": True})
    services.set_active(actor=admin, user=account(admin), active=False)
    with pytest.raises(Conflict):
        services.set_roles(actor=SYSTEM, user=account(alice), **none)


@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_each_other_at_once(make_actor: Callable[..., Actor]) -> None:
    one, two = make_actor("one", is_admin=True), make_actor("two", is_admin=True)
    together, refused = threading.Barrier(2), []

    def close(actor: Actor, other: Actor) -> None:
        try:
            user = account(other)
            together.wait()
            services.set_active(actor=actor, user=user, active=False)
        except Conflict as conflict:
            refused.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=close, args=pair) for pair in ((one, two), (two, one))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.filter(is_active=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_name_is_given_once_when_many_ask(db: None) -> None:
    together, taken = threading.Barrier(4), []

    def make() -> None:
        try:
            together.wait()
            services.create_user(actor=SYSTEM, name="dave")
        except Conflict as conflict:
            taken.append(conflict)
        finally:
            connection.close()

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), User.objects.count()) == (3, 1)


def session_of(user: User) -> SessionStore:
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend="sinfonietta.accounts.backends.LocalBackend")
    request.session.save()
    return request.session  # type: ignore[return-value]


def is_signed_in(session: SessionStore) -> bool:
    request = HttpRequest()
    request.session = SessionStore(session.session_key)
    return bool(get_user(request).is_authenticated)


@pytest.mark.parametrize(
    "end",
    [
        lambda user: services.set_password(actor=SYSTEM, user=user, password="another-long-one"),
        lambda user: services.end_sessions(actor=SYSTEM, user=user),
        lambda user: services.set_active(actor=SYSTEM, user=user, active=False),
    ],
    ids=["new password", "sessions ended", "account closed"],
)
def test_sessions_end_at_the_next_request(alice: Actor, bob: Actor, end: Callable[[User], object]) -> None:
    sessions = [session_of(account(alice)) for _ in range(2)]
    others = session_of(account(bob))
    assert all(map(is_signed_in, sessions))
    end(account(alice))
    assert not any(map(is_signed_in, sessions))
    assert is_signed_in(others)


def test_an_account_that_is_opened_again_has_no_old_sessions(alice: Actor) -> None:
    session = session_of(account(alice))
    for active in (False, True):
        services.set_active(actor=SYSTEM, user=account(alice), active=active)
    assert not is_signed_in(session)
    assert is_signed_in(session_of(account(alice)))


def test_site_roles_need_a_credential_of_admin_scope(make_actor: Callable[..., Actor]) -> None:
    every = make_actor("every", is_admin=True, is_reviewer=True, is_auditor=True)
    assert (every.is_admin, every.is_reviewer, every.is_auditor) == (True, True, True)
    write = with_scope(every, Scope.WRITE)
    assert (write.is_admin, write.is_reviewer, write.is_auditor) == (False, False, False)


def test_a_group_is_in_its_members_principals_until_they_leave(alice: Actor, bob: Actor) -> None:
    group = services.create_group(actor=alice, name="Readers", members=[account(bob)])
    assert with_scope(bob, Scope.ADMIN).principals == (EVERYONE, bob.user_id, group.pk)
    services.remove_member(actor=bob, group=group, user=account(bob))
    assert with_scope(bob, Scope.ADMIN).principals == (EVERYONE, bob.user_id)
    with pytest.raises(NotFound):
        services.remove_member(actor=alice, group=group, user=account(bob))


def test_managers_and_administrators_change_a_group_and_nobody_else(
    alice: Actor, bob: Actor, mallory: Actor, admin: Actor
) -> None:
    group = services.create_group(actor=alice, name="Readers", members=[account(bob)])
    for refused in (bob, mallory, with_scope(alice, Scope.READ), with_scope(admin, Scope.READ)):
        for attempt in (
            lambda actor: services.add_member(actor=actor, group=group, user=account(mallory)),
            lambda actor: services.remove_member(actor=actor, group=group, user=account(alice)),
            lambda actor: services.rename_group(actor=actor, group=group, name="Mine", description=""),
            lambda actor: services.delete_group(actor=actor, group=group),
        ):
            with pytest.raises(Forbidden):
                attempt(refused)
    with pytest.raises(Forbidden):
        services.remove_member(actor=with_scope(bob, Scope.READ), group=group, user=account(bob))
    services.add_member(actor=alice, group=group, user=account(bob), is_manager=True)
    services.add_member(actor=bob, group=group, user=account(mallory))
    services.remove_member(actor=admin, group=group, user=account(mallory))
    assert set(Membership.objects.values_list("user", "is_manager")) == {(alice.user_id, True), (bob.user_id, True)}


def test_a_member_whose_account_is_closed_can_be_removed(alice: Actor, bob: Actor, mallory: Actor) -> None:
    group = services.create_group(actor=alice, name="Readers", members=[account(bob)])
    services.set_active(actor=SYSTEM, user=account(bob), active=False)
    services.remove_member(actor=alice, group=group, user=queries.member(actor=alice, group=group, uid=bob.uid).user)
    assert [one.user.name for one in queries.members(actor=alice, uid=group.uid).items] == ["alice"]
    with pytest.raises(NotFound):
        queries.member(actor=alice, group=group, uid=mallory.uid)


def test_a_group_is_seen_by_its_members_alone(alice: Actor, mallory: Actor, admin: Actor) -> None:
    group = services.create_group(actor=alice, name="Readers")
    assert [one.name for one in queries.groups(actor=alice).items] == ["Readers"]
    assert queries.groups(actor=mallory).items == []
    assert queries.group(actor=admin, uid=group.uid) == group
    for look in (queries.group, queries.members):
        with pytest.raises(NotFound):
            look(actor=mallory, uid=group.uid)


def test_group_names_are_unique_and_no_ids(alice: Actor, bob: Actor) -> None:
    group = services.create_group(actor=alice, name=" Readers ")
    assert group.name == "Readers"
    other = services.create_group(actor=bob, name="Others")
    for name in ("readers", "READERS"):
        with pytest.raises(Conflict):
            services.create_group(actor=bob, name=name)
        with pytest.raises(Conflict):
            services.rename_group(actor=bob, group=other, name=name, description="")
    for name in ("", "a/b", "a\nb", "x" * 151, str(group.uid), group.uid.hex):
        with pytest.raises(Invalid):
            services.rename_group(actor=bob, group=other, name=name, description="")
    assert queries.principal_named(actor=alice, kind="group", name=str(group.uid)) == group.pk


def test_a_deleted_group_leaves_no_principal(alice: Actor) -> None:
    group = services.create_group(actor=alice, name="Readers")
    principal = group.pk
    services.delete_group(actor=alice, group=group)
    assert not Group.objects.exists()
    assert not Principal.objects.filter(pk=principal).exists()


def test_who_can_be_shared_with(alice: Actor, bob: Actor, make_actor: Callable[..., Actor]) -> None:
    services.create_group(actor=alice, name="Bobsledders")
    services.set_active(actor=SYSTEM, user=account(make_actor("bobby")), active=False)
    found = queries.find_principals(actor=alice, text="BOB")
    assert [(one.kind, one.name, one.full_name) for one in found] == [
        ("group", "Bobsledders", ""),
        ("user", "bob", "Bob Colleague"),
    ]
    assert len(queries.find_principals(actor=alice, text="", limit=1)) == 1


def test_an_actor_for_later_work_has_todays_rights(alice: Actor) -> None:
    origin = Origin(door="worker")
    group = services.create_group(actor=alice, name="Readers")
    assert group.pk in queries.actor_by_uid(alice.uid, Scope.READ, origin).principals
    services.set_active(actor=SYSTEM, user=account(alice), active=False)
    for uid in (alice.uid, uuid.uuid4()):
        with pytest.raises(NotFound):
            queries.actor_by_uid(uid, Scope.READ, origin)


def test_an_unusable_password_signs_nobody_in() -> None:
    user = services.create_user(actor=SYSTEM, name="robot")
    assert not user.has_usable_password()


def test_the_system_is_an_actor_of_its_own(alice: Actor) -> None:
    assert (SYSTEM.is_system, alice.is_system) == (True, False)
    assert replace(SYSTEM, origin=Origin(door="cli")) == SYSTEM.at(Origin(door="cli"))
