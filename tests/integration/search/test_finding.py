"""What is found by what, on both databases."""

from __future__ import annotations

import pytest
from tests.integration.library.things import file
from tests.integration.search.conftest import Find

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.time import now
from sinfonietta.library import services
from sinfonietta.search import queries
from sinfonietta.search.following import catch_up
from sinfonietta.search.language import Misunderstood

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("way")]


@pytest.fixture
def study(alice: Actor) -> object:
    return services.create_collection(actor=alice, name="Thyroid study", description="Papillary carcinoma, Málaga")


def test_words_are_found_whatever_their_case_and_accents_and_by_their_beginning(
    alice: Actor, study: object, find: Find
) -> None:
    file(alice, study.uid, "Schädel_CT_009.dcm")
    assert find(alice, "schadel") == ["Schädel_CT_009.dcm"]
    assert find(alice, "SCHÄD") == ["Schädel_CT_009.dcm"]
    assert find(alice, "ct 009") == ["Schädel_CT_009.dcm"]
    assert find(alice, "malaga papill") == ["Thyroid study"]
    assert find(alice, "schadel papillary") == []


def test_phrases_exclusions_alternatives_and_brackets(alice: Actor, study: object, find: Find) -> None:
    for name in ("left lobe.txt", "right lobe.txt", "lobe left.txt"):
        file(alice, study.uid, name)
    assert find(alice, '"left lobe"') == ["left lobe.txt"]
    assert find(alice, "lobe -right") == ["lobe left.txt", "left lobe.txt"]
    assert find(alice, "lobe NOT (right OR txt)") == []
    assert find(alice, "(right OR papillary)") == ["right lobe.txt", "Thyroid study"]
    assert find(alice, "type:text -lobe") == []
    assert find(alice, "-lobe type:collection") == ["Thyroid study", "alice"]


def test_names_are_found_by_a_part_and_by_a_pattern(alice: Actor, study: object, find: Find) -> None:
    file(alice, study.uid, "a_thyroid_50%.csv")
    file(alice, study.uid, "b.csv")
    assert find(alice, "name:yroid") == ["a_thyroid_50%.csv", "Thyroid study"]
    assert find(alice, "name:*.csv") == ["b.csv", "a_thyroid_50%.csv"]
    assert find(alice, "name:?.csv") == ["b.csv"]
    assert find(alice, "name:0%") == ["a_thyroid_50%.csv"]
    assert find(alice, 'name:"b.csv"') == ["b.csv"]
    assert find(alice, "yroid") == ["a_thyroid_50%.csv", "Thyroid study"], "inside names, where no word begins so"


def test_things_of_exactly_that_name_come_first_and_then_the_newest(alice: Actor, study: object, find: Find) -> None:
    for name in ("lobe", "lobe a", "lobe b"):
        services.create_folder(actor=alice, parent=study.uid, name=name)
    assert find(alice, "lobe") == ["lobe", "lobe b", "lobe a"]


def test_pages_follow_each_other_without_gap_or_double(alice: Actor, study: object, find: Find) -> None:
    wanted = [f"lobe {number}" for number in range(7)]
    for name in [*wanted, "lobe"]:
        services.create_folder(actor=alice, parent=study.uid, name=name)
    catch_up()
    for q in ("lobe", "obe", "type:folder"):
        seen, cursor = [], None
        while True:
            page = queries.search(actor=alice, q=q, limit=3, cursor=cursor)
            seen += [hit.entry.name for hit in page.hits]
            cursor = page.next
            if not cursor:
                break
        assert sorted(seen) == sorted([*wanted, "lobe"]), q


def test_sizes_dates_and_owners(alice: Actor, study: object, find: Find) -> None:
    file(alice, study.uid, "small.txt", b"x")
    file(alice, study.uid, "large.txt", b"x" * 20_000)
    assert find(alice, "size:>10kB") == ["large.txt"]
    assert find(alice, "size:<=1") == ["small.txt"]
    assert find(alice, "size:15kB..1MB") == ["large.txt"]
    assert find(alice, "created:2000.. type:text size:<5") == ["small.txt"]
    assert find(alice, "created:..2000") == []
    assert find(alice, "modified:>2020 small") == ["small.txt"]
    assert find(alice, "modified:2020-02..2100-03 small") == find(alice, "modified:2020-02.. small") == ["small.txt"]
    assert find(alice, f"modified:{now():%Y-%m} small") == find(alice, f"modified:{now():%Y} small") == ["small.txt"]
    assert find(alice, f"modified:..{now().year - 1}-12-31 small") == []
    assert find(alice, "owner:alice small") == ["small.txt"]
    assert find(alice, 'owner:"Alice Owner" small') == ["small.txt"]
    assert find(alice, "owner:bob") == []


