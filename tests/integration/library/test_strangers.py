"""Who may not see a thing learns nothing of it: the same refusal as for what was never there, word for word."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from django.db import connection
from tests.integration.library.things import file

from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound, Problem
from sinfonietta.library import queries, services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db

Act = Callable[[Actor, UUID], object]
ACTS: dict[str, Act] = {
    "node": lambda actor, uid: queries.node(actor=actor, uid=uid),
    "children": lambda actor, uid: queries.children(actor=actor, uid=uid),
    "count": lambda actor, uid: queries.count_children(actor=actor, uid=uid),
    "breadcrumb": lambda actor, uid: queries.breadcrumb(actor=actor, uid=uid),
    "versions": lambda actor, uid: queries.versions(actor=actor, uid=uid),
    "version": lambda actor, uid: queries.version(actor=actor, uid=uid),
    "metadata": lambda actor, uid: queries.metadata(actor=actor, uid=uid),
    "manifest": lambda actor, uid: queries.manifest(actor=actor, uid=uid),
    "grants": lambda actor, uid: queries.grants(actor=actor, uid=uid),
    "owners": lambda actor, uid: queries.owners(actor=actor, uid=uid),
    "audit": lambda actor, uid: queries.audit_of(actor=actor, node=uid),
    "places": lambda actor, uid: queries.folders_to_move_into(actor=actor, uid=uid),
    "folder": lambda actor, uid: services.create_folder(actor=actor, parent=uid, name="x"),
    "fileset": lambda actor, uid: services.create_fileset(actor=actor, parent=uid, name="x"),
    "file": lambda actor, uid: file(actor, uid, "x"),
    "rename": lambda actor, uid: services.rename(actor=actor, uid=uid, name="x"),
    "update": lambda actor, uid: services.update_collection(actor=actor, uid=uid, description="x"),
    "move": lambda actor, uid: services.move(actor=actor, uid=uid, parent=own(actor)),
    "move into": lambda actor, uid: services.move(actor=actor, uid=own(actor), parent=uid),
    "copy": lambda actor, uid: services.copy(actor=actor, uid=uid, parent=own(actor)),
    "copy into": lambda actor, uid: services.copy(actor=actor, uid=own(actor), parent=uid),
    "trash": lambda actor, uid: services.trash(actor=actor, uid=uid),
    "restore": lambda actor, uid: services.restore(actor=actor, uid=uid),
    "purge": lambda actor, uid: services.purge(actor=actor, uid=uid),
    "share": lambda actor, uid: services.set_grants(actor=actor, uid=uid, inherit=False),
    "own": lambda actor, uid: services.set_owners(actor=actor, uid=uid, users=[]),
    "describe": lambda actor, uid: services.set_metadata(actor=actor, uid=uid, changes={"a": 1}),
    "version back": lambda actor, uid: services.restore_version(actor=actor, uid=uid, number=1),
}


def own(actor: Actor) -> UUID:
    found = queries.home(actor=actor)
    assert found is not None
    return found


def said(act: Act, actor: Actor, uid: UUID) -> tuple[type, str, dict[str, list[str]]]:
    with pytest.raises(Problem) as refused:
        act(actor, uid)
    return type(refused.value), refused.value.detail, refused.value.errors


@pytest.mark.parametrize("act", ACTS)
def test_a_stranger_is_told_what_is_told_of_nothing(
    alice: Actor, mallory: Actor, admin: Actor, study: Node, folder: Node, act: str
) -> None:
    inside = file(alice, folder.uid, "a.txt").node
    thrown = file(alice, folder.uid, "thrown.txt").node
    services.trash(actor=alice, uid=thrown.uid)
    nothing = said(ACTS[act], mallory, uuid4())
    assert nothing[0] is NotFound
    before = Event.objects.count()
    for stranger in (mallory, admin):  # administrators run the site; they read nothing without a grant
        for node in (study, folder, inside, thrown):
            assert said(ACTS[act], stranger, node.uid) == nothing
    assert Event.objects.count() == before


def test_lists_of_a_stranger_are_empty(alice: Actor, mallory: Actor, study: Node, folder: Node) -> None:
    file(alice, folder.uid, "a.txt")
    services.trash(actor=alice, uid=folder.uid)
    assert [entry.name for entry in queries.collections(actor=mallory).items] == ["mallory"]
    assert queries.shared(actor=mallory).items == []
    assert queries.trash(actor=mallory).items == []
    assert queries.nodes_by_uid(actor=mallory, uids=[study.uid, folder.uid]) == []
    assert {change.node for change in queries.changes(actor=mallory).items} == {own(mallory)}
    with pytest.raises(NotFound):
        queries.node_at(actor=mallory, path="/Study")


def test_hidden_parts_are_not_owned_by_carrying_them_off(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    """A writer of a folder cannot come to own what was kept from them inside it, by a move or through the trash."""
    secret = services.create_folder(actor=alice, parent=folder.uid, name="secret")
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    services.set_grants(actor=alice, uid=secret.uid, inherit=False)
    with pytest.raises(Forbidden):
        services.move(actor=bob, uid=folder.uid, parent=own(bob))
    services.trash(actor=bob, uid=folder.uid)
    with pytest.raises(Forbidden):
        services.restore(actor=bob, uid=folder.uid, parent=own(bob))
    with pytest.raises(Forbidden):
        services.purge(actor=bob, uid=folder.uid)
    services.restore(actor=alice, uid=folder.uid)
    with pytest.raises(NotFound):
        queries.node(actor=bob, uid=secret.uid)


def test_a_manager_does_not_purge_what_they_do_not_manage(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    secret = services.create_folder(actor=alice, parent=folder.uid, name="secret")
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.MANAGE)])
    services.set_grants(actor=alice, uid=secret.uid, inherit=False)
    services.trash(actor=bob, uid=folder.uid)
    with pytest.raises(Forbidden):
        services.purge(actor=bob, uid=folder.uid)
    services.purge(actor=alice, uid=folder.uid)


def test_what_was_shared_by_itself_cannot_be_taken_away(alice: Actor, bob: Actor, folder: Node) -> None:
    services.set_grants(actor=alice, uid=folder.uid, inherit=False, grants=[("user", "bob", Level.MANAGE)])
    for act in (
        lambda: services.move(actor=bob, uid=folder.uid, parent=own(bob)),
        lambda: services.trash(actor=bob, uid=folder.uid),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_closed_account_is_kept_in_grants_but_not_found_out(alice: Actor, bob: Actor, study: Node) -> None:
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    carl = accounts.create_user(actor=SYSTEM, name="carl")
    for user in (carl, User.objects.get(pk=bob.user_id)):
        accounts.set_active(actor=SYSTEM, user=user, active=False)
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.WRITE)])
    refusals = []
    for name in ("carl", "nobody", "a\0b", "\ud800"):
        with pytest.raises(Invalid) as refused:
            services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", name, Level.READ)])
        refusals.append(refused.value.detail)
    assert len(set(refusals)) == 1
    assert [row.name for row in queries.grants(actor=alice, uid=study.uid).granted] == ["bob"]


def test_nothing_goes_deeper_than_the_limit(alice: Actor, study: Node) -> None:
    def chain(parent: UUID, many: int) -> UUID:
        for number in range(many):
            parent = services.create_folder(actor=alice, parent=parent, name=f"{number}").uid
        return parent

    tall = services.create_folder(actor=alice, parent=study.uid, name="tall")
    chain(tall.uid, 40)
    services.create_folder(actor=alice, parent=tall.uid, name="short and late")
    deep = chain(study.uid, 60)
    with pytest.raises(Invalid):
        services.move(actor=alice, uid=tall.uid, parent=deep)
    with pytest.raises(Invalid):
        services.copy(actor=alice, uid=tall.uid, parent=deep)
    last = chain(deep, 40)
    with pytest.raises(Invalid):
        services.create_folder(actor=alice, parent=last, name="one too deep")


def test_a_home_stays(alice: Actor) -> None:
    with pytest.raises(Conflict):
        services.trash(actor=alice, uid=own(alice))


def test_subtrees_are_ranges_of_bytes_in_any_language() -> None:
    """Some collations sort “aa” after “z”; a subtree would lose nodes, and a closed folder would stay open in part."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite compares text by bytes")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT collation_name FROM information_schema.columns "
            "WHERE table_name = 'library_node' AND column_name = 'ancestry'"
        )
        assert cursor.fetchone() == ("C",)
