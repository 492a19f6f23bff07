"""What the real server sends by the kernel, past the program: with a length, and in chunks where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.support.server import Server
from tests.support.studies import instance

OCTETS = 'multipart/related; type="application/octet-stream"'
DICOM = 'multipart/related; type="application/dicom"; transfer-syntax={}'
ONE = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
PIXELS = bytes(range(48))
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A program of Anna's, who has stored an instance and its like in implicit little endian."""
    server = Server(tmp_path_factory.mktemp("kernel") / "data", settings={"SINFONIETTA_DEIDENTIFICATION": "accept"})
    server.data.mkdir()
    server.cli("init")
    server.user("anna")
    headers = {"Authorization": f"Bearer {server.token('anna')}"}
    stored = [instance(1, PixelData=PIXELS), instance(2, PixelData=PIXELS, syntax=IMPLICIT)]
    body = b"".join(b"\r\n--b\r\nContent-Type: application/dicom\r\n\r\n" + one for one in stored) + b"\r\n--b--\r\n"
    server.start()
    try:
        with httpx.Client(base_url=f"{server.url}/dicomweb", headers=headers) as client:
            kind = 'multipart/related; type="application/dicom"; boundary=b'
            done = client.post("/studies", content=body, headers={"Content-Type": kind})
            assert done.status_code == 200, done.text
            yield client
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("path", "accept", "has_length"),
    [
        (f"{ONE}/frames/1", "application/octet-stream", True),
        (f"{ONE}/frames/1", OCTETS, True),
        (f"{ONE}/bulk/7FE00010", "application/octet-stream", True),
        (f"{ONE}/bulk/7FE00010", OCTETS, True),
        (f"{ONE}/pixeldata", OCTETS, False),
        ("/studies/1.2.3", DICOM.format("*"), True),
        ("/studies/1.2.3", DICOM.format(EXPLICIT), False),
        (ONE, "application/dicom", True),
    ],
)
def test_whole_answers(web: httpx.Client, path: str, accept: str, has_length: bool) -> None:
    found = web.get(path, headers={"Accept": accept})
    assert found.status_code == 200
    assert ("Content-Length" in found.headers) == has_length
    assert found.content.count(PIXELS) == (2 if path == "/studies/1.2.3" else 1)
    if accept == "application/octet-stream":
        assert found.content == PIXELS
    assert web.get("/studies").status_code == 200  # the connection goes on where it should
