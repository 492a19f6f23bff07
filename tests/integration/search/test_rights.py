"""What is found is what may be read at that moment, whatever the index says."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.integration.library.things import file
from tests.integration.search.conftest import Find

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node, Version
from sinfonietta.search import facets, queries
from sinfonietta.search.following import catch_up

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("way")]


def shared_with_bob(alice: Actor, name: str) -> Node:
    made = services.create_collection(actor=alice, name=name)
    services.set_grants(actor=alice, uid=made.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    return made


def test_rights_count_at_once_and_both_ways(alice: Actor, bob: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Study")
    file(alice, study.uid, "lobe.txt")
    assert find(alice, "lobe") == ["lobe.txt"]
    assert find(bob, "lobe") == []
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[("user", "bob", Level.READ)])
    assert [hit.entry.name for hit in queries.search(actor=bob, q="lobe").hits] == ["lobe.txt"], "without following"
    services.set_grants(actor=alice, uid=study.uid, inherit=False, grants=[])
    assert queries.search(actor=bob, q="lobe").hits == []


def test_trash_and_quarantine_are_in_no_search_at_once(alice: Actor, find: Find) -> None:
    study = services.create_collection(actor=alice, name="Study")
    one = file(alice, study.uid, "lobe one.txt")
    two = file(alice, study.uid, "lobe two.txt")
    assert find(alice, "lobe") == ["lobe two.txt", "lobe one.txt"]
    services.set_state(actor=SYSTEM, version=one.version, state=Version.State.QUARANTINED, problem="p")
    services.trash(actor=alice, uid=two.node.uid)
    for q in ("lobe", "name:lobe", "type:text", 'name:"lobe one.txt"', "-nothing", "size:>0"):
        names = [hit.entry.name for hit in queries.search(actor=alice, q=q).hits]
        assert not [name for name in names if name.startswith("lobe")], q
    assert facets.facets(actor=alice, q="lobe").total == 0
    services.set_state(actor=SYSTEM, version=one.version, state=Version.State.READY)
    services.restore(actor=alice, uid=two.node.uid)
    assert len(queries.search(actor=alice, q="lobe").hits) == 2


def test_a_place_that_is_not_ones_own_to_see_finds_nothing(alice: Actor, bob: Actor, find: Find) -> None:
    shared, hidden = shared_with_bob(alice, "Shared"), services.create_collection(actor=alice, name="Hidden")
    file(alice, shared.uid, "lobe.txt")
    file(alice, hidden.uid, "lobe.txt")
    assert find(bob, "lobe in:Shared") == ["lobe.txt"]
    assert find(bob, "lobe in:Hidden") == find(bob, "lobe in:Absent") == []


WORDS = ["lobe", "thyroid", "papillary", "thyrold", "node"]
THINGS = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=1, max_size=5)
ASKED = ["lobe", "thyroid", "papilary", "lob", "-lobe", "name:hyro", "type:file", "(node OR lobe) size:>0", "hyroi",
         "meta.kind:papillary", "owner:alice", "created:2000.."]  # fmt: skip


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seen=THINGS, hidden=THINGS)
def test_two_worlds_that_differ_in_what_is_hidden_give_the_same_answers(
    alice: Actor, bob: Actor, seen: list[tuple[str, str]], hidden: list[tuple[str, str]]
) -> None:
    """Hits, their order, passages, counts and suggestions; with the hidden things made before, between and after."""
    shared = shared_with_bob(alice, "Shared")

    def fill(place: Node, things: list[tuple[str, str]]) -> None:
        for number, (name, kind) in enumerate(things):
            made = file(alice, place.uid, f"{name} {number}.txt", name.encode()).node
            services.set_metadata(actor=alice, uid=made.uid, changes={"kind": kind})

    fill(shared, seen)
    before = told(bob)
    secret = services.create_collection(actor=alice, name="Secret thyroid")
    fill(secret, hidden)
    inside = services.create_folder(actor=alice, parent=shared.uid, name="lobe")
    services.set_grants(actor=alice, uid=inside.uid, inherit=False, grants=[])
    fill(inside, hidden)
    assert told(bob) == before
    services.trash(actor=alice, uid=secret.uid)
    services.trash(actor=alice, uid=inside.uid)
    assert told(bob) == before
    services.trash(actor=alice, uid=shared.uid)


def told(actor: Actor) -> list[object]:
    """All that a person is told of a set of searches."""
    catch_up()
    found: list[object] = []
    for q in ASKED:
        page = queries.search(actor=actor, q=q, limit=3)
        found.append([(hit.entry.uid, tuple(hit.highlights)) for hit in page.hits])
        found.append((page.next, page.relaxed, tuple(page.instead)))
        counted = facets.facets(actor=actor, q=q)
        found.append((counted.total, counted.capped, counted.values))
        found.append([entry.uid for entry in queries.every(actor=actor, q=q)])
    return found