def test_metadata_is_found_by_word_key_value_and_comparison(alice: Actor, study: object, find: Find) -> None:
    one, two = (file(alice, study.uid, f"{name}.txt").node for name in ("one", "two"))
    services.set_metadata(
        actor=alice, uid=one.uid, changes={"histology": "papillary", "age": 45, "tumour size": [3, 12]}
    )
    services.set_metadata(actor=alice, uid=two.uid, changes={"age": 30, "diagnosed": "2021-05-04"})
    assert find(alice, "meta.histology:papillary") == ["one.txt"]
    assert find(alice, "meta.age:>40") == ["one.txt"]
    assert find(alice, "meta.age:<=45") == ["two.txt", "one.txt"]
    assert find(alice, "meta.age:45") == ["one.txt"]
    assert find(alice, 'meta."tumour size":>10') == ["one.txt"]
    assert find(alice, "meta.diagnosed:2021-01..2021-12") == ["two.txt"]
    assert find(alice, "meta.age:*") == ["two.txt", "one.txt"]
    assert find(alice, "-meta.age:>40 type:file") == ["two.txt"]
    assert find(alice, "(meta.age:>40 OR size:>1GB)") == ["one.txt"]


def test_a_place_by_name_and_by_id(alice: Actor, study: object, find: Find) -> None:
    other = services.create_collection(actor=alice, name="Other")
    folder = services.create_folder(actor=alice, parent=other.uid, name="Deep")
    file(alice, folder.uid, "lobe a.txt")
    file(alice, study.uid, "lobe b.txt")
    assert find(alice, 'lobe in:"thyroid study"') == ["lobe b.txt"]
    assert find(alice, "lobe in:Deep") == ["lobe a.txt"]
    assert find(alice, "lobe in:Nowhere") == []
    assert find(alice, "lobe", within=other.uid) == ["lobe a.txt"]
    services.move(actor=alice, uid=folder.uid, parent=study.uid)
    assert find(alice, 'lobe in:"thyroid study"') == ["lobe b.txt", "lobe a.txt"]


@pytest.mark.parametrize(
    ("q", "at"),
    [("foo:bar", 0), ("lobe (right", 5), ("lobe )", 5), ('"left', 0), ("size:big", 0), ("date:2020-13", 0), ("a OR", 2),
     ("name:", 5)],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(alice: Actor, q: str, at: int) -> None:
    with pytest.raises(Misunderstood) as caught:
        queries.search(actor=alice, q=q)
    assert caught.value.at == at


def test_highlights_show_the_words_in_their_passage_and_escape_the_rest(alice: Actor, study: object) -> None:
    services.update_collection(actor=alice, uid=study.uid, description="<b>Both</b> lobes of the thyroid, Málaga")
    catch_up()
    (hit,) = queries.search(actor=alice, q="malaga lobe").hits
    assert hit.highlights == ["&lt;b&gt;Both&lt;/b&gt; <mark>lobes</mark> of the thyroid, Málaga"]


def test_mistyped_words_are_offered_as_ones_own_documents_write_them(alice: Actor, bob: Actor, study: object) -> None:
    file(alice, study.uid, "isthmus.txt")
    catch_up()

    def instead(actor: Actor, q: str) -> list[str]:
        return list(queries.search(actor=actor, q=q).instead)

    assert instead(alice, "papilary") == ["papillary"]
    assert instead(alice, "Papilalry carcinoma type:collection") == ["papillary carcinoma type:collection"]
    assert instead(alice, "papilary carcinmoa") == ["papillary carcinoma"]
    assert instead(alice, "isthmsu type:file") == ["isthmus type:file"]
    assert instead(alice, "papilary type:file") == [], "that would find nothing"
    assert instead(alice, "zzzzzz") == []
    assert instead(bob, "papilary") == [], "nothing of what is hidden"
