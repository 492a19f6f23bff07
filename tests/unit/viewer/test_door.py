"""The viewer's door hands out exactly the viewer's files, with the headers that browsers need."""

from __future__ import annotations

import gzip
import io
import re
from contextlib import closing

import pytest
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from sinfonietta.common.errors import NotFound, Unavailable
from sinfonietta.interfaces.http import access
from sinfonietta.interfaces.viewer import files, urls, views

# Closing an answer makes Django look after its database connections.
pytestmark = pytest.mark.django_db


def get(path: str, method: str = "GET", **headers: str) -> HttpResponseBase:
    request: HttpRequest = RequestFactory().generic(method, f"/viewer/{path}", headers=headers)
    return CSPMiddleware(lambda request: views.serve(request, path))(request)


def body(response: HttpResponseBase) -> bytes:
    with closing(response):
        return b"".join(response)


def policy(response: HttpResponseBase) -> dict[str, str]:
    return dict(part.strip().partition(" ")[::2] for part in response["Content-Security-Policy"].split(";"))


def one(suffix: str) -> str:
    """A file of OHIF's under a name with a hash."""
    return next(name for name in files.table() if re.search(rf"[0-9a-f]{{16}}\{suffix}$", name))


def test_every_route_is_for_accounts_only():
    assert {access.rule_of(route.callback) for route in urls.urlpatterns} == {access.SIGNED_IN}


@pytest.mark.parametrize(
    "path",
    [
        "",
        "viewer",
        "segmentation",
        "collections/0198c8a4-2f6e-7aaa-8888-000000000001/viewer",
        "folders/0198c8a4-2f6e-7aaa-8888-000000000001/viewer",
        "../../etc/passwd",
        "LICENSE",
    ],
)
def test_addresses_inside_the_application_answer_the_start_page(path):
    response = get(path)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/html; charset=utf-8"
    page = body(response).decode()
    assert '<div id="root">' in page
    assert "Research only. Not a medical device." in page


@pytest.mark.parametrize(
    "path", ["no.js", "../views.js", "assets/../app-config.json", "ort/ort.wasm", "index.html.gz.js"]
)
def test_a_file_that_is_not_there_is_not_found(path):
    with pytest.raises(NotFound):
        get(path)


@pytest.mark.parametrize(
    ("suffix", "media_type"),
    [(".wasm", "application/wasm"), (".woff2", "font/woff2")],
)
def test_hashed_files_are_kept_for_ever_under_their_type(suffix, media_type):
    response = get(one(suffix))
    assert response["Content-Type"] == media_type
    assert response["Cache-Control"] == "private, max-age=31536000, immutable"
    response.close()


def test_scripts_which_installing_rewrites_are_asked_for_again():
    response = get(one(".js"))
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    response.close()


@pytest.mark.parametrize("path", ["", "app-config.js", "notice.css", "app.bundle.css"])
def test_other_files_are_asked_for_again_and_not_sent_twice(path):
    first = get(path)
    assert first["Cache-Control"] == "private, no-cache"
    first.close()
    again = get(path, **{"If-None-Match": first["ETag"]})
    assert again.status_code == 304
    assert body(again) == b""


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [
        ("gzip, deflate, br", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("*", True),
        ("", False),
        ("br", False),
        ("gzip;q=0", False),
    ],
)
def test_compression_is_as_the_browser_asks(accepted, compressed):
    response = get("app.bundle.css", **{"Accept-Encoding": accepted})
    assert response["Vary"] == "Accept-Encoding"
    assert response.get("Content-Encoding") == ("gzip" if compressed else None)
    data = body(response)
    style = gzip.GzipFile(fileobj=io.BytesIO(data)).read() if compressed else data
    assert b"@font-face" in style
    assert b"url(/viewer/" in style


@pytest.mark.parametrize("path", ["", one(".js")])
def test_page_and_workers_run_no_inline_script_and_speak_to_this_site_alone(path):
    found = policy(get(path))
    assert found["script-src"] == "'self' 'unsafe-eval'"
    assert found["connect-src"] == "'self' blob: data:"
    assert found["frame-ancestors"] == "'self'"
    assert found["object-src"] == "'self'"


def test_only_reading_is_allowed():
    assert get("", method="POST").status_code == 405


def test_without_the_viewer_the_answer_says_so(monkeypatch):
    monkeypatch.setattr(files, "table", dict)
    with pytest.raises(Unavailable, match="not installed"):
        get("viewer")
