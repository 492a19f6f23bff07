"""Is the OpenAPI document true? schemathesis asks a running server, with made-up input, all that it describes."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.server import Server

pytestmark = pytest.mark.service
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,unsupported_method"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("openapi") / "data")
    found.start()
    yield found
    found.stop()


def test_every_operation_answers_as_documented(server: Server, tmp_path: Path) -> None:
    server.user("alice")
    token = server.token("alice")
    headers = {"Authorization": f"Bearer {token}"}
    made = httpx.post(f"{server.url}/api/v1/collections", json={"name": "Study"}, headers=headers)
    assert made.status_code == 201
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/api/v1/openapi.json",
        "-H", f"Authorization: Bearer {token}", "-c", CHECKS, "-n", "12", "--seed", "7", "--warnings", "off",
        "--phases", "examples,coverage,fuzzing", "--continue-on-failure",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "\n".join(line[:300] for line in done.stdout.splitlines()[-120:])


def test_the_document_says_how_to_authenticate_and_what_can_go_wrong(server: Server) -> None:
    assert httpx.get(f"{server.url}/api/v1/openapi.json").status_code == 401
    server.user("bob")
    headers = {"Authorization": f"Bearer {server.token('bob')}"}
    document = httpx.get(f"{server.url}/api/v1/openapi.json", headers=headers).json()
    assert document["openapi"] == "3.1.0"
    assert set(document["components"]["securitySchemes"]) == {"cookie", "bearer", "basic"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert {"401", "404", "422"} <= set(operation["responses"]), path
    names = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(names) == len(set(names))
    assert {"get_me", "post_collections", "get_collection", "put_named_file"} <= set(names)


def test_the_page_of_the_document_runs_under_the_policy_of_the_site(server: Server) -> None:
    """No script and no style stands in it: everything comes from an address of this site that is there."""
    server.user("carol")
    headers = {"Authorization": f"Bearer {server.token('carol')}"}
    page = httpx.get(f"{server.url}/api/v1/docs", headers=headers)
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert not re.search(r"<style|<script(?! src=)| on\w+=", page.text)
    for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert httpx.get(f"{server.url}{html.unescape(address)}", headers=headers).status_code == 200, address
