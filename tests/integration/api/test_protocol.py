"""What HTTP itself asks of the API: bodies, conditions, who may call from where, answers that caches may keep."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from tests.support.rest import Rest, content, program_of

from sinfonietta.accounts.actor import Actor
from sinfonietta.accounts.models import User
from sinfonietta.blobs import store
from sinfonietta.blobs.errors import Damaged
from sinfonietta.interfaces.http.zips import of_manifest, zip_stream
from sinfonietta.library import queries

pytestmark = pytest.mark.django_db
FOREIGN = "https://viewer.example.org"
DIGEST = base64.b64encode(hashlib.sha256(b"abc").digest()).decode()


@pytest.fixture
def alices(alice: Actor) -> Rest:
    return program_of(alice)


@pytest.fixture
def home(alices: Rest) -> str:
    return str(alices.get("me")["home"])


@pytest.fixture
def browser(alice: Actor) -> Client:
    """A browser with a session, which has to bring the CSRF token."""
    found = Client(enforce_csrf_checks=True)
    found.force_login(User.objects.get(name="alice"))
    return found


def put(rest: Rest, home: str, name: str, body: bytes, status: int = 201, **headers: str) -> Any:
    return rest.send("PUT", f"nodes/{home}/files/{name}", body, status, **headers)


def chunked(rest: Rest, path: str, body: bytes, *, is_ended: bool) -> Any:
    """A POST without a length, as a server that does, or does not, end the stream by itself hands it over."""
    return Client().generic(
        "POST", f"/api/v1/{path}", body, "application/json", headers={"Authorization": f"Bearer {rest.secret}"},
        CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked",
        **{"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": is_ended},
    )  # fmt: skip


def test_a_body_without_length_is_read_or_refused(alices: Rest) -> None:
    assert chunked(alices, "collections", b'{"name": "Chunked"}', is_ended=True).status_code == 201
    refused = chunked(alices, "collections", b'{"name": "Chunked"}', is_ended=False)
    assert (refused.status_code, refused["Content-Type"]) == (411, "application/problem+json")


def test_a_body_that_is_no_file_has_a_limit(alices: Rest, settings: Any) -> None:
    body = b'{"name": "' + b"x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"}'
    assert chunked(alices, "collections", body, is_ended=True).status_code == 413
    large = Client().post(
        "/api/v1/collections", body, "application/json", headers={"Authorization": f"Bearer {alices.secret}"}
    )
    assert large.status_code == 413


@pytest.mark.parametrize(
    ("digest", "status"),
    [
        (f"sha-256=:{DIGEST}:", 201),
        (f"sha-512=:AAAA:, sha-256=:{DIGEST}:", 201),
        (f"sha-256=:{DIGEST}:;x=1", 201),
        ("md5=:AAAA:", 201),
        (f"sha-256={DIGEST}", 400),
        ("sha-256=:AAAA:", 400),
        ("sha-256=:?:", 400),
        ("sha-256", 400),
        (f"sha-256=:{base64.b64encode(bytes(32)).decode()}:", 422),
    ],
)
def test_a_digest_is_checked_or_refused_and_never_left_out(alices: Rest, home: str, digest: str, status: int) -> None:
    put(alices, home, "a", b"abc", status, Content_Digest=digest)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_Match": '"somebody else\'s"'}, 412),
        ({"If_Match": f'W/"{hashlib.sha256(b"abc").hexdigest()}"'}, 412),
        ({"If_Match": '"a", "b"'}, 422),
        ({"If_Match": "*"}, 200),
        ({"If_None_Match": '"a"'}, 422),
        ({"If_None_Match": "*"}, 412),
        ({"Content_Range": "bytes 0-2/100"}, 400),
        ({"Content_Encoding": "gzip"}, 415),
        ({"Content_Encoding": "identity"}, 200),
    ],
)
def test_no_condition_of_a_put_is_ignored(alices: Rest, home: str, headers: dict[str, str], status: int) -> None:
    put(alices, home, "a", b"abc")
    put(alices, home, "a", b"abcd", status, **headers)


def test_refusals_of_content_are_problems_and_nothing_has_no_type(alices: Rest, home: str) -> None:
    url = f"files/{put(alices, home, 'a', b'abc')['id']}/content"
    for headers, status in (({"Range": "bytes=9-"}, 416), ({"If_Match": '"x"'}, 412)):
        refused = alices.call("GET", url, **headers)
        assert (refused.status_code, refused.json()["status"]) == (status, status)
        assert refused["ETag"]
    unchanged = alices.call("GET", url, If_None_Match="*")
    assert (unchanged.status_code, unchanged.has_header("Content-Type")) == (304, False)
    head = alices.call("HEAD", url, Range="bytes=0-0")  # RFC 9110 14.2: a range is of GET alone
    assert (head.status_code, head["Content-Length"]) == (200, "3")


def test_answers_are_for_who_asked(alices: Rest) -> None:
    assert alices.call("GET", "me")["Cache-Control"] == "private, no-cache"


def test_the_title_of_a_problem_is_one_of_its_kind(alices: Rest) -> None:
    assert alices.call("PUT", "collections", {}).json()["title"] == "Method not allowed"
    assert alices.call("POST", "collections", b"x").json()["title"] == "Unsupported media type"


def test_a_cookie_needs_the_csrf_token(browser: Client) -> None:
    refused = browser.post("/api/v1/collections", {"name": "x"}, "application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    upload = browser.post("/api/v1/uploads/", headers={"Tus-Resumable": "1.0.0", "Upload-Length": "1"})
    assert (upload.status_code, upload["Content-Type"]) == (403, "application/problem+json")
    browser.get("/")
    token = browser.cookies["sinfonietta_csrf"].value
    made = browser.post("/api/v1/collections", {"name": "x"}, "application/json", headers={"X-CSRFToken": token})
    assert made.status_code == 201


def test_basic_from_another_site_needs_the_csrf_token_and_a_bearer_token_does_not(alices: Rest) -> None:
    basic = base64.b64encode(f"alice:{alices.secret}".encode()).decode()
    for credential, status in ((f"Basic {basic}", 403), (f"Bearer {alices.secret}", 201)):
        headers = {"Authorization": credential, "Sec-Fetch-Site": "cross-site"}
        made = Client(enforce_csrf_checks=True).post(
            "/api/v1/collections", {"name": "x"}, "application/json", headers=headers
        )
        assert made.status_code == status


@pytest.mark.parametrize(
    ("path", "headers", "scheme"),
    [
        ("/dicomweb/studies", {}, "Basic"),
        ("/dicomweb/studies", {"User-Agent": "python-requests/2"}, "Basic"),
        ("/dicomweb/studies", {"User-Agent": "Mozilla/5.0 (X11; Linux) Gecko"}, "Bearer"),
        ("/dicomweb/studies", {"Sec-Fetch-Mode": "cors"}, "Bearer"),
        ("/api/v1/me", {}, "Bearer"),
    ],
)
def test_basic_is_offered_to_programs_alone(path: str, headers: dict[str, str], scheme: str) -> None:
    assert Client().get(path, headers=headers)["WWW-Authenticate"].startswith(scheme)


def test_a_credential_in_the_query_is_none(alices: Rest) -> None:
    for name in ("token", "access_token", "api_key"):
        assert Client().get(f"/api/v1/me?{name}={alices.secret}").status_code == 401


def preflight(path: str, origin: str = FOREIGN) -> Any:
    headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    return Client().options(path, headers=headers | {"Access-Control-Request-Headers": "authorization"})


def test_other_sites_are_shut_out_unless_listed(alices: Rest, settings: Any) -> None:
    assert preflight("/api/v1/me").status_code == 401
    assert not alices.call("GET", "me", Origin=FOREIGN).has_header("Access-Control-Allow-Origin")
    settings.OPTIONS = settings.OPTIONS.model_copy(update={"cors_origins": [FOREIGN]})
    for path in ("/api/v1/me", "/dicomweb/studies", "/api/v1/uploads/"):
        asked = preflight(path)
        assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, FOREIGN)
        assert asked["Access-Control-Allow-Headers"] == "authorization"
    assert alices.call("GET", "me", Origin=FOREIGN)["Access-Control-Allow-Origin"] == FOREIGN
    assert not alices.call("GET", "me", Origin=FOREIGN).has_header("Access-Control-Allow-Credentials")
    assert not alices.call("GET", "me", Origin="https://other.example").has_header("Access-Control-Allow-Origin")
    assert "Origin" in alices.call("GET", "me")["Vary"]
    assert preflight("/api/v1/me", "https://other.example").status_code == 401
    assert not preflight("/sign-in").has_header("Access-Control-Allow-Origin")


def test_what_get_says_of_grants_can_be_put_back(alices: Rest, bob: Actor) -> None:
    study = alices.send("POST", "collections", {"name": "Study"}, 201)
    grants = {"inherit": False, "grants": [{"user": "bob", "level": "read"}]}
    said = alices.send("PUT", f"nodes/{study['id']}/grants", grants)
    assert alices.send("PUT", f"nodes/{study['id']}/grants", said) == said


def test_what_is_made_says_where_it_is(alices: Rest, bob: Actor) -> None:
    token = alices.call("POST", "tokens", {"name": "t"})
    assert alices.get(token["Location"])["name"] == "t"
    group = alices.call("POST", "groups", {"name": "G"})
    assert alices.get(group["Location"])["name"] == "G"
    member = alices.call("POST", f"{group['Location']}/members", {"user": "bob"})
    assert alices.get(member["Location"])["name"] == "bob"


def test_people_are_listed_in_pages_too(alices: Rest, bob: Actor) -> None:
    for name in "ABC":
        group = alices.send("POST", "groups", {"name": name}, 201)
    alices.send("POST", f"groups/{group['id']}/members", {"user": "bob"}, 201)
    for path, names in (("groups", ["A", "B", "C"]), (f"groups/{group['id']}/members", ["alice", "bob"])):
        found, url = [], f"/api/v1/{path}?limit=1"
        while url:
            page = alices.get(url)
            found += [row["name"] for row in page["results"]]
            url = page["next"] and page["next"].removeprefix("http://testserver")
        assert found == names
        assert alices.send("GET", f"{path}?cursor=WzFd", status=422)["errors"]


def test_names_that_climb_elsewhere_do_not_climb_out_of_the_archive(alices: Rest, home: str, alice: Actor) -> None:
    names = {"..%5C..%5Cevil.txt": b"1", ".._.._evil.txt": b"2", "%F0%9F%AB%81%E2%80%AE.txt": b"3"}
    for name, body in names.items():
        put(alices, home, name, body)
    packed = zipfile.ZipFile(
        io.BytesIO(b"".join(zip_stream(of_manifest(queries.manifest(actor=alice, uid=UUID(home))))))
    )
    assert packed.testzip() is None
    assert len(set(packed.namelist())) == 3
    assert not [name for name in packed.namelist() if "\\" in name or name.startswith(("/", "../"))]


def test_an_archive_never_ends_well_with_wrong_bytes(alices: Rest, home: str, alice: Actor) -> None:
    put(alices, home, "a", b"abc")
    row = next(iter(queries.manifest(actor=alice, uid=UUID(home))))
    path = store.default().path(row.blob)
    assert path
    path.chmod(0o600)
    path.write_bytes(b"abX")
    with pytest.raises(Damaged):
        list(zip_stream(of_manifest([row])))
    path.unlink()
    with pytest.raises(Damaged):
        list(zip_stream(of_manifest([row])))


def test_what_needs_more_than_4_gib_is_said_in_zip64(alices: Rest, home: str, alice: Actor) -> None:
    """Known sizes decide: small files stay as every program reads them, larger ones have 64 bit from the start."""
    put(alices, home, "a", b"abc")
    row = next(iter(queries.manifest(actor=alice, uid=UUID(home))))
    assert int.from_bytes(next(zip_stream(of_manifest([row])))[4:6], "little") == 20
    assert int.from_bytes(next(zip_stream(of_manifest([replace(row, size_bytes=5 << 30)])))[4:6], "little") == 45


def test_an_archive_is_described_without_being_packed(alices: Rest, home: str) -> None:
    head = alices.call("HEAD", f"nodes/{home}/archive")
    assert (head.status_code, head["Content-Type"], content(head)) == (200, "application/zip", b"")
