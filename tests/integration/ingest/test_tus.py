"""tus 1.0.0 at its door: what goes in, and every way in which it can go wrong."""

from __future__ import annotations

import base64
import hashlib
import io
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import Client
from tests.support.rest import Rest, program_of, settled

from sinfonietta.accounts.actor import Actor
from sinfonietta.blobs import store
from sinfonietta.blobs.models import Blob
from sinfonietta.common.errors import TooLarge
from sinfonietta.ingest import tasks, uploads
from sinfonietta.ingest.models import Upload
from sinfonietta.library import queries, services
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
UPLOADS = "/api/v1/uploads/"


class Tus:
    """A tus client by hand."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    def call(self, method: str, url: str, body: bytes = b"", **headers: str) -> HttpResponse:
        said = {"Authorization": f"Bearer {self.rest.secret}", "Tus-Resumable": "1.0.0"}
        said |= {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = said.pop("Content-Type", "application/offset+octet-stream" if body or method == "PATCH" else "")
        said |= {"Content-Type": content_type} if content_type else {}  # Django's client drops it beside an empty body
        return settled(Client().generic(method, url, body, content_type, headers=said))

    def create(self, length: int | None, body: bytes = b"", **metadata: str) -> HttpResponse:
        pairs = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items())
        size = {"Upload_Defer_Length": "1"} if length is None else {"Upload_Length": str(length)}
        return self.call("POST", UPLOADS, body, Upload_Metadata=pairs, **size)

    def patch(self, url: str, offset: int, body: bytes, **headers: str) -> HttpResponse:
        return self.call("PATCH", url, body, Upload_Offset=str(offset), **headers)


@pytest.fixture
def tus(alice: Actor) -> Tus:
    return Tus(program_of(alice))


@pytest.fixture
def place(alice: Actor) -> Node:
    return services.create_collection(actor=alice, name="Study")


def staged() -> list[str]:
    return [key for key, _ in store.default().staged()]


def test_an_upload_in_pieces_becomes_a_file(tus: Tus, alice: Actor, place: Node) -> None:
    made = tus.create(
        10, filename="a.txt", parent=str(place.uid), relativePath="x/y/a.txt", modified="2020-01-02T03:04:05Z"
    )
    url = made["Location"]
    assert (made.status_code, made["Upload-Offset"]) == (201, "0")
    assert tus.patch(url, 0, b"01234")["Upload-Offset"] == "5"
    head = tus.call("HEAD", url)
    assert (head.status_code, head["Upload-Offset"], head["Upload-Length"], head["Cache-Control"]) == (
        200,
        "5",
        "10",
        "no-store",
    )
    done = tus.patch(url, 5, b"56789")
    assert done.status_code == 204
    entry = queries.node_at(actor=alice, path="/Study/x/y/a.txt")
    assert done["Link"] == f'</api/v1/files/{entry.uid}>; rel="file"'
    assert entry.sha256 == hashlib.sha256(b"0123456789").hexdigest()
    assert queries.version(actor=alice, uid=entry.uid).modified.year == 2020
    assert staged() == []
    assert tus.patch(url, 10, b"")["Link"] == done["Link"]  # asked again, it is done already


def test_small_and_empty_files_go_in_one_request(tus: Tus, alice: Actor, place: Node) -> None:
    assert "Link" in tus.create(3, b"abc", filename="a", parent=str(place.uid))
    assert "Link" in tus.create(0, filename="empty", parent=str(place.uid))
    assert queries.node_at(actor=alice, path="/Study/empty").size_bytes == 0


def test_the_length_may_be_declared_later(tus: Tus, place: Node) -> None:
    url = tus.create(None, filename="a", parent=str(place.uid))["Location"]
    tus.patch(url, 0, b"abc")
    assert tus.call("HEAD", url)["Upload-Defer-Length"] == "1"
    assert "Link" in tus.patch(url, 3, b"def", Upload_Length="6")


def test_parts_are_put_together(tus: Tus, alice: Actor, place: Node) -> None:
    parts = []
    for body in (b"first ", b"second"):
        made = tus.call("POST", UPLOADS, body, Upload_Length=str(len(body)), Upload_Concat="partial")
        assert "Link" not in made
        parts.append(made["Location"])
    said = f"filename {base64.b64encode(b'whole').decode()},parent {base64.b64encode(str(place.uid).encode()).decode()}"
    final = tus.call("POST", UPLOADS, Upload_Concat=f"final;{' '.join(parts)}", Upload_Metadata=said)
    assert final.status_code == 201
    assert queries.node_at(actor=alice, path="/Study/whole").sha256 == hashlib.sha256(b"first second").hexdigest()
    assert staged() == []
    assert tus.call("HEAD", final["Location"])["Upload-Concat"] == f"final;{' '.join(parts)}"
    assert tus.patch(final["Location"], 12, b"").status_code == 403


def test_parts_that_cannot_be_put_together_stay(tus: Tus, alice: Actor, bob: Actor, place: Node) -> None:
    part = tus.call("POST", UPLOADS, b"ab", Upload_Length="2", Upload_Concat="partial")["Location"]
    half = tus.call("POST", UPLOADS, b"a", Upload_Length="2", Upload_Concat="partial")["Location"]
    said = f"filename {base64.b64encode(b'F').decode()},parent {base64.b64encode(str(place.uid).encode()).decode()}"

    def put_together(who: Tus, *parts: str) -> int:
        return who.call("POST", UPLOADS, Upload_Concat=f"final;{' '.join(parts)}", Upload_Metadata=said).status_code

    assert put_together(tus, part, half) == 409
    assert put_together(Tus(program_of(bob)), part) == 404
    services.create_folder(actor=alice, parent=place.uid, name="F")
    assert put_together(tus, part) == 409
    assert Upload.objects.count() == len(staged()) == 2
    assert tus.call("POST", UPLOADS, b"ab", Upload_Length="2", Upload_Concat="sideways").status_code == 400


def test_a_checksum_is_believed_only_when_right(tus: Tus, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    digest = base64.b64encode(hashlib.sha1(b"abc").digest()).decode()
    assert tus.patch(url, 0, b"abX", Upload_Checksum=f"sha1 {digest}").status_code == 460
    assert tus.call("HEAD", url)["Upload-Offset"] == "0"
    assert tus.patch(url, 0, b"abc", Upload_Checksum=f"sha1 {digest}").status_code == 204
    assert tus.patch(url, 3, b"abc", Upload_Checksum="crc32 AAAA").status_code == 400


def test_a_wrong_hash_of_the_whole_leaves_nothing(tus: Tus, alice: Actor, place: Node) -> None:
    response = tus.create(3, b"abc", filename="a", parent=str(place.uid), sha256="0" * 64)
    assert response.status_code == 422
    assert (list(queries.children(actor=alice, uid=place.uid).items), staged(), Blob.objects.count()) == ([], [], 0)
    assert Upload.objects.count() == 0


def test_offsets_and_lengths_are_kept(tus: Tus, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    tus.patch(url, 0, b"abc")
    for offset in (0, 2, 4):
        assert tus.patch(url, offset, b"x").status_code == 409
    assert tus.patch(url, 3, b"defg").status_code == 413
    assert tus.call("HEAD", url)["Upload-Offset"] == "3"
    assert "Link" in tus.patch(url, 3, b"def")
    assert "Link" in tus.patch(url, 6, b"")
    assert tus.patch(url, 3, b"def").status_code == 409
    assert tus.patch(url, 6, b"g").status_code == 413


def test_a_chunked_body_longer_than_declared_leaves_nothing(tus: Tus, alice: Actor, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    with pytest.raises(TooLarge):
        uploads.append(actor=alice, uid=UUID(url[-36:]), offset=0, stream=io.BytesIO(b"abcdefg"))
    assert tus.call("HEAD", url)["Upload-Offset"] == "0"
    assert "Link" in tus.patch(url, 0, b"abcdef")


def test_what_cannot_be_filed_is_never_at_its_end(tus: Tus, alice: Actor, place: Node) -> None:
    """A client that asks how far it is, and hears "all", takes the file for stored."""
    url = tus.create(3, filename="F", parent=str(place.uid))["Location"]
    folder = services.create_folder(actor=alice, parent=place.uid, name="F")
    assert tus.patch(url, 0, b"abc").status_code == 409
    assert tus.call("HEAD", url).status_code == 409
    with store.default().hold(Upload.objects.get().staged):
        assert tus.call("HEAD", url).status_code == 423
    services.rename(actor=alice, uid=folder.uid, name="G")
    assert "Link" in tus.call("HEAD", url)
    assert queries.node_at(actor=alice, path="/Study/F").size_bytes == 3


def test_the_metadata_comes_back(tus: Tus, place: Node) -> None:
    said = {"filename": "ä b.txt", "parent": str(place.uid), "flag": ""}
    found = tus.call("HEAD", tus.create(6, **said)["Location"])["Upload-Metadata"]
    pairs = dict(pair.partition(" ")[::2] for pair in found.split(","))
    assert {key: base64.b64decode(value).decode() for key, value in pairs.items()} == said


def test_the_method_is_overridden_on_post_alone(tus: Tus, place: Node) -> None:
    url = tus.create(3, filename="a", parent=str(place.uid))["Location"]
    assert tus.call("GET", url, X_HTTP_Method_Override="DELETE").status_code == 405
    assert tus.call("POST", url, b"abc", Upload_Offset="0", X_HTTP_Method_Override="PATCH").status_code == 204
    assert tus.call("POST", url, X_HTTP_Method_Override="DELETE").status_code == 204


def test_an_upload_that_begins_wrong_is_not_kept(tus: Tus, place: Node) -> None:
    digest = base64.b64encode(hashlib.sha1(b"abc").digest()).decode()
    pairs = f"filename {base64.b64encode(b'a').decode()},parent {base64.b64encode(str(place.uid).encode()).decode()}"
    headers = {"Upload_Length": "3", "Upload_Metadata": pairs, "Upload_Checksum": f"sha1 {digest}"}
    assert tus.call("POST", UPLOADS, b"abX", **headers).status_code == 460
    assert (Upload.objects.count(), staged()) == (0, [])


def test_two_writers_at_one_upload(tus: Tus, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    found = Upload.objects.get()
    with store.default().hold(found.staged):
        assert tus.patch(url, 0, b"abcdef").status_code == 409
        assert tus.call("DELETE", url).status_code == 409
    assert tus.patch(url, 0, b"abcdef").status_code == 204


def test_another_ones_upload_does_not_exist(tus: Tus, bob: Actor, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    bobs = Tus(program_of(bob))
    answers = [bobs.call("HEAD", url), bobs.patch(url, 0, b"x"), bobs.call("DELETE", url)]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert bobs.create(1, filename="a", parent=str(place.uid)).status_code == 404


def test_termination_and_expiry(tus: Tus, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    assert tus.call("DELETE", url).status_code == 204
    assert tus.call("HEAD", url).status_code == 404
    assert staged() == []
    url = tus.create(6, filename="b", parent=str(place.uid))["Location"]
    Upload.objects.update(expires="2020-01-01T00:00:00Z")
    assert tus.call("HEAD", url).status_code == 404
    assert tasks._expire() == 1
    assert staged() == []


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"filename": "a/b"}, 201),  # only the last part is a name when there is no relative path
        ({"filename": ".."}, 422),
        ({"filename": "x" * 300}, 422),
        ({"filename": "a\0b"}, 422),
        ({"filename": "a", "relativePath": "../../etc/passwd"}, 422),
        ({"filename": "a", "parent": "nonsense"}, 400),
        ({"filename": "a", "sha256": "xyz"}, 400),
        ({"filename": "a", "modified": "yesterday"}, 400),
        ({}, 422),
    ],
)
def test_metadata_is_read_strictly(tus: Tus, place: Node, metadata: dict[str, str], status: int) -> None:
    assert tus.create(1, b"x", **{"parent": str(place.uid), **metadata}).status_code == (
        422 if status == 201 else status
    )
    assert staged() == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload_Length": "-1"}, 400),
        ({"Upload_Length": "1e3"}, 400),
        ({}, 400),
        ({"Upload_Length": "1", "Upload_Defer_Length": "1"}, 400),
        ({"Upload_Length": "9" * 18}, 413),
        ({"Upload_Length": "1", "Upload_Metadata": "filename ???"}, 400),
        ({"Upload_Length": "1", "Tus_Resumable": "0.2.2"}, 412),
        ({"Upload_Concat": "final;/somewhere/else"}, 400),
    ],
)
def test_headers_are_read_strictly(tus: Tus, headers: dict[str, str], status: int) -> None:
    assert tus.call("POST", UPLOADS, **headers).status_code == status


def test_options_say_what_the_server_can(tus: Tus) -> None:
    said = tus.call("OPTIONS", UPLOADS)
    assert said["Tus-Version"] == "1.0.0"
    wanted = ["creation", "creation-with-upload", "checksum", "expiration", "termination", "concatenation"]
    assert set(wanted) <= set(said["Tus-Extension"].split(","))
    assert tus.call("PATCH", UPLOADS + str(UUID(int=0)), b"x", Upload_Offset="0").status_code == 404
    refused = tus.call("GET", UPLOADS)
    assert (refused.status_code, refused["Allow"]) == (405, "OPTIONS, POST")


def test_an_upload_that_was_never_filed_is_filed_by_the_task(tus: Tus, alice: Actor, place: Node) -> None:
    """The server died between the last byte and the filing: asking again, or the task, files it. Once."""
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    tus.patch(url, 0, b"abc")
    found = Upload.objects.get()
    with store.default().staged_path(found.staged).open("ab") as stream:
        stream.write(b"def")
    Upload.objects.update(offset_bytes=6)
    assert "Link" in tus.patch(url, 6, b"")
    uploads.finish(actor=alice, found=Upload.objects.get())
    assert [version.number for version in queries.versions(actor=alice, uid=Upload.objects.get().file)] == [1]  # type: ignore[arg-type]


def test_a_wrong_media_type(tus: Tus, place: Node) -> None:
    url = tus.create(6, filename="a", parent=str(place.uid))["Location"]
    extra: dict[str, Any] = {"Content_Type": "text/plain"}
    assert tus.patch(url, 0, b"abc", **extra).status_code == 415
