"""What the pages do: made, changed, shared, thrown away, signed in and out; and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.test import Client
from tests.conftest import password_of
from tests.support.portal import Place, browser_of
from tests.support.rest import content, settled

from sinfonietta.accounts.actor import Actor
from sinfonietta.library import queries, services
from sinfonietta.library.models import Level, Node

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def said(client: Client, url: str, status: int = 204, **fields: Any) -> str:
    """What the page says to a click: the toast (200 where it offers an undo), or the problem."""
    response = client.post(url, fields, headers=HTMX)
    assert response.status_code == status, response.content
    return response.headers.get("HX-Trigger", "") + response.content.decode()


def names(actor: Actor, node: Node) -> list[str]:
    return [row.name for row in queries.children(actor=actor, uid=node.uid).items]


def test_sign_in_leads_to_where_one_wanted_to_go(alice: Actor) -> None:
    client = Client(headers={"Accept": "text/html"})
    assert b"Not a medical device" in client.get("/sign-in").content
    wrong = client.post("/sign-in", {"name": "alice", "password": "wrong"})
    assert wrong.status_code == 401
    assert b'role="alert"' in wrong.content
    right = {"name": "alice", "password": password_of("alice")}
    assert client.post("/sign-in", right | {"next": "/jobs"})["Location"] == "/jobs"
    assert client.get("/sign-in")["Location"] == "/"
    assert client.post("/sign-out")["Location"] == "/sign-in"
    assert client.get("/").status_code == 302
    for elsewhere in ("https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"):
        assert client.post("/sign-in", right | {"next": elsewhere})["Location"] == "/"
        client.post("/sign-out")


def test_a_form_without_its_token_is_refused(alice: Actor) -> None:
    client = Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})
    client.force_login(browser_of(alice).get("/account").wsgi_request.user)  # type: ignore[arg-type]
    refused = client.post("/collections", {"name": "Forged"})
    assert refused.status_code == 403
    assert "open for too long" in refused.content.decode()
    assert not Node.objects.filter(name="Forged").exists()


def test_made_renamed_and_described(owner: Client, alice: Actor) -> None:
    made = owner.post("/collections", {"name": "New", "description": "d"}, headers=HTMX)
    node = Node.objects.get(name="New")
    assert f'"visit": "/nodes/{node.uid}"' in made.headers["HX-Trigger"]
    said(owner, f"/nodes/{node.uid}/inside", name="In", kind="folder")
    said(owner, f"/nodes/{node.uid}/inside", name="Set", kind="fileset")
    assert {row.kind for row in queries.children(actor=alice, uid=node.uid).items} == {"folder", "fileset"}
    assert "taken" in said(owner, f"/nodes/{node.uid}/inside", 409, name="In", kind="folder")
    said(owner, f"/nodes/{node.uid}/inside", 422, name="a/b", kind="folder")
    said(owner, f"/nodes/{node.uid}/inside", 422, name="", kind="folder")
    said(owner, f"/nodes/{node.uid}/rename", 200, name="Newer")
    said(owner, f"/nodes/{node.uid}/describe", description="of <b>things</b>")
    assert "of &lt;b&gt;things&lt;/b&gt;" in owner.get(f"/nodes/{node.uid}").content.decode()


def test_a_selection_is_moved_copied_thrown_away_and_brought_back(place: Place, owner: Client, alice: Actor) -> None:
    both = [str(place.text.uid), str(place.image.uid)]
    assert "2 moved" in said(owner, "/selection/move", 200, id=both, target=str(place.folder.uid))
    assert names(alice, place.folder) == ["dot.png", "note.txt"]
    assert "2 copied" in said(owner, "/selection/copy", id=both, target=str(place.collection.uid))
    assert {"dot.png", "note.txt"} <= set(names(alice, place.collection))
    some = said(owner, "/selection/move", 200, id=[*both, str(place.page.uid)], target=str(place.collection.uid))
    assert "1 moved. 2 not: " in some
    assert "taken" in said(owner, "/selection/move", 409, id=both, target=str(place.collection.uid))
    gone = json.loads(owner.post("/selection/trash", {"id": both}, headers=HTMX).content)
    assert gone == {"sentence": "2 moved to the trash.", "undo": {"url": "/selection/restore", "id": both}}
    assert b"note.txt" in owner.get("/trash").content
    assert "2 brought back" in said(owner, gone["undo"]["url"], id=gone["undo"]["id"])
    assert names(alice, place.folder) == ["dot.png", "note.txt"]
    said(owner, "/selection/trash", 200, id=both)
    said(owner, "/selection/restore", id=both[0])
    said(owner, "/selection/purge", id=both[1])
    said(owner, "/selection/restore", 404, id=both[1])
    assert names(alice, place.folder) == ["note.txt"]
    said(owner, "/selection/trash", 422)
    said(owner, "/selection/move", 422, id=both)


def undo_of(client: Client, url: str, **fields: Any) -> dict[str, Any]:
    """What the toast of an act would post to take it back."""
    undo: dict[str, Any] = json.loads(client.post(url, fields, headers=HTMX).content)["undo"]
    return undo


def test_a_move_is_taken_back_to_where_each_was(place: Place, owner: Client, alice: Actor) -> None:
    inner = services.create_folder(actor=alice, parent=place.folder.uid, name="Inner")
    services.move(actor=alice, uid=place.image.uid, parent=place.folder.uid)
    both = [str(place.text.uid), str(place.image.uid)]
    undo = undo_of(owner, "/selection/move", id=both, target=str(inner.uid))
    assert names(alice, inner) == ["dot.png", "note.txt"]
    assert "2 moved back" in said(owner, undo.pop("url"), **undo)
    assert names(alice, inner) == []
    assert "note.txt" in names(alice, place.collection)
    assert names(alice, place.folder) == ["Inner", "dot.png"]


def test_what_cannot_be_taken_back_is_refused_in_words(place: Place, owner: Client, alice: Actor) -> None:
    """Moved on by somebody else, its old name taken, its old place gone; and half an undo is told as a half."""
    one, two = str(place.text.uid), str(place.image.uid)
    undo = undo_of(owner, "/selection/move", id=[one, two], target=str(place.folder.uid))
    inner = services.create_folder(actor=alice, parent=place.folder.uid, name="Inner")
    services.move(actor=alice, uid=place.text.uid, parent=inner.uid)
    half = said(owner, undo["url"], **{key: value for key, value in undo.items() if key != "url"})
    assert "1 moved back. 1 not: " in half
    assert "moved elsewhere since" in half
    assert names(alice, inner) == ["note.txt"]
    said(owner, undo["url"], 422, id=[one, two], to=[undo["to"][0]], out_of=undo["out_of"])
    said(owner, undo["url"], 422, id=one, to=undo["to"][0])
    undo = undo_of(owner, "/selection/move", id=one, target=str(place.folder.uid))
    services.trash(actor=alice, uid=inner.uid)
    said(owner, undo.pop("url"), 404, **undo)
    undo = undo_of(owner, f"/nodes/{one}/rename", name="memo.txt")
    assert undo == {"url": f"/nodes/{one}/rename", "name": "note.txt", "instead_of": "memo.txt"}
    services.rename(actor=alice, uid=place.text.uid, name="other.txt")
    assert "another name since" in said(owner, undo.pop("url"), 409, **undo)
    undo = undo_of(owner, f"/nodes/{one}/rename", name="memo.txt")
    assert '"name": "memo.txt"' in said(owner, undo.pop("url"), 200, **undo)


def test_what_has_lost_its_place_comes_back_elsewhere(place: Place, owner: Client, alice: Actor) -> None:
    one, here = str(place.text.uid), str(place.collection.uid)
    said(owner, "/selection/move", 200, id=one, target=str(place.folder.uid))
    said(owner, "/selection/trash", 200, id=one)
    said(owner, "/selection/trash", 200, id=str(place.folder.uid))
    assert "name another one" in said(owner, "/selection/restore", 409, id=one)
    assert "Restore 1 item to" in owner.get(f"/selection/pick?action=restore&in={here}&id={one}").content.decode()
    said(owner, "/selection/restore", id=one, target=here)
    assert "note.txt" in names(alice, place.collection)


def test_a_thing_is_not_moved_to_where_it_is(place: Place, owner: Client) -> None:
    url = f"/selection/pick?id={place.text.uid}&in="
    assert "here now" in owner.get(f"{url}{place.collection.uid}&action=move").content.decode()
    assert "here now" not in owner.get(f"{url}{place.folder.uid}&action=move").content.decode()
    assert "here now" not in owner.get(f"{url}{place.collection.uid}&action=copy").content.decode()


def test_a_reader_changes_nothing(place: Place, reader: Client, stranger: Client, alice: Actor) -> None:
    one, here = str(place.text.uid), str(place.collection.uid)
    for client, status in ((reader, 403), (stranger, 404)):
        said(client, "/selection/trash", status, id=one)
        said(client, "/selection/restore", 404, id=one)
        said(client, "/selection/purge", 404, id=one)
        said(client, "/selection/move", status, id=one, target=str(place.folder.uid))
        said(client, "/selection/copy", status, id=one, target=here)
        said(client, f"/nodes/{here}/inside", status, name="x", kind="folder")
        said(client, f"/nodes/{here}/rename", status, name="x")
        said(client, f"/nodes/{here}/describe", status, description="x")
        said(client, f"/nodes/{one}/metadata", status, key="a", value="1")
        said(client, f"/files/{one}/versions/1/restore", status)
        assert client.get(f"/nodes/{here}/share").status_code == status
    assert queries.node(actor=alice, uid=place.collection.uid).name == "Lung study"


def test_the_zip_holds_what_was_chosen(place: Place, reader: Client) -> None:
    chosen = f"/selection/download?id={place.text.uid}&id={place.folder.uid}&id={place.page.uid}"
    answer = settled(reader.get(chosen))
    assert "attachment" in answer["Content-Disposition"]
    archive = zipfile.ZipFile(io.BytesIO(content(answer)))
    assert archive.read("note.txt") == b"a note <b>of</b> mine"
    assert "page.html" in archive.namelist()


def test_what_runs_is_never_shown_as_a_page_of_ours(place: Place, owner: Client) -> None:
    for node in (place.page, place.text, place.dicom):
        assert owner.get(f"/files/{node.uid}/content").status_code == 403
    picture = settled(owner.get(f"/files/{place.image.uid}/content"))
    assert picture["Content-Type"] == "image/png"
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in picture["Content-Security-Policy"]
    assert b"<script>alert" not in owner.get(f"/nodes/{place.page.uid}").content


def test_who_gives_away_their_own_right_is_led_to_what_they_still_see(
    place: Place, owner: Client, reader: Client
) -> None:
    url = f"/nodes/{place.collection.uid}/share"
    for level, there in (("read", f"/nodes/{place.collection.uid}"), ("", "/")):
        owner.post(url, {"inherit": "no", "kind": "user", "who": "bob", "level": "manage"})
        done = reader.post(url, {"inherit": "no", "kind": "user", "who": "bob", "level": level})
        assert (done.status_code, json.loads(done["HX-Trigger"])["visit"]) == (204, there)
    assert reader.get(there).status_code == 200
    assert reader.post(url, {"inherit": "yes"}).status_code == 404


def test_shared_seen_and_taken_back(place: Place, owner: Client, stranger: Client) -> None:
    url = f"/nodes/{place.folder.uid}"
    dialog = owner.get(f"{url}/share").content.decode()
    assert "Lung study" in dialog
    assert "mallory" in owner.get(f"{url}/share/find?q=mall").content.decode()
    rows: dict[str, Any] = {"kind": ["user"], "who": ["mallory"], "level": ["read"]}
    assert "Saved" in owner.post(f"{url}/share", rows).content.decode()
    assert "Reports" in stranger.get("/shared").content.decode()
    seen = stranger.get(url).content.decode()
    assert ("Reports" in seen, "Lung" in seen) == (True, False)
    wrong = {"kind": ["user"], "who": ["nobody-at-all"], "level": ["read"]}
    assert 'role="alert"' in owner.post(f"{url}/share", wrong).content.decode()
    assert stranger.get(url).status_code == 200
    owner.post(f"{url}/share", {"inherit": "yes"})
    assert stranger.get(url).status_code == 404


def test_owners_come_and_go(place: Place, owner: Client, alice: Actor, bob: Actor) -> None:
    url = f"/nodes/{place.collection.uid}/owners"
    assert "Bob Colleague" in owner.post(url, {"add": "bob"}).content.decode()
    owner.post(url, {"remove": str(alice.uid)})
    assert [one.uid for one in queries.owners(actor=bob, uid=place.collection.uid)] == [bob.uid]
    last = browser_of(bob).post(url, {"remove": str(bob.uid)}).content.decode()
    assert 'role="alert"' in last


def test_metadata_keeps_its_types(place: Place, owner: Client, alice: Actor) -> None:
    url = f"/nodes/{place.text.uid}/metadata"
    for key, value in (("count", "3"), ("ok", "true"), ("words", "not json"), ("list", "[1, 2]")):
        assert owner.post(url, {"key": key, "value": value}, headers=HTMX).status_code == 200
    assert queries.metadata(actor=alice, uid=place.text.uid) == {
        "count": 3, "ok": True, "words": "not json", "list": [1, 2]
    }  # fmt: skip
    owner.post(url, {"key": "ok", "remove": "1"}, headers=HTMX)
    assert "ok" not in queries.metadata(actor=alice, uid=place.text.uid)
    for value in ("", "NaN", "1e999", "[" * 5000):
        answer = owner.post(url, {"key": "odd", "value": value}, headers=HTMX)
        assert answer.status_code in (200, 422), value[:10]
        assert queries.metadata(actor=alice, uid=place.text.uid).get("odd") in (None, value)


def test_a_picture_of_an_image_and_why_there_is_none(place: Place, owner: Client) -> None:
    url = f"/files/{place.dicom.uid}/image.png"
    first = owner.get(f"{url}?window=40,400")
    assert first.content.startswith(b"\x89PNG")
    assert owner.get(f"{url}?window=40,400", headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert owner.get(f"{url}?window=40,4").content != first.content
    assert owner.get(f"{url}?frame=9").status_code == 422
    assert owner.get(f"/files/{place.text.uid}/image.png").status_code == 404


def test_versions_come_back(place: Place, owner: Client, alice: Actor) -> None:
    from sinfonietta.ingest.services import put

    put(actor=alice, parent_uid=place.collection.uid, name="note.txt", stream=io.BytesIO(b"second"))
    assert "second" in owner.get(f"/files/{place.text.uid}/shown").content.decode()
    said(owner, f"/files/{place.text.uid}/versions/1/restore")
    assert "a note" in owner.get(f"/files/{place.text.uid}/shown").content.decode()
    said(owner, f"/files/{place.text.uid}/versions/99/restore", 404)


def test_a_token_is_shown_once_and_revoked(owner: Client) -> None:
    shown = owner.post("/account/tokens", {"name": "script", "scope": "read", "days": "30"}).content.decode()
    secret = shown.split('<pre class="secret" tabindex="0">')[1].split("<")[0]
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    page = owner.get("/account").content.decode()
    assert secret not in page
    revoke = page.split('action="/account/tokens/')[1].split('"')[0]
    owner.post(f"/account/tokens/{revoke}")
    assert Client().get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 401
    assert owner.post("/account/tokens", {"name": "x", "scope": "all", "days": ""}).status_code == 422
    assert owner.post("/account/tokens", {"name": "x", "scope": "read", "days": "9" * 5000}).status_code == 422
    assert owner.post("/account/tokens", {"name": "x", "scope": "read", "days": "-1"}).status_code == 422


def test_a_new_password_ends_the_other_sessions(owner: Client, alice: Actor) -> None:
    other = browser_of(alice)
    assert owner.post("/account/password", {"old": "wrong", "new": "something-long-1"}).status_code == 422
    owner.post("/account/password", {"old": password_of("alice"), "new": "something-long-1"})
    assert owner.get("/account").status_code == 200
    assert other.get("/account").status_code == 302


def test_groups_are_for_who_manages_them(owner: Client, reader: Client, stranger: Client, bob: Actor) -> None:
    made = owner.post("/groups", {"name": "Radiologists"})
    url = made["Location"]
    assert owner.post(url, {"user": "bob"}).status_code == 302
    assert owner.post(url, {"user": "nobody"}).status_code in (404, 422)
    assert "Bob Colleague" in reader.get(url).content.decode()
    assert reader.post(url, {"user": "mallory"}).status_code == 403
    assert reader.post(f"{url}/delete").status_code == 403
    assert stranger.get(url).status_code == stranger.post(f"{url}/delete").status_code == 404
    assert reader.post(f"{url}/members/{bob.uid}/remove").status_code == 302
    assert reader.get(url).status_code == 404
    owner.post(f"{url}/delete")
    assert owner.get(url).status_code == 404


def test_who_manages_goes_on_managing_until_somebody_says_otherwise(
    owner: Client, reader: Client, stranger: Client
) -> None:
    url = owner.post("/groups", {"name": "Physicists"})["Location"]
    owner.post(url, {"user": "bob", "is_manager": "yes"})
    owner.post(url, {"user": "bob"})
    assert reader.post(url, {"user": "mallory"}).status_code == 302
    owner.post(url, {"user": "bob", "is_manager": "no"})
    assert reader.post(url, {"user": "mallory"}).status_code == 403


def test_accounts_are_for_administrators(runner: Client, owner: Client, alice: Actor) -> None:
    new = {"name": "carol", "full_name": "Carol", "email": "c@example.org", "password": "a-long-password-9"}
    assert owner.get("/users").status_code == owner.post("/users", new).status_code == 403
    assert runner.post("/users", new).status_code == 302
    assert runner.post("/users", new).status_code in (409, 422)
    url = f"/users/{alice.uid}"
    assert owner.get(url).status_code in (403, 404)
    runner.post(url, {"what": "roles", "is_auditor": "on"})
    runner.post(url, {"what": "active"})
    assert owner.get("/").status_code == 302


def test_jobs_are_listed_and_cancelled_by_their_owner(owner: Client, stranger: Client, alice: Actor) -> None:
    from sinfonietta.jobs.services import enqueue

    job = enqueue(actor=alice, kind="library.copy", payload={})
    assert "Copy of a folder" in owner.get("/jobs").content.decode()
    assert "Copy of a folder" not in stranger.get("/jobs").content.decode()
    said(stranger, f"/jobs/{job.uid}/cancel", 404)
    said(owner, f"/jobs/{job.uid}/cancel")


ODD = ["%00", "%ED%A0%80", "a" * 3000, "%FF%FE", "' OR 1=1 --", "\\", "%25%5F"]


@pytest.mark.parametrize("odd", ODD)
def test_odd_questions_get_an_answer(place: Place, owner: Client, runner: Client, odd: str) -> None:
    here = place.collection.uid
    for url in (
        f"/?name={odd}", f"/?cursor={odd}", f"/shared?cursor={odd}", f"/trash?cursor={odd}", f"/jobs?cursor={odd}",
        f"/nodes/{here}?name={odd}", f"/nodes/{here}?offset={odd}", f"/nodes/{here}?order={odd}",
        f"/nodes/{here}/share/find?q={odd}", f"/studies?patient={odd}", f"/studies?date={odd}",
        f"/studies?modality={odd}", f"/studies?offset={odd}", f"/studies?in={odd}", f"/studies/{odd[:200]}",
        f"/selection/pick?id={place.text.uid}&in={odd}", f"/selection/download?id={odd}",
        f"/files/{place.dicom.uid}/image.png?window={odd}&frame={odd}&preset={odd}",
    ):  # fmt: skip
        assert settled(owner.get(url)).status_code < 500, url
    assert runner.get(f"/users?q={odd}").status_code < 500
    from urllib.parse import unquote

    word = unquote(odd, errors="replace")
    for url, field in (
        ("/sign-in", "name"), ("/collections", "name"), (f"/nodes/{here}/inside", "name"), ("/groups", "name"),
        (f"/nodes/{here}/owners", "add"), ("/account/profile", "full_name"), ("/account/profile", "email"),
        ("/account/tokens", "name"), (f"/nodes/{here}/metadata", "key"), (f"/nodes/{here}/describe", "description"),
    ):  # fmt: skip
        assert owner.post(url, {field: word, "value": word}).status_code < 500, url
    group = owner.post("/groups", {"name": "G", "description": word})
    assert group.status_code in (302, 303, 422)
    assert runner.post("/users", {"name": "dora", "full_name": word, "password": "a-long-password-9"}).status_code < 500


def test_pages_of_problems_say_what_to_do(owner: Client) -> None:
    page = owner.get("/nodes/00000000-0000-4000-8000-000000000000")
    assert page.status_code == 404
    assert "To your collections" in page.content.decode()


def test_level_of_a_share_is_what_was_chosen(place: Place, owner: Client, bob: Actor) -> None:
    rows: dict[str, Any] = {"kind": ["user"], "who": [str(bob.uid)], "level": ["write"]}
    owner.post(f"/nodes/{place.collection.uid}/share", rows)
    services.create_folder(actor=bob, parent=place.collection.uid, name="Bob was here")
    assert queries.node(actor=bob, uid=place.collection.uid).level == Level.WRITE


def test_the_dialog_says_what_others_will_see(place: Place, owner: Client, alice: Actor) -> None:
    url = f"/nodes/{place.collection.uid}/share"
    assert "4 files in 1 place below" in owner.get(url).content.decode()
    services.set_grants(actor=alice, uid=place.folder.uid, inherit=False, grants=[("user", "alice", Level.READ)])
    whole = owner.get(url).content.decode()
    assert "in it 4 files, and" in whole
    assert "lists of their own: Reports" in whole
    below = " ".join(owner.get(f"/nodes/{place.folder.uid}/share").content.decode().split())
    assert "<strong>Bob Colleague</strong> has no right here" in below
    assert "Alice" not in below.split("Other than above")[1].split("</ul>")[0]


def test_a_place_keeps_metadata_as_a_file_does(place: Place, owner: Client, reader: Client) -> None:
    url = f"/nodes/{place.collection.uid}"
    assert "About this collection" not in reader.get(url).content.decode()
    owner.post(f"{url}/metadata", {"key": "scanner", "value": "A1"}, headers=HTMX)
    seen = reader.get(url).content.decode()
    assert ("scanner" in seen, "Save the description" in seen) == (True, False)
    assert "Save the description" in owner.get(url).content.decode()


def test_names_are_suggested_where_somebody_is_named(reader: Client, alice: Actor) -> None:
    assert '<option value="alice">' in reader.get("/people?user=ali").content.decode()
    assert "option" not in reader.get("/people?add=").content.decode() + reader.get("/people").content.decode()


def test_studies_are_found_between_two_dates(place: Place, owner: Client) -> None:
    seen = {}
    for asked in (
        "date=2004-01-19",
        "until=2004-01-19",
        "date=2004-01-20",
        "until=2004-01-18",
        "date=2004-01-01&until=2004-12-31",
    ):
        seen[asked] = "CompressedSamples" in owner.get(f"/studies?{asked}").content.decode()
    assert list(seen.values()) == [True, True, False, False, True]


def test_who_must_sign_in_again_comes_back_to_the_page_and_not_to_its_part(place: Place, owner: Client) -> None:
    page = f"http://testserver/nodes/{place.folder.uid}?name=x"
    answer = Client().get("/jobs", headers=HTMX | {"HX-Current-URL": page})
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == f"/sign-in?next=%2Fnodes%2F{place.folder.uid}%3Fname%3Dx"
    assert owner.get("/jobs")["Cache-Control"] == "private, no-store"
