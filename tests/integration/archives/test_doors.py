"""Archives at REST and in the portal."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from tests.support.archives import below, put, work, zipped
from tests.support.bad_archives import lying, overlapping
from tests.support.portal import PNG, browser_of
from tests.support.rest import Rest, content, program_of, settled

from sinfonietta.accounts.actor import Actor

pytestmark = pytest.mark.django_db
FILES = {"a/x.txt": b"hello", "a/b/ü 1.csv": b"1,2\n" * 50, "dot.png": PNG, "page.html": b"<script>alert(1)</script>"}


@pytest.fixture
def program(alice: Actor) -> Rest:
    return program_of(alice)


@pytest.fixture
def archive(alice: Actor, place: UUID) -> UUID:
    return put(alice, place, "study.zip", zipped({"a/": b"", **FILES}))


def test_entries_are_listed_flat_and_by_page(program: Rest, archive: UUID) -> None:
    page = program.get(f"files/{archive}/entries")
    assert [entry["name"] for entry in page["results"]] == ["a/", *FILES]
    assert page["next"] is None
    first = page["results"][1]
    assert {key: first[key] for key in first if key != "modified"} == {
        "name": "a/x.txt", "type": "file", "size_bytes": 5, "compressed_bytes": 7, "encrypted": False,
    }  # fmt: skip
    assert first["modified"].endswith("Z")
    names, url = [], f"files/{archive}/entries?limit=2&prefix=a/"
    while url:
        page = program.get(url.removeprefix("http://testserver"))
        names += [entry["name"] for entry in page["results"]]
        url = page["next"]
    assert names == ["a/", "a/x.txt", "a/b/ü 1.csv"]
    assert program.call("GET", f"files/{archive}/entries?cursor=x").status_code == 422


def test_the_bytes_of_an_entry(program: Rest, archive: UUID) -> None:
    for name, expected in FILES.items():
        answer = program.call("GET", f"files/{archive}/entries/{quote(name)}")
        assert (answer.status_code, content(answer)) == (200, expected)
        assert answer["Content-Disposition"].startswith("attachment")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer["Content-Security-Policy"]
        assert int(answer["Content-Length"]) == len(expected)
    assert program.call("GET", f"files/{archive}/entries/dot.png")["Content-Type"] == "image/png"
    assert content(program.call("HEAD", f"files/{archive}/entries/a/x.txt")) == b""
    for absent in ("a", "a/", "no", "a/../dot.png", "..%2Fx"):
        assert program.call("GET", f"files/{archive}/entries/{absent}").status_code == 404


def test_of_two_entries_of_one_name_the_last(program: Rest, alice: Actor, place: UUID) -> None:
    from tests.support.bad_archives import with_names

    uid = put(alice, place, "twice.zip", with_names("x", "x"))
    assert content(program.call("GET", f"files/{uid}/entries/x")) == b"content 1"


def test_what_is_wrong_is_said(program: Rest, alice: Actor, place: UUID) -> None:
    text = put(alice, place, "a.txt", b"text")
    said = program.send("GET", f"files/{text}/entries", status=422)
    assert said["type"].endswith("not-an-archive")
    lie = put(alice, place, "lie.zip", lying(1 << 20, 10))
    assert program.send("GET", f"files/{lie}/entries/zeros.bin", status=422)["type"].endswith("unreadable-archive")
    bomb = put(alice, place, "bomb.zip", overlapping())
    program.get(f"files/{bomb}/entries")
    assert "overlap" in program.send("POST", f"files/{bomb}/extract", {}, 422)["detail"]


def test_extract(program: Rest, alice: Actor, place: UUID, archive: UUID) -> None:
    answer = program.call("POST", f"files/{archive}/extract", {"parent": place})
    assert answer.status_code == 202
    job = answer.json()  # type: ignore[attr-defined]
    assert answer["Location"] == f"/api/v1/jobs/{job['id']}"
    work()
    job = program.get(answer["Location"])
    assert (job["state"], job["progress"]) == ("succeeded", 1.0)
    assert (job["result"]["node"], job["result"]["files"], job["result"]["skipped"]) == (str(place), 4, [])
    assert {name: below(alice, place)[name] for name in FILES} == FILES
    program.send("POST", f"files/{archive}/extract", {"name": "Other"}, 202)
    program.send("POST", f"files/{archive}/extract", {}, 202)
    work()
    assert program.get("nodes?path=/Study/Folder/Other/a/x.txt")["size_bytes"] == 5
    assert program.get("nodes?path=/Study/Folder/study/a/x.txt")["size_bytes"] == 5
    program.send("POST", f"files/{archive}/extract", {"parent": archive}, 422)
    program.send("POST", f"files/{archive}/extract", {"surprise": 1}, 422)


@pytest.mark.service
def test_an_encrypted_archive(program: Rest, alice: Actor, place: UUID, tmp_path: Any) -> None:
    from tests.support.archives import packed, tree

    packed(tree(tmp_path / "files", {"a.txt": b"secret text"}), "zip", "-qP", "pä%ss", "../a.zip", "a.txt")
    uid = put(alice, place, "a.zip", (tmp_path / "a.zip").read_bytes())
    assert program.get(f"files/{uid}/entries")["results"][0]["encrypted"] is True
    assert program.send("GET", f"files/{uid}/entries/a.txt", status=422)["type"].endswith("needs-password")
    wrong = program.call("GET", f"files/{uid}/entries/a.txt", Archive_Password="no")
    assert wrong.json()["type"].endswith("wrong-password")  # type: ignore[attr-defined]
    right = program.call("GET", f"files/{uid}/entries/a.txt", Archive_Password=quote("pä%ss"))
    assert content(right) == b"secret text"
    assert "password" in program.send("POST", f"files/{uid}/extract", {}, 422)["errors"]
    program.send("POST", f"files/{uid}/extract", {"password": "pä%ss"}, 202)
    work()
    assert program.get("nodes?path=/Study/Folder/a/a.txt")["size_bytes"] == 11


def test_the_panel(alice: Actor, archive: UUID) -> None:
    browser = browser_of(alice)
    assert f"/files/{archive}/entries" in browser.get(f"/nodes/{archive}").content.decode()
    top = browser.get(f"/files/{archive}/entries").content.decode()
    assert "dot.png" in top
    assert "x.txt" not in top
    assert "x.txt" in browser.get(f"/files/{archive}/entries?in=a").content.decode()
    assert "ü 1.csv" in browser.get(f"/files/{archive}/entries?in=a/b").content.decode()
    assert browser.get(f"/files/{archive}/entries?in=absent").status_code == 200


def test_an_entry_is_shown_and_no_script_runs(alice: Actor, archive: UUID) -> None:
    browser = browser_of(alice)
    numbers = {name: number for number, name in enumerate(FILES, start=1)}
    assert "hello" in browser.get(f"/files/{archive}/entries/{numbers['a/x.txt']}/show").content.decode()
    page = browser.get(f"/files/{archive}/entries/{numbers['page.html']}/show").content.decode()
    assert "&lt;script&gt;" in page
    picture = settled(browser.get(f"/files/{archive}/entries/{numbers['dot.png']}?inline"))
    assert (picture["Content-Type"], picture.content) == ("image/png", PNG)
    assert picture["Content-Disposition"].startswith("inline")
    assert browser.get(f"/files/{archive}/entries/{numbers['page.html']}?inline").status_code == 403
    assert settled(browser.get(f"/files/{archive}/entries/{numbers['page.html']}"))["Content-Disposition"].startswith(
        "attachment"
    )


def test_a_single_compressed_file_is_no_archive(alice: Actor, place: UUID) -> None:
    uid = put(alice, place, "brain.nii.gz", b"\x1f\x8b" + bytes(50))
    assert "/entries" not in browser_of(alice).get(f"/nodes/{uid}").content.decode()


def test_unpacking_in_the_portal(alice: Actor, place: UUID, archive: UUID) -> None:
    browser = browser_of(alice)
    dialog = browser.get(f"/files/{archive}/unpack").content.decode()
    assert 'value="study"' in dialog
    answer = browser.post(f"/files/{archive}/unpack", {"parent": str(place), "name": "mine"})
    assert answer.status_code == 204
    address = answer["HX-Trigger"].split('"unpacking": "')[1].split('"')[0]
    assert "progress" in browser.get(address).content.decode()
    work()
    assert "4 files unpacked" in browser.get(address).content.decode()
