"""The page of a patient: made of what the person may read, over all collections; and the filters of the studies."""

from __future__ import annotations

import re
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from tests.support import studies

from sinfonietta.accounts.actor import Actor
from sinfonietta.interfaces.portal.timeline import day_of
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db


@pytest.fixture
def halves(alice: Actor, bob: Actor) -> tuple[Node, Node]:
    """Two collections of Alice's; Bob reads the first."""
    first, second = (services.create_collection(actor=alice, name=name) for name in ("Lungs", "Hearts"))
    services.set_grants(actor=alice, uid=first.uid, inherit=False, grants=[("user", bob.name, Level.READ)])
    return first, second


def put(owner: Actor, place: Node, study: str, **more: object) -> None:
    content = studies.instance(study=study, series=f"{study}.1", **more)
    studies.put(owner, place.uid, content, f"{study}.dcm")


def page(client: Client, url: str, status: int = 200) -> str:
    answer = client.get(url)
    assert answer.status_code == status, url
    return answer.content.decode()


def marks(text: str) -> list[str]:
    return re.findall(r'<a href="/studies/([0-9.]+)[^"]*" aria-label', text)


def test_a_patient_is_made_of_what_one_may_read(
    halves: tuple[Node, Node], owner: Client, reader: Client, stranger: Client, alice: Actor
) -> None:
    first, second = halves
    put(alice, first, "1.2.31", StudyDate="20200102", Modality="CT", StudyDescription="Seen scan")
    put(alice, second, "1.2.32", StudyDate="20210304", Modality="MR", StudyDescription="Hidden scan")
    put(alice, second, "1.2.33", PatientID="P10", StudyDescription="Another's")
    whole = page(owner, "/patient?id=P1")
    assert marks(whole) == ["1.2.31", "1.2.32"], "in the order of time"
    assert ("Seen scan" in whole, "Hidden scan" in whole, "Another&#x27;s" in whole) == (True, True, False)
    assert ("Lungs" in whole, "Hearts" in whole) == (True, True)
    half = page(reader, "/patient?id=P1")
    assert marks(half) == ["1.2.31"]
    assert not [word for word in ("Hidden scan", "Hearts", ">MR<", "2021") if word in half]
    assert "<dd>1</dd>" in half
    page(stranger, "/patient?id=P1", 404)
    page(reader, "/patient?id=P10", 404)
    scoped = page(owner, f"/patient?id=P1&in={second.uid}")
    assert marks(scoped) == ["1.2.32"]
    page(reader, f"/patient?id=P1&in={second.uid}", 404)


@pytest.mark.parametrize("url", ["/patient", "/patient?id=", "/patient?id=P*", "/patient?id=%00", "/patient?name=x"])
def test_what_names_no_patient_finds_none(halves: tuple[Node, Node], owner: Client, alice: Actor, url: str) -> None:
    put(alice, halves[0], "1.2.34")
    page(owner, url, 404)


def test_an_id_is_taken_as_it_is(halves: tuple[Node, Node], owner: Client, alice: Actor) -> None:
    put(alice, halves[0], "1.2.35", PatientID="P*/&1")
    put(alice, halves[0], "1.2.36", PatientID="P-/&1")
    assert "/patient?id=P%2A%2F%261" in page(owner, "/studies")
    assert marks(page(owner, "/patient?id=P%2A%2F%261")) == ["1.2.35"]


def test_who_has_no_id_goes_by_the_name(halves: tuple[Node, Node], owner: Client, alice: Actor) -> None:
    put(alice, halves[0], "1.2.37", PatientID="", PatientName="Núll^Ann")
    put(alice, halves[0], "1.2.38", PatientID="", PatientName="Other^Bea")
    url = re.search(r'href="(/patient\?name=[^"]+)"', page(owner, "/studies/1.2.37"))
    assert url, "the study's page leads to the patient"
    text = page(owner, url[1].replace("&amp;", "&"))
    assert marks(text) == ["1.2.37"]
    assert "no Patient ID" in text


