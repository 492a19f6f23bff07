"""Who gets in, and what a stranger sees at every address: nothing, and the same as where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.test import Client
from tests.conftest import password_of
from tests.support.dicomweb import BOUNDARY, Web, body_of, content, share
from tests.support.studies import instance, put_series

from sinfonietta.accounts.actor import Actor
from sinfonietta.interfaces.dicomweb.urls import SERVICES
from sinfonietta.library import services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db
PARTS = {
    "<dicom_uid:study>": "1.2.3",
    "<dicom_uid:series>": "1.2.3.1",
    "<dicom_uid:instance>": "1.2.3.1.1",
    "<dicom_frames:frames>": "1",
    "<path:uri>": "7FE00010",
}


def path_of(route: str) -> str:
    for name, value in PARTS.items():
        route = route.replace(name, value)
    return "/" + route


QUERY = {"/wado": "?requestType=WADO&studyUID=1.2.3&seriesUID=1.2.3.1&objectUID=1.2.3.1.1"}
STORED_ONLY = {"/beside/studies"}
"""What only stores has nothing to be seen (``test_store_beside``)."""
PATHS = [path + QUERY.get(path, "") for path in (path_of(route) for route, _, _ in SERVICES) if path not in STORED_ONLY]
OF_THE_SERVICE = {"/", "/capabilities"}
"""What tells of the service, and of nobody's data."""
SEARCHES = {path for path in PATHS if path.rsplit("/", 1)[-1] in {"studies", "series", "instances"}}


@pytest.fixture
def shown(alice: Actor, box: Node) -> Node:
    put_series(alice, box, 1)
    return box


@pytest.mark.parametrize("path", PATHS)
def test_a_stranger_sees_at_every_address_what_is_nowhere(
    path: str, web: Callable[..., Web], alice: Actor, mallory: Actor, admin: Actor, shown: Node
) -> None:
    owner = web(alice).get(path)
    assert owner.status_code == 200
    content(owner)
    absent = path.replace("1.2.3", "9.8.7")
    for stranger in (web(mallory), web(admin)):
        response, nothing = stranger.get(path), stranger.get(absent)
        assert response.status_code == nothing.status_code == (200 if path in SEARCHES | OF_THE_SERVICE else 404)
        assert content(response) == content(nothing).replace(b"9.8.7", b"1.2.3")
        for root in (f"/collections/{shown.uid}", f"/folders/{shown.uid}", f"/folders/{uuid4()}"):
            assert stranger.get(root + path).status_code == 404
    scoped = web(alice).get(f"/collections/{shown.uid}{path}")
    assert scoped.status_code == 200
    content(scoped)


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_in_without_a_credential(path: str, shown: Node) -> None:
    for client_headers, challenge in (
        ({}, 'Basic realm="Sinfonietta", charset="UTF-8"'),
        ({"Sec-Fetch-Mode": "cors", "Accept": "text/html"}, 'Bearer realm="Sinfonietta"'),
    ):
        response = Client().get(f"/dicomweb{path}", headers=client_headers)  # type: ignore[arg-type]
        assert (response.status_code, response["WWW-Authenticate"]) == (401, challenge)
        assert response["Content-Type"] == "application/problem+json"


def test_a_right_withdrawn_is_gone_at_the_next_request(
    web: Callable[..., Web], alice: Actor, bob: Actor, shown: Node
) -> None:
    bobs = web(bob)
    frame = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1/frames/1"
    assert bobs.get(frame).status_code == 404
    share(alice, shown, bob)
    assert bobs.get(frame).status_code == 200
    services.set_grants(actor=alice, uid=shown.uid, inherit=False, grants=[])
    assert bobs.get(frame).status_code == 404


def store(client: Client, **headers: str) -> int:
    content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    response = client.post("/dicomweb/studies", body_of(instance(1)), content_type=content_type, headers=headers)
    return response.status_code


def test_the_cookie_stores_only_from_our_own_pages(alice: Actor) -> None:
    client = Client(enforce_csrf_checks=True)
    from sinfonietta.accounts.models import User

    client.force_login(User.objects.get(uid=alice.uid))
    assert client.get("/dicomweb/studies").status_code == 200
    assert store(client) == 403
    assert store(client, Origin="https://evil.example") == 403
    assert store(client, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert store(client, **{"Sec-Fetch-Site": "same-site"}) == 403
    assert store(client, Origin="http://testserver") == 200
    assert store(client, **{"Sec-Fetch-Site": "same-origin"}) == 200


def test_basic_takes_password_and_token(web: Callable[..., Web], alice: Actor, mallory: Actor, shown: Node) -> None:
    import base64

    def basic(name: str, secret: str) -> int:
        credential = base64.b64encode(f"{name}:{secret}".encode()).decode()
        return Client().get("/dicomweb/studies", headers={"Authorization": f"Basic {credential}"}).status_code

    assert basic("alice", password_of("alice")) == 200
    assert basic("alice", web(alice).secret) == 200
    assert basic("mallory", web(alice).secret) == 401
    assert basic("alice", "wrong") == 401


def test_write_does_not_come_with_read(web: Callable[..., Web], alice: Actor, bob: Actor, shown: Node) -> None:
    share(alice, shown, bob, Level.READ)
    assert web(bob).store(f"/folders/{shown.uid}/studies", instance(2)).status_code == 403
