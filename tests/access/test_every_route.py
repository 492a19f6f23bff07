"""Every route, every method, every role: the answers are those of ``table``, and nothing is missing from it."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import pytest
from django.urls import ResolverMatch, resolve
from tests.access.table import OK, OPEN, STUDY, TABLE, Row
from tests.conftest import password_of
from tests.support.rest import content
from tests.support.world import EVERYBODY, NOBODY, World

from sinfonietta.interfaces.http.access import OPEN as OPEN_TO_ALL
from sinfonietta.interfaces.http.access import routes, rule_of

pytestmark = pytest.mark.django_db
ROWS = [row for rows in TABLE.values() for row in rows]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
THINGS = ("collection", "folder", "fileset", "file", "text", "gone", "token", "job", "upload", "struct", "plan", "dose")
HIDDEN = ("stranger", "administrator", "auditor")


def filled(text: str, values: dict[str, object], role: str = "owner") -> str:
    """The text with its braces filled."""
    values = values | {"password": password_of(role.removesuffix("'s read token").removesuffix("'s write token"))}
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
        text = text.replace("{" + name + ":base64}", base64.b64encode(str(value).encode()).decode())
    return text


def resolved(row: Row) -> ResolverMatch:
    """The line of the URL table that the row is about."""
    url = filled(row.url, {name: uuid4() for name in re.findall(r"{(\w+)}", row.url)})
    return resolve(quote(urlsplit(url).path))


def route_of(row: Row) -> str:
    return "/" + resolved(row).route


def view_of(row: Row) -> Any:
    """What answers it; the roots of DICOMweb share their views."""
    return resolved(row).func


def ask(world: World, role: str, row: Row, ids: dict[str, object]) -> tuple[int, bytes]:
    body = filled(row.body, ids, role) if isinstance(row.body, str) else row.body
    headers = {name: filled(value, ids) for name, value in row.headers.items()}
    answer = world.ask(role, row.method, filled(row.url, ids), body, **headers)
    return answer.status_code, content(answer)


@pytest.mark.parametrize("part", TABLE)
def test_every_role_gets_what_the_table_says(world: World, part: str) -> None:
    wrong = []
    for row in TABLE[part]:
        good = 0
        for role, expected in row.rule.items():
            good += expected == OK
            if row.costly and expected == OK and good > 1:
                continue
            status, said = ask(world, role, row, dict(world.ids))
            if expected == OK and row.url.startswith("/viewer/") and status == 503:
                continue  # its files are not part of the source: the unit tests of the viewer bring their own
            if status != expected if expected != OK else status >= 400:
                wrong.append(f"{row} as {role}: {status}, not {expected}: {said[:200]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("part", TABLE)
def test_what_is_hidden_answers_as_what_is_absent(world: World, part: str) -> None:
    """The same status and the same words, and none of the names."""
    absent = {name: uuid4() for name in world.ids}
    for row in TABLE[part]:
        role = "stranger"  # that the others to whom it is hidden get 404 as well, the table says
        if row.rule[role] == 404:
            there, missing = ask(world, role, row, dict(world.ids)), ask(world, role, nowhere(row), dict(absent))
            assert (there[0], plain(there[1])) == (missing[0], plain(missing[1])), f"{row} as {role}"
            assert b"anadu" not in there[1].replace(b"Xanadu study", b""), f"{row} as {role}"


def nowhere(row: Row) -> Row:
    """The row of something that is not there at all."""
    url = row.url.replace(STUDY, "1.2.3.4").replace("Xanadu study", "Absent study")
    return Row(row.method, url, row.rule, row.body, row.headers)


def plain(body: bytes) -> bytes:
    """The body without what names the request itself."""
    body = body.replace(b"Xanadu", b"X").replace(b"Absent", b"X")
    return re.sub(rb"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9.]{7,}|csrf\S+|[0-9a-f]{32}", b"X", body)


def test_no_route_is_missing_from_the_table() -> None:
    table = {route for route, _ in routes()}
    known = {route_of(row) for row in ROWS} | OPEN
    assert table - known == set(), "these routes need a line in tests/access/table.py"
    assert {route for route, view in routes() if rule_of(view) == OPEN_TO_ALL} == OPEN


def test_no_method_is_missing_from_the_table(world: World) -> None:
    """What has no line is not answered, not even to the owner."""
    known: dict[Any, set[str]] = {}
    for row in ROWS:
        known.setdefault(view_of(row), set()).add(row.method)
    for row in {view_of(row): row for row in ROWS}.values():
        for method in METHODS:
            if method not in known[view_of(row)]:
                other = Row(method, row.url, row.rule, "", {**row.headers, "Content-Type": "application/json"})
                assert ask(world, "owner", other, dict(world.ids))[0] == 405, f"{method} {row.url}"


def test_a_browser_that_is_nobody_is_sent_to_sign_in(world: World) -> None:
    for row in ROWS:
        if row.method == "GET":
            answer = world.ask(NOBODY, "GET", filled(row.url, dict(world.ids)), Accept="text/html")
            programs = row.url.startswith(("/api/", "/dicomweb/"))
            assert answer.status_code == (401 if programs else 302), row
            assert programs or answer["Location"].startswith("/sign-in"), row


def test_every_role_has_an_answer() -> None:
    assert all(set(row.rule) == {NOBODY, *EVERYBODY} for row in ROWS)


def test_a_stranger_finds_nothing_in_any_list(world: World) -> None:
    """Nor do those who run the site. The audit alone names ids, to auditors."""
    lists = [row.url for row in ROWS if row.method == "GET" and row.rule[HIDDEN[0]] == OK]
    lists.remove("/api/v1/principals?q=a")  # everyone may share with every group
    assert len(lists) > 20
    for role in HIDDEN:
        for url in lists:
            body = content(world.ask(role, "GET", url))
            if role == "administrator" and url.endswith("/groups"):
                continue  # all groups are theirs to administer
            assert b"anadu" not in body, (role, url)
            assert STUDY.encode() not in body, (role, url)
            assert not [name for name in THINGS if str(world.ids[name]).encode() in body], (role, url)
