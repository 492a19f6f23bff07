"""REST as scripts use it: the requests of its table, their answers, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import Any

import pytest
from pydicom.data import get_testdata_file
from tests.support.rest import Rest, content, program_of

from sinfonietta.accounts.actor import Actor

pytestmark = pytest.mark.django_db
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def alices(alice: Actor) -> Rest:
    return program_of(alice)


@pytest.fixture
def bobs(bob: Actor) -> Rest:
    return program_of(bob)


@pytest.fixture
def study(alices: Rest) -> dict[str, Any]:
    return dict(alices.send("POST", "collections", {"name": "Study", "description": "of things"}, 201))


def put(rest: Rest, parent: str, name: str, body: bytes, status: int = 201, **headers: str) -> Any:
    return rest.send("PUT", f"nodes/{parent}/files/{name}", body, status, **headers)


def test_me(alices: Rest) -> None:
    me = alices.get("me")
    assert {"id", "name", "email", "groups", "is_admin", "home"} <= set(me)
    assert me["name"] == "alice"
    assert alices.get(f"collections/{me['home']}")["name"] == "alice"


def test_a_node_has_what_every_node_has(alices: Rest, study: dict[str, Any]) -> None:
    folder = alices.send("POST", "folders", {"parent": study["id"], "name": "A"}, 201)
    assert {"id", "type", "name", "path", "parent", "created", "modified", "level"} <= set(folder)
    assert (folder["type"], folder["path"], folder["parent"], folder["level"]) == (
        "folder",
        "/Study/A",
        study["id"],
        "manage",
    )
    assert alices.get("nodes?path=/Study/A")["id"] == folder["id"]
    assert [child["id"] for child in alices.get(f"nodes/{study['id']}/children?type=folder")["results"]] == [
        folder["id"]
    ]
    fileset = alices.send("POST", "filesets", {"parent": folder["id"], "name": "set"}, 201)
    assert alices.get(f"filesets/{fileset['id']}")["type"] == "fileset"
    alices.send("POST", "folders", {"parent": fileset["id"], "name": "no"}, 422)
    assert alices.send("PATCH", f"folders/{folder['id']}", {"name": "B"})["path"] == "/Study/B"
    assert alices.call("GET", f"files/{folder['id']}").status_code == 404


def test_put_makes_a_file_and_then_versions_of_it(alices: Rest, study: dict[str, Any]) -> None:
    digest = base64.b64encode(hashlib.sha256(b"one").digest()).decode()
    file = put(alices, study["id"], "a%20b.txt", b"one", Content_Digest=f"sha-256=:{digest}:")
    assert (file["name"], file["version"], file["state"]) == ("a b.txt", 1, "ready")
    assert file["sha256"] == hashlib.sha256(b"one").hexdigest()
    assert put(alices, study["id"], "a%20b.txt", b"two", 200)["version"] == 2
    assert put(alices, study["id"], "a%20b.txt", b"two", 200)["version"] == 2
    assert put(alices, study["id"], "a%20b.txt", b"x", 412, If_None_Match="*")["status"] == 412
    put(alices, study["id"], "a%20b.txt", b"x", 412, If_Match=f'"{file["sha256"]}"')
    put(alices, study["id"], "a%20b.txt", b"x", 422, Content_Digest=f"sha-256=:{digest}:")
    put(alices, study["id"], "a/b", b"x", 422)
    put(alices, study["id"], "%00", b"x", 422)
    versions = alices.get(f"files/{file['id']}/versions")["results"]
    assert [version["number"] for version in versions] == [2, 1]
    assert content(alices.call("GET", f"files/{file['id']}/content?version=1")) == b"one"


def test_content_is_served_with_ranges_and_conditions(alices: Rest, study: dict[str, Any]) -> None:
    file = put(alices, study["id"], "page.html", b"<script>0123456789</script>")
    url = f"files/{file['id']}/content"
    whole = alices.call("GET", url)
    assert (whole.status_code, whole["ETag"]) == (200, f'"{file["sha256"]}"')
    assert whole["Content-Disposition"].startswith("attachment")
    assert whole["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in whole["Content-Security-Policy"]
    part = alices.call("GET", url, Range="bytes=8-9")
    assert (part.status_code, content(part), part["Content-Range"]) == (206, b"01", "bytes 8-9/27")
    several = alices.call("GET", url, Range="bytes=0-0,-1")
    assert several["Content-Type"].startswith("multipart/byteranges")
    assert len(content(several)) == int(several["Content-Length"])
    beyond = alices.call("GET", url, Range="bytes=27-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, "bytes */27")
    assert alices.call("GET", url, If_None_Match=whole["ETag"]).status_code == 304
    changed = alices.call("GET", url, Range="bytes=0-1", If_Range='"other"')
    assert (changed.status_code, len(content(changed))) == (200, 27)
    head = alices.call("HEAD", url)
    assert (head.status_code, head["Content-Length"], content(head)) == (200, "27", b"")


@pytest.mark.parametrize("name", ['a"b.txt', "a\u202eb.txt", "émoji 🫁.txt", "semi;colon.txt", "back\\slash.txt"])
def test_no_name_breaks_out_of_the_header(alices: Rest, study: dict[str, Any], name: str) -> None:
    from urllib.parse import quote

    file = put(alices, study["id"], quote(name), b"x")
    header = alices.call("GET", f"files/{file['id']}/content")["Content-Disposition"]
    assert header.endswith(f"filename*=UTF-8''{quote(name, safe='')}")
    assert header.count('"') == 2
    assert header.isascii()


def test_dicom_is_recognised_by_content(alices: Rest, study: dict[str, Any]) -> None:
    with open(str(get_testdata_file("CT_small.dcm", download=False)), "rb") as stream:
        body = stream.read()
    file = put(alices, study["id"], "no-ending", body)
    assert (file["media_type"], file["state"], file["dicom"]["modality"]) == ("application/dicom", "ready", "CT")
    cut = put(alices, study["id"], "cut.dcm", body[:20000])
    assert cut["state"] == "incomplete"
    assert cut["problem"]
    preview = alices.get(f"files/{file['id']}/preview")
    assert preview["kinds"] == ["image", "tags"]
    assert alices.call("GET", preview["links"]["tags"]).status_code == 200


def test_archive_and_manifest_hold_what_may_be_read(alices: Rest, bobs: Rest, study: dict[str, Any]) -> None:
    open_, closed = (
        alices.send("POST", "folders", {"parent": study["id"], "name": name}, 201) for name in ("open", "closed")
    )
    put(alices, open_["id"], "grüße.txt", b"seen")
    put(alices, closed["id"], "b.txt", b"hidden")
    alices.send("PUT", f"nodes/{study['id']}/grants", {"inherit": False, "grants": [{"user": "bob", "level": "read"}]})
    alices.send("PUT", f"nodes/{closed['id']}/grants", {"inherit": False, "grants": []})
    rows = bobs.get(f"nodes/{study['id']}/manifest")["results"]
    assert [(row["path"], row["sha256"]) for row in rows] == [("open/grüße.txt", hashlib.sha256(b"seen").hexdigest())]
    assert content(bobs.call("GET", rows[0]["url"])) == b"seen"
    archive = zipfile.ZipFile(io.BytesIO(content(bobs.call("GET", f"nodes/{study['id']}/archive"))))
    assert {name: archive.read(name) for name in archive.namelist()} == {"open/grüße.txt": b"seen"}


def test_grants_are_put_exactly_and_read_back(alices: Rest, bob: Actor, study: dict[str, Any]) -> None:
    folder = alices.send("POST", "folders", {"parent": study["id"], "name": "A"}, 201)
    assert alices.get(f"nodes/{folder['id']}/grants")["inherited_from"] == study["id"]
    body = {"inherit": False, "everyone": "read", "grants": [{"user": str(bob.uid), "level": "write"}]}
    put_back = alices.send("PUT", f"nodes/{folder['id']}/grants", body)
    assert put_back["grants"] == [{"user": str(bob.uid), "name": "bob", "level": "write"}]
    assert (put_back["inherit"], put_back["everyone"], put_back["inherited_from"]) == (False, "read", None)
    wrong = alices.send(
        "PUT", f"nodes/{folder['id']}/grants", {"inherit": False, "grants": [{"user": "nobody", "level": "read"}]}, 422
    )
    assert "grants.0.user" in wrong["errors"]
    assert alices.get(f"nodes/{folder['id']}/grants")["everyone"] == "read"
    alices.send("PUT", f"nodes/{folder['id']}/grants", {"inherit": True})
    assert alices.get(f"nodes/{folder['id']}/grants")["inherit"] is True
    alices.send("PUT", f"nodes/{study['id']}/grants", {"inherit": True}, 422)


def test_trash_restore_and_purge(alices: Rest, study: dict[str, Any]) -> None:
    file = put(alices, study["id"], "a.txt", b"x")
    alices.send("DELETE", f"files/{file['id']}", status=204)
    assert alices.call("GET", f"files/{file['id']}").status_code == 404
    assert [row["id"] for row in alices.get("trash")["results"]] == [file["id"]]
    assert alices.send("POST", f"nodes/{file['id']}/restore", {})["path"] == "/Study/a.txt"
    alices.send("DELETE", f"files/{file['id']}", status=204)
    alices.send("DELETE", f"trash/{file['id']}", status=204)
    assert alices.get("trash")["results"] == []


def test_move_and_copy(alices: Rest, study: dict[str, Any]) -> None:
    folder = alices.send("POST", "folders", {"parent": study["id"], "name": "A"}, 201)
    file = put(alices, study["id"], "a.txt", b"x")
    moved = alices.send("POST", f"nodes/{file['id']}/move", {"parent": folder["id"], "name": "b.txt"})
    assert moved["path"] == "/Study/A/b.txt"
    copied = alices.call("POST", f"nodes/{file['id']}/copy", {"parent": study["id"]})
    assert (copied.status_code, copied.json()["sha256"], copied["Location"]) == (
        201,
        file["sha256"],
        f"/api/v1/files/{copied.json()['id']}",
    )


def test_lists_go_on_by_cursor(alices: Rest, study: dict[str, Any]) -> None:
    for number in range(5):
        put(alices, study["id"], f"{number}.txt", b"x" * number)
    found, url = [], f"/api/v1/nodes/{study['id']}/children?limit=2&order=-size"
    while url:
        page = alices.get(url)
        found += [row["name"] for row in page["results"]]
        url = page["next"] and page["next"].removeprefix("http://testserver")
    assert found == ["4.txt", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert alices.send("GET", f"nodes/{study['id']}/children?cursor=xyz", status=422)["errors"]


def test_changes_follow(alices: Rest, bobs: Rest, study: dict[str, Any]) -> None:
    since = alices.get("changes")["since"]
    file = put(alices, study["id"], "a.txt", b"x")
    alices.send("DELETE", f"files/{file['id']}", status=204)
    changes = alices.get(f"changes?since={since}")
    assert [(one["what"], one["id"]) for one in changes["results"]] == [("added", file["id"]), ("removed", file["id"])]
    assert changes["next"] is None
    assert alices.get(f"changes?since={changes['since']}")["results"] == []
    assert all(one["id"] != file["id"] for one in bobs.get("changes")["results"])


def test_metadata(alices: Rest, study: dict[str, Any]) -> None:
    assert alices.send("PATCH", f"nodes/{study['id']}/metadata", {"site": "A", "dose_gy": 2}) == {
        "site": "A",
        "dose_gy": 2,
    }
    assert alices.send("PATCH", f"nodes/{study['id']}/metadata", {"site": None}) == {"dose_gy": 2}
    assert alices.send("PATCH", f"nodes/{study['id']}/metadata", {"x": {}}, 422)["errors"] == {
        "x": ["A value is a text, a number, true or false, an ISO date, or a list of them."]
    }


def test_tokens_are_shown_once_and_end_at_once(alices: Rest) -> None:
    made = alices.send("POST", "tokens", {"name": "script", "scope": "read", "days": 1}, 201)
    reader = Rest(made["token"])
    assert reader.get("me")["name"] == "alice"
    assert all("token" not in one for one in alices.get("tokens")["results"])
    assert reader.call("POST", "collections", {"name": "x"}).status_code == 403
    assert reader.call("POST", "tokens", {"name": "more", "scope": "admin"}).status_code == 403
    alices.send("DELETE", f"tokens/{made['id']}", status=204)
    assert reader.call("GET", "me").status_code == 401


def test_groups(alices: Rest, bobs: Rest, study: dict[str, Any]) -> None:
    group = alices.send("POST", "groups", {"name": "Readers"}, 201)
    alices.send(
        "PUT", f"nodes/{study['id']}/grants", {"inherit": False, "grants": [{"group": "Readers", "level": "read"}]}
    )
    assert bobs.call("GET", f"nodes/{study['id']}").status_code == 404
    assert bobs.call("GET", f"groups/{group['id']}/members").status_code == 404
    alices.send("POST", f"groups/{group['id']}/members", {"user": "bob"}, 201)
    assert bobs.get(f"nodes/{study['id']}")["level"] == "read"
    assert bobs.call("POST", f"groups/{group['id']}/members", {"user": "alice"}).status_code == 403
    alices.send("DELETE", f"groups/{group['id']}/members/{bobs.get('me')['id']}", status=204)
    assert bobs.call("GET", f"nodes/{study['id']}").status_code == 404


def test_owners(alices: Rest, bobs: Rest, study: dict[str, Any]) -> None:
    ids = [alices.get("me")["id"], bobs.get("me")["id"]]
    assert sorted(alices.send("PUT", f"collections/{study['id']}/owners", ids)) == sorted(ids)
    assert bobs.get(f"nodes/{study['id']}")["level"] == "manage"
    alices.send("PUT", f"collections/{study['id']}/owners", [], 422)


def test_the_audit_of_a_node_is_for_who_manages_it(alices: Rest, bobs: Rest, study: dict[str, Any]) -> None:
    file = put(alices, study["id"], "a.txt", b"x")
    content(alices.call("GET", f"files/{file['id']}/content"))
    events = alices.get(f"audit?node={file['id']}")["results"]
    assert [event["action"] for event in events] == ["file.read", "file.added"]
    assert {event["door"] for event in events} == {"api"}
    assert bobs.call("GET", f"audit?node={file['id']}").status_code == 404
    assert bobs.call("GET", "audit").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "collections", b"{", 415),
        ("POST", "collections", {}, 422),
        ("POST", "collections", {"name": "x", "colour": "red"}, 422),
        ("POST", "collections", {"name": "a/b"}, 422),
        ("POST", "folders", {"parent": "no-uuid", "name": "x"}, 422),
        ("POST", "folders", {"parent": NOWHERE, "name": "x"}, 404),
        ("GET", f"nodes/{NOWHERE}", None, 404),
        ("GET", "nodes", None, 422),
        ("GET", "collections?limit=0", None, 422),
        ("PUT", "collections", {}, 405),
        ("GET", "nothing", None, 404),
    ],
)
def test_what_is_wrong_is_said_as_a_problem(alices: Rest, method: str, path: str, body: Any, status: int) -> None:
    response = alices.call(method, path, body)
    assert response.status_code == status, content(response)
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail"} <= set(problem)
    assert problem["status"] == status


def test_without_a_credential_there_is_nothing(alices: Rest) -> None:
    response = Rest().call("GET", "me")
    assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="Sinfonietta"')
    assert Rest("sfn_wrong").call("GET", "me").status_code == 401
    assert Rest().call("GET", "me", Authorization="Basic ???").status_code == 401