def test_one_id_under_differing_names_is_said(halves: tuple[Node, Node], owner: Client, alice: Actor) -> None:
    put(alice, halves[0], "1.2.39", PatientName="Phantom^Anna")
    assert "do not agree" not in page(owner, "/patient?id=P1")
    put(alice, halves[0], "1.2.43", PatientName="Phantom^Anna", PatientBirthDate="19600101")
    text = page(owner, "/patient?id=P1")
    assert "do not agree" not in text, "what is left empty contradicts nothing"
    assert "1960-01-01" in text
    put(alice, halves[1], "1.2.40", PatientName="Phantom^Bertha", PatientBirthDate="19700101")
    text = page(owner, "/patient?id=P1")
    assert "do not agree" in text
    assert ("Phantom, Anna" in text, "Phantom, Bertha</strong>, born 1970-01-01" in text) == (True, True)


def test_studies_without_a_date_are_in_the_list_alone(halves: tuple[Node, Node], owner: Client, alice: Actor) -> None:
    put(alice, halves[0], "1.2.41", StudyDate="", StudyDescription="Dateless")
    assert "<figure" not in page(owner, "/patient?id=P1")
    put(alice, halves[0], "1.2.42", StudyDate="20200229")
    text = page(owner, "/patient?id=P1")
    assert marks(text) == ["1.2.42"]
    assert "1 without a date is only in the list" in text
    assert "Dateless" in text


def test_a_long_history_is_paged_and_costs_the_same(halves: tuple[Node, Node], owner: Client, alice: Actor) -> None:
    def cost(url: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            page(owner, url)
        return len(queries)

    put(alice, halves[0], "1.2.50.0")
    page(owner, "/patient?id=P1")  # which collection a place lies in is asked once
    few = cost("/patient?id=P1")
    items = [studies.instance(study=f"1.2.50.{one}", series=f"1.2.51.{one}") for one in range(1, 102)]
    for number, content in enumerate(items):
        studies.put(alice, halves[0].uid, content, f"{number}.dcm")
    text = page(owner, "/patient?id=P1")
    assert "1 – 100 of 102" in text
    assert len(marks(text)) == 100
    assert len(marks(page(owner, "/patient?id=P1&offset=100"))) == 2
    assert cost("/patient?id=P1") == few


def test_the_filters_of_the_studies(halves: tuple[Node, Node], owner: Client, reader: Client, alice: Actor) -> None:
    put(alice, halves[0], "1.2.61", StudyDescription="Thorax routine", SeriesDescription="Axial")
    put(alice, halves[1], "1.2.62", StudyDescription="Abdomen", SeriesDescription="Late thorax")
    put(alice, halves[1], "1.2.63", StudyDescription="50%_off")

    def found(client: Client, **asked: str) -> set[str]:
        text = client.get("/studies", asked, headers={"HX-Request": "true"}).content.decode()
        return set(re.findall(r"/studies/([0-9.]+)", text))

    assert found(owner, description="THORAX") == {"1.2.61", "1.2.62"}
    assert found(reader, description="thorax") == {"1.2.61"}
    assert found(owner, description="%_o") == {"1.2.63"}
    assert found(owner, description="\0") == set()
    assert found(owner, **{"in": str(halves[1].uid)}, description="thorax") == {"1.2.62"}
    whole = page(owner, "/studies")
    assert f'<option value="{halves[1].uid}">Hearts</option>' in whole
    assert "Hearts" not in page(reader, "/studies")


@pytest.mark.parametrize(
    ("text", "day"),
    [("20200229", date(2020, 2, 29)), ("2020.02.29", date(2020, 2, 29)), ("20210229", None), ("", None)],
)
def test_dates(text: str, day: date | None) -> None:
    assert day_of(text) == day
