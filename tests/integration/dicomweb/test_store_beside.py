"""What a viewer saves lands beside the study it was made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.support.dicomweb import BOUNDARY, Web, body_of, share
from tests.support.studies import instance, put, put_series

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.audit.models import Event
from sinfonietta.library import queries as library
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db
NOT_AUTHORISED = 0x0124
DICOM_PARTS = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
MADE = instance(1, series="1.2.3.9", SeriesNumber=3001, Modality="SR", SeriesDescription="Measurements")


def place() -> Node:
    """The node that the file of the saved object lies in."""
    return Node.objects.get(name="1.2.3.9.1.dcm").parent  # type: ignore[return-value]


def path(node: Node | None) -> str:
    return f"{path(node.parent)}/{node.name}" if node else ""


def refused(response: HttpResponse) -> str:
    """That nothing was stored, for want of rights; the sentence about it."""
    assert response.status_code == 409
    found: Any = response.json()  # type: ignore[attr-defined]
    assert [item["00081197"]["Value"] for item in found["00081198"]["Value"]] == [[NOT_AUTHORISED]]
    assert not Node.objects.filter(name="1.2.3.9.1.dcm").exists()
    return response["Warning"]


@pytest.mark.parametrize("root", ["", "/collections/{box}"])
def test_a_series_of_files_in_a_folder_gets_a_fileset_beside_them(
    web: Callable[..., Web], alice: Actor, box: Node, root: str
) -> None:
    folder = services.create_folder(actor=alice, parent=box.uid, name="Patient 7")
    put_series(alice, folder, 2)
    alices = web(alice)
    assert alices.store(f"{root.format(box=box.uid)}/beside/studies", MADE).status_code == 200
    assert (path(place()), place().kind) == ("/Box/Patient 7/3001 SR Measurements", "fileset")
    # What is saved later into the series joins it; the same again changes nothing.
    later = instance(2, series="1.2.3.9", SeriesNumber=3001, Modality="SR")
    for made in (later, MADE):
        assert alices.store("/beside/studies", made).status_code == 200
    assert place().children.count() == 2
    noted = Event.objects.get(target=Node.objects.get(name="1.2.3.9.1.dcm").uid)
    assert (noted.action, noted.actor, noted.door) == ("file.added", alice.uid, "dicomweb")


def test_a_fileset_gets_a_neighbour(web: Callable[..., Web], alice: Actor, box: Node) -> None:
    alices = web(alice)
    alices.store(f"/collections/{box.uid}/studies", instance(1))
    fileset = Node.objects.get(kind="fileset")
    assert alices.store(f"/folders/{fileset.uid}/beside/studies", MADE).status_code == 200
    assert path(place()) == "/Box/P1 20200102 Chest/3001 SR Measurements"


def test_who_may_write_only_the_fileset_saves_in_it(
    web: Callable[..., Web], alice: Actor, bob: Actor, box: Node
) -> None:
    web(alice).store(f"/collections/{box.uid}/studies", instance(1))
    fileset = Node.objects.get(kind="fileset")
    share(alice, fileset, bob, Level.WRITE)
    assert web(bob).store("/beside/studies", MADE).status_code == 200
    assert place() == fileset


def test_of_several_places_the_first_that_one_may_write(
    web: Callable[..., Web], alice: Actor, bob: Actor, box: Node
) -> None:
    """Where a folder was opened it is one below that; never the account's home, never where one may only read."""
    put(alice, box.uid, instance(1))
    share(alice, box, bob)
    first, second = (services.create_collection(actor=bob, name=name) for name in ("First", "Second"))
    for collection in (first, second):
        put(bob, collection.uid, instance(1))
    bobs = web(bob)
    assert bobs.store("/beside/studies", MADE).status_code == 200
    assert path(place()) == "/First/3001 SR Measurements"
    assert bobs.store(f"/collections/{second.uid}/beside/studies", MADE).status_code == 200
    assert {path(node.parent) for node in Node.objects.filter(name="1.2.3.9.1.dcm")} == {
        "/First/3001 SR Measurements", "/Second/3001 SR Measurements",
    }  # fmt: skip
    home = Node.objects.get(uid=library.home(actor=bob))
    assert not home.children.exists()


def test_who_may_only_read_is_refused_with_a_sentence(
    web: Callable[..., Web], alice: Actor, bob: Actor, box: Node
) -> None:
    put(alice, box.uid, instance(1))
    share(alice, box, bob)
    assert "You may read this study, but not write" in refused(web(bob).store("/beside/studies", MADE))
    assert "not write" in refused(web(alice, "read").store("/beside/studies", MADE))


def test_a_study_that_is_not_ones_own_to_see_is_as_none(
    web: Callable[..., Web], alice: Actor, mallory: Actor, box: Node
) -> None:
    hidden = refused(web(mallory).store("/beside/studies", MADE))
    put(alice, box.uid, instance(1))
    assert refused(web(mallory).store("/beside/studies", MADE)) == hidden
    other = services.create_collection(actor=alice, name="Other")
    assert "nothing of the study" in refused(web(alice).store(f"/collections/{other.uid}/beside/studies", MADE))


def test_the_cookie_saves_only_from_our_own_pages(alice: Actor, box: Node) -> None:
    put(alice, box.uid, instance(1))
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(uid=alice.uid))

    def save(content_type: str = DICOM_PARTS, **headers: str) -> int:
        answer = client.post("/dicomweb/beside/studies", body_of(MADE), content_type=content_type, headers=headers)
        return answer.status_code

    assert save() == 403
    assert save(Origin="https://evil.example") == 403
    assert save(Origin="null") == 403
    assert save(Origin="http://testserver", **{"Sec-Fetch-Site": "cross-site"}) == 403
    # What a form of another site can send without being asked for leave.
    assert save("text/plain") == 403
    assert save("text/plain", Origin="http://testserver") == 415
    assert save(Origin="http://testserver") == 200
