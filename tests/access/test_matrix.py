"""Every route with every role: nobody, a stranger, a reader, a writer, the owner, the site's administrator.

The routes come from the URL table; a new one fails here until its row says who may do what.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from pydicom.data import get_testdata_file
from tests.support.rest import content, settled

from sinfonietta.accounts import services as accounts
from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import User
from sinfonietta.ingest import services as ingest
from sinfonietta.interfaces.http.access import OPEN, routes, rule_of
from sinfonietta.library import services
from sinfonietta.library.models import Level

pytestmark = pytest.mark.django_db
STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
SERIES = "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
ROLES = ("nobody", "stranger", "reader", "writer", "owner", "administrator")


@dataclass
class World:
    """One of everything, owned by the owner, shared with reader and writer."""

    people: dict[str, Actor]
    tokens: dict[str, str]
    ids: dict[str, UUID]

    def ask(self, role: str, method: str, url: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role != "nobody" else {}
        return settled(Client().generic(method, url, body or "", "application/json", headers=headers))


@pytest.fixture
def world(make_actor: Callable[..., Actor]) -> World:
    people = {role: make_actor(role, is_admin=role == "administrator") for role in ROLES[1:]}
    tokens = {
        role: accounts.create_token(actor=SYSTEM, user=User.objects.get(pk=actor.user_id), name="t", scope="admin")[1]
        for role, actor in people.items()
    }
    owner = people["owner"]
    study = services.create_collection(actor=owner, name="Secret study")
    folder = services.create_folder(actor=owner, parent=study.uid, name="Secret folder")
    services.set_grants(
        actor=owner,
        uid=study.uid,
        inherit=False,
        grants=[("user", "reader", Level.READ), ("user", "writer", Level.WRITE)],
    )
    with open(str(get_testdata_file("CT_small.dcm", download=False)), "rb") as stream:
        file = ingest.put(actor=owner, parent_uid=folder.uid, name="secret.dcm", stream=stream).node
    text = ingest.put(actor=owner, parent_uid=folder.uid, name="secret.txt", stream=io.BytesIO(b"secret")).node
    gone = ingest.put(actor=owner, parent_uid=folder.uid, name="gone.txt", stream=io.BytesIO(b"gone")).node
    services.trash(actor=owner, uid=gone.uid)
    group = accounts.create_group(actor=owner, name="Secret group")
    token, _ = accounts.create_token(actor=SYSTEM, user=User.objects.get(pk=owner.user_id), name="t2", scope="read")
    ids = {
        "collection": study.uid, "folder": folder.uid, "file": file.uid, "text": text.uid, "gone": gone.uid,
        "group": group.uid, "token": token.uid,
    }  # fmt: skip
    return World(people, tokens, ids)


def pages() -> list[str]:
    return sorted({re.sub(r"\^|\$|\\Z", "", route) for route, _ in routes()})


def test_only_health_sign_in_and_assets_are_open_to_all() -> None:
    assert sorted(route for route, view in routes() if rule_of(view) == OPEN) == ["/healthz", "/readyz", "/sign-in"]


# What a node's route answers to GET, by role: see it, or it does not exist.
NODE_ROUTES = [
    "/api/v1/nodes/{folder}", "/api/v1/nodes/{folder}/children", "/api/v1/nodes/{folder}/archive",
    "/api/v1/nodes/{folder}/manifest", "/api/v1/nodes/{folder}/metadata", "/api/v1/collections/{collection}",
    "/api/v1/collections/{collection}/owners", "/api/v1/folders/{folder}", "/api/v1/files/{file}",
    "/api/v1/files/{text}/content", "/api/v1/files/{file}/versions", "/api/v1/files/{file}/preview",
    "/nodes/{folder}", "/nodes/{file}", "/files/{file}/image.png", "/files/{file}/tags",
    "/studies/" + STUDY, "/dicomweb/studies/" + STUDY, "/dicomweb/studies/" + STUDY + "/metadata",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}", f"/dicomweb/studies/{STUDY}/series/{SERIES}/metadata",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/metadata",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1",
    f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/rendered",
    "/dicomweb/collections/{collection}/studies", "/dicomweb/folders/{folder}/studies",
    "/nodes/{folder}/share/find?q=a",
]  # fmt: skip


@pytest.mark.parametrize("route", NODE_ROUTES)
def test_what_is_not_yours_does_not_exist(world: World, route: str) -> None:
    url = route.format(**world.ids)
    absent = route.format(**{name: uuid4() for name in world.ids}).replace(STUDY, "1.2.3.4")
    for role, expected in (("reader", 200), ("writer", 200), ("owner", 200)):
        assert world.ask(role, "GET", url).status_code == expected, role
    for role in ("stranger", "administrator"):
        hidden, missing = world.ask(role, "GET", url), world.ask(role, "GET", absent)
        assert hidden.status_code == missing.status_code == 404, (role, hidden.status_code, missing.status_code)
        assert _same(content(hidden)) == _same(content(missing))
        assert b"ecret" not in content(hidden)
    assert world.ask("nobody", "GET", url).status_code == 401


def _same(body: bytes) -> bytes:
    """The body without what names the request itself."""
    return re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9.]{12,}", b"X", body)


MANAGED = ["/api/v1/nodes/{folder}/grants", "/api/v1/audit?node={folder}", "/nodes/{folder}/share"]


@pytest.mark.parametrize("route", MANAGED)
def test_grants_and_audit_are_for_who_manages(world: World, route: str) -> None:
    url = route.format(**world.ids)
    answers = {role: world.ask(role, "GET", url).status_code for role in ROLES}
    assert answers == {
        "nobody": 401, "stranger": 404, "reader": 403, "writer": 403, "owner": 200, "administrator": 404
    }  # fmt: skip


# (method, route, body, the least level that may), each tried from the least allowed upwards.
WRITES: list[tuple[str, str, Any, str]] = [
    ("POST", "/api/v1/folders", '{"parent": "{folder}", "name": "new"}', "writer"),
    ("POST", "/api/v1/filesets", '{"parent": "{folder}", "name": "new"}', "writer"),
    ("PUT", "/api/v1/nodes/{folder}/files/new.txt", b"x", "writer"),
    ("PATCH", "/api/v1/folders/{folder}", '{"name": "renamed"}', "writer"),
    ("PATCH", "/api/v1/files/{file}", '{"name": "renamed"}', "writer"),
    ("PATCH", "/api/v1/nodes/{folder}/metadata", '{"a": 1}', "writer"),
    ("POST", "/api/v1/nodes/{text}/move", '{"parent": "{collection}"}', "writer"),
    ("POST", "/api/v1/nodes/{text}/copy", '{"parent": "{collection}"}', "writer"),
    ("POST", "/api/v1/files/{text}/versions/1/restore", None, "writer"),
    ("POST", "/api/v1/nodes/{gone}/restore", "{}", "writer"),
    ("DELETE", "/api/v1/files/{file}", None, "writer"),
    ("DELETE", "/api/v1/folders/{folder}", None, "writer"),
    ("DELETE", "/api/v1/collections/{collection}", None, "owner"),
    ("DELETE", "/api/v1/trash/{gone}", None, "owner"),
    ("PUT", "/api/v1/nodes/{folder}/grants", '{"inherit": false, "grants": []}', "owner"),
    ("PATCH", "/api/v1/collections/{collection}", '{"deidentification": "refuse"}', "owner"),
]


@pytest.mark.parametrize(("method", "route", "body", "least"), WRITES)
def test_who_may_write(world: World, method: str, route: str, body: Any, least: str) -> None:
    url = route.format(**world.ids)
    if isinstance(body, str):
        for name, uid in world.ids.items():
            body = body.replace("{" + name + "}", str(uid))
    allowed = {"writer": ("writer", "owner"), "owner": ("owner",)}[least]
    seen_by = ("reader", "writer") if "gone" not in route else ()
    assert world.ask("nobody", method, url, body).status_code == 401
    for role in ("stranger", "administrator"):
        assert world.ask(role, method, url, body).status_code == 404, role
    for role in ("reader", "writer"):
        if role not in allowed:
            status = world.ask(role, method, url, body).status_code
            assert status in ((403,) if role in seen_by else (403, 404)), (role, status)
    assert world.ask(allowed[0], method, url, body).status_code in (200, 201, 204)


def test_nobody_gets_into_any_route(world: World) -> None:
    """Without a credential every route but the open ones says 401, or sends a browser to sign in."""
    for route in pages():
        if route in ("/healthz", "/readyz", "/sign-in"):
            continue
        url = _filled(route)
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            assert Client().generic(method, url).status_code in (401, 403), (method, url)
        page = Client().get(url, headers={"Accept": "text/html"})
        assert page.status_code in (302, 401), url


def _filled(route: str) -> str:
    """A route with values that its converters take."""
    values = {"uuid": str(uuid4()), "int": "1", "dicom_frames": "1"}
    return re.sub(r"<(?:(\w+):)?\w+>", lambda match: values.get(match[1] or "", "1.2"), route)


def test_a_stranger_finds_nothing_in_any_list(world: World) -> None:
    for role in ("stranger", "administrator"):
        for url in (
            "/api/v1/collections", "/api/v1/shared", "/api/v1/trash", "/api/v1/changes", "/api/v1/jobs",
            "/api/v1/tokens", "/dicomweb/studies", "/dicomweb/series", "/dicomweb/instances", "/", "/shared",
            "/trash", "/studies", "/jobs", "/api/v1/peers", "/dicom-nodes",
            "/api/v1/nodes?path=/Secret study",
        ):  # fmt: skip
            body = content(world.ask(role, "GET", url))
            assert b"ecret" not in body, url
            assert STUDY.encode() not in body, url
            assert not [uid for uid in world.ids.values() if str(uid).encode() in body], url


def test_another_ones_group_token_and_account_are_not_there(world: World) -> None:
    for url in ("/api/v1/groups/{group}", "/api/v1/groups/{group}/members", "/groups/{group}"):
        assert world.ask("stranger", "GET", url.format(**world.ids)).status_code == 404
        assert world.ask("owner", "GET", url.format(**world.ids)).status_code == 200
    assert world.ask("stranger", "DELETE", f"/api/v1/tokens/{world.ids['token']}").status_code == 404
    assert world.ask("owner", "GET", "/users").status_code == 403
    assert world.ask("administrator", "GET", "/users").status_code == 200
