"""The search page as a browser gets it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.support.portal import Place, browser_of

from sinfonietta.accounts.actor import Actor
from sinfonietta.search.following import catch_up
from sinfonietta.search.models import SavedSearch

pytestmark = pytest.mark.django_db


def test_hits_show_where_they_lie_and_counts_lead_further(alice: Actor, place: Place) -> None:
    catch_up()
    client = browser_of(alice)
    page = client.get("/search", {"q": "modality:CT"}).content.decode()
    assert "/Lung study/ct.dcm" in page
    counts = client.get("/search/counts", {"q": "lung OR note"}).content.decode()
    assert "2 found" in counts
    assert "q=%28lung+OR+note%29+type%3Atext" in counts


def test_the_form_writes_the_language(alice: Actor) -> None:
    asked = {"words": "lobe", "maker": "GE, Milwaukee", "from": "2020-01-01", "until": "", "least": "5", "in": ""}
    where = browser_of(alice).get("/search/form", asked)["Location"]
    assert parse_qs(urlsplit(where).query) == {"q": ['lobe maker:"GE, Milwaukee" date:2020-01-01.. size:>=5MB']}
    assert browser_of(alice).get(where).status_code == 200


def test_what_cannot_be_read_is_marked(alice: Actor) -> None:
    page = browser_of(alice).get("/search", {"q": "lobe (<b>"}).content.decode()
    assert "lobe <mark>(&lt;b&gt;</mark>" in page


def test_a_search_is_kept_by_its_person_alone(alice: Actor, bob: Actor) -> None:
    client = browser_of(alice)
    client.post("/searches", {"name": "Lobes", "q": "lobe"})
    client.post("/searches", {"name": "Lobes", "q": "lobe -left"})
    kept = SavedSearch.objects.get()
    assert (kept.name, kept.query) == ("Lobes", "lobe -left")
    assert "Lobes" in client.get("/search").content.decode()
    assert "Lobes" not in browser_of(bob).get("/search").content.decode()
    assert browser_of(bob).post(f"/searches/{kept.uid}/forget").status_code == 404
    client.post(f"/searches/{kept.uid}/forget")
    assert not SavedSearch.objects.exists()


def test_the_table_of_hits_holds_no_formula(alice: Actor, place: Place) -> None:
    from sinfonietta.library import services

    services.rename(actor=alice, uid=place.text.uid, name="=cmd()|note.txt")
    catch_up()
    body = b"".join(browser_of(alice).get("/search.csv", {"q": "note"}).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    head, line = body.splitlines()
    assert head.startswith("type,name,path")
    assert line.startswith("file,'=cmd()|note.txt,/Lung study/")
