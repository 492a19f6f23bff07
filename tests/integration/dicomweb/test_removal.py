"""Deleting studies, series and instances: to the trash, by who may, all or nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.support.dicomweb import Web, share
from tests.support.studies import instance, put

from sinfonietta.accounts.actor import Actor
from sinfonietta.audit.models import Event
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node, Trash

pytestmark = pytest.mark.django_db
SERIES = "/studies/1.2.3/series/1.2.3.1"


def delete(web: Web, path: str) -> HttpResponse:
    headers = {"Authorization": f"Bearer {web.secret}"}
    return Client().delete(f"/dicomweb{path}", headers=headers)  # type: ignore[return-value]


def count(web: Web) -> int:
    return len(web.get("/instances").json())


@pytest.fixture
def alices(web: Callable[..., Web], alice: Actor, box: Node) -> Web:
    found = web(alice)
    found.store(
        f"/collections/{box.uid}/studies",
        *(instance(number) for number in (1, 2)), instance(1, series="1.2.3.2", SeriesNumber=2),
        instance(1, study="9.9", series="9.9.1"),
    )  # fmt: skip
    assert count(found) == 4
    return found


def test_an_instance(alices: Web) -> None:
    assert delete(alices, f"{SERIES}/instances/1.2.3.1.2").status_code == 204
    assert count(alices) == 3
    assert delete(alices, f"{SERIES}/instances/1.2.3.1.2").status_code == 404
    assert [entry.node.name for entry in Trash.objects.all()] == ["1.2.3.1.2.dcm"]


def test_a_series_goes_and_comes_back_as_one(alices: Web, alice: Actor) -> None:
    assert delete(alices, SERIES).status_code == 204
    assert count(alices) == 2
    (entry,) = Trash.objects.all()
    assert entry.node.kind == "fileset"
    assert [event.target for event in Event.objects.filter(action="node.trashed")] == [entry.node.uid]
    services.restore(actor=alice, uid=entry.node.uid)
    assert count(alices) == 4


def test_a_study(alices: Web) -> None:
    assert delete(alices, "/studies/1.2.3").status_code == 204
    assert [one["0020000D"]["Value"] for one in alices.get("/studies").json()] == [["9.9"]]
    assert Event.objects.filter(action="node.trashed").count() == 2  # one for each series


def test_what_lies_beside_it_stays(alices: Web, alice: Actor, box: Node) -> None:
    fileset = Node.objects.get(name="1 CT Axial", parent__name="P1 20200102 Chest", children__name="1.2.3.1.1.dcm")
    put(alice, fileset.uid, instance(5, study="7.7", series="7.7.1"), "other.dcm")
    assert delete(alices, SERIES).status_code == 204
    assert "7.7" in [one["0020000D"]["Value"][0] for one in alices.get("/studies").json()]


def test_both_of_two_files_with_one_uid_go(alices: Web, box: Node) -> None:
    alices.store(f"/collections/{box.uid}/studies", instance(1, StudyDescription="Other"))
    assert delete(alices, f"{SERIES}/instances/1.2.3.1.1").status_code == 204
    assert alices.get(f"{SERIES}/instances/1.2.3.1.1", "application/dicom").status_code == 404


def test_only_below_the_root(alices: Web, alice: Actor) -> None:
    other = services.create_collection(actor=alice, name="Other")
    put(alice, other.uid, instance(1))
    assert delete(alices, f"/collections/{other.uid}/studies/1.2.3").status_code == 204
    assert count(alices) == 4
    assert delete(alices, f"/collections/{other.uid}/studies/1.2.3").status_code == 404


def test_all_or_nothing(
    alices: Web, web: Callable[..., Web], alice: Actor, bob: Actor, mallory: Actor, box: Node
) -> None:
    """Who may write one series and only read the other deletes neither; who sees nothing learns nothing."""
    assert delete(web(mallory), "/studies/1.2.3").status_code == 404
    first, second = Node.objects.filter(kind="fileset", parent__name="P1 20200102 Chest").order_by("id")[:2]
    share(alice, first, bob, Level.WRITE)
    share(alice, second, bob, Level.READ)
    bobs = web(bob)
    assert delete(bobs, "/studies/1.2.3").status_code == 403
    assert count(alices) == 4
    assert not Event.objects.filter(action="node.trashed").exists()
    assert delete(web(bob, "read"), SERIES).status_code == 403
    assert delete(bobs, SERIES).status_code == 204
    assert count(alices) == 2
