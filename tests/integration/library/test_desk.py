"""What a person keeps at hand: stars, what they opened last, and what is new; all within what they may see."""

from __future__ import annotations

import sys

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.integration.library.things import file

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import Conflict, NotFound
from sinfonietta.library import queries, services
from sinfonietta.library.models import Level, Node, Opened, Star
from sinfonietta.library.services import desk

pytestmark = pytest.mark.django_db


def let_read(owner: Actor, node: Node, *who: Actor) -> None:
    grants = [("user", one.name, Level.READ) for one in who]
    services.set_grants(actor=owner, uid=node.uid, inherit=False, grants=grants)


def test_a_star_is_one_persons_and_shows_while_they_may_see_the_node(
    alice: Actor, bob: Actor, study: Node, folder: Node
) -> None:
    let_read(alice, study, bob)
    for _ in range(2):
        services.star(actor=bob, uid=folder.uid)
    services.star(actor=bob, uid=study.uid)
    assert [one.name for one in queries.starred(actor=bob)] == ["Study", "Hospital A"]
    assert queries.starred(actor=alice) == []
    assert Event.objects.filter(action="node.starred", actor=bob.uid).count() == 2
    let_read(alice, folder)
    assert [one.name for one in queries.starred(actor=bob)] == ["Study"]
    assert queries.starred_among(actor=bob, uids=[study.uid, folder.uid]) == {study.uid}
    with pytest.raises(NotFound):
        services.unstar(actor=bob, uid=folder.uid)
    services.set_grants(actor=alice, uid=folder.uid, inherit=True)
    services.unstar(actor=bob, uid=study.uid)
    assert [one.name for one in queries.starred(actor=bob)] == ["Hospital A"]
    services.trash(actor=alice, uid=folder.uid)
    assert queries.starred(actor=bob) == []
    services.purge(actor=alice, uid=folder.uid)
    assert not Star.objects.exists()


def test_stars_are_bounded(alice: Actor, study: Node, folder: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "MOST_STARS", 1)
    services.star(actor=alice, uid=study.uid)
    with pytest.raises(Conflict):
        services.star(actor=alice, uid=folder.uid)


def test_what_was_opened_last_comes_first_and_the_rest_is_forgotten(
    alice: Actor, study: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "KEPT_OPENED", 3)
    made = [services.create_folder(actor=alice, parent=study.uid, name=name) for name in "abcd"]
    for node in (*made, made[1]):
        services.note_opened(actor=alice, uid=node.uid)
    assert [one.name for one in queries.opened(actor=alice)] == ["b", "d", "c"]
    assert [one.name for one in queries.opened(actor=alice, limit=2)] == ["b", "d"]
    assert Opened.objects.count() == 3
    services.trash(actor=alice, uid=made[1].uid)
    assert [one.name for one in queries.opened(actor=alice)] == ["d", "c"]


def test_news_are_told_together_and_latest_first(alice: Actor, bob: Actor, study: Node, folder: Node) -> None:
    let_read(alice, study, bob)
    for name in "abc":
        file(alice, folder.uid, name)
    last = file(alice, study.uid, "last").node
    told = queries.news(actor=bob, collection=study.uid).items
    said = [(one.what, one.kind, one.count, one.name, one.place_name) for one in told]
    assert said[:2] == [("added", "file", 1, "last", "Study"), ("added", "file", 3, "", "Hospital A")]
    assert told[0].node == last.uid
    services.trash(actor=alice, uid=last.uid)
    told = queries.news(actor=bob, collection=study.uid).items
    assert (told[0].what, told[0].name, told[0].node) == ("removed", "last", None)
    services.purge(actor=alice, uid=last.uid)
    gone = queries.news(actor=bob, collection=study.uid).items[0]
    assert (gone.name, gone.node, gone.place, gone.place_name) == ("", None, None, "")


def test_news_say_nothing_of_what_is_hidden(alice: Actor, bob: Actor, mallory: Actor, study: Node) -> None:
    let_read(alice, study, bob)
    hidden = services.create_folder(actor=alice, parent=study.uid, name="Secret")
    before = queries.news(actor=bob, collection=study.uid).items
    let_read(alice, hidden)
    file(alice, hidden.uid, "kept from bob")
    other = services.create_collection(actor=alice, name="Other")
    for actor, collection in ((bob, study.uid), (bob, None)):
        told = queries.news(actor=actor, collection=collection).items
        assert not {"Secret", "kept from bob", "Other"} & {one.name for one in told}
        assert hidden.uid not in {one.node for one in told} | {one.place for one in told}
    assert len(queries.news(actor=bob, collection=study.uid).items) == len(before)
    assert "kept from bob" in {one.name for one in queries.news(actor=alice, collection=study.uid).items}
    assert "kept from bob" not in {one.name for one in queries.news(actor=alice, collection=other.uid).items}
    assert not {one.name for one in queries.news(actor=mallory).items} & {"Study", "Other", "Secret"}
    for uid in (study.uid, hidden.uid):
        with pytest.raises(NotFound):
            queries.news(actor=mallory, collection=uid)


@pytest.mark.parametrize("most", [100, 0], ids=["by ACL", "by window"])
def test_news_by_pages_are_all_the_news(
    alice: Actor, study: Node, folder: Node, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """However many ACLs: each page costs the same queries, and together they tell each change once."""
    monkeypatch.setattr(sys.modules["sinfonietta.library.queries.news"], "MOST_ACLS", most)
    let_read(alice, folder)
    for number in range(7):
        file(alice, (folder if number % 2 else study).uid, f"f{number}")
    whole = queries.news(actor=alice, collection=study.uid).items
    names, cursor, counts = [], None, []
    while True:
        with CaptureQueriesContext(connection) as asked:
            page = queries.news(actor=alice, collection=study.uid, cursor=cursor, limit=2)
        counts.append(len(asked))
        names += [one.name for one in page.items]
        cursor = page.next
        if not cursor:
            break
    assert [one.name for one in whole if one.name] == [name for name in names if name]
    assert max(counts) <= 6
