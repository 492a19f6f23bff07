"""Several programs store the same series at one time, on a server with processes and threads."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import httpx
import pytest
from tests.support.server import Server

pytestmark = [pytest.mark.service, pytest.mark.slow]
WRITERS, ROUNDS = 6, 5


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    from tests.support.postgresql import Cluster

    data, cluster = tmp_path / "data", None
    if request.param == "postgresql":
        cluster = Cluster()
        data.mkdir()
        (data / "sinfonietta.toml").write_text(f'database_url = "{cluster.start()}"\n')
    found = Server(data)
    try:
        found.start()
        yield found
    finally:
        found.stop()
        if cluster:
            cluster.stop()


def test_every_instance_is_there_once_and_counted_once(server: Server) -> None:
    from tests.support.dicomweb import BOUNDARY, body_of
    from tests.support.studies import instance

    server.user("alice")
    headers = {"Authorization": f"Bearer {server.token('alice', 'write')}"}
    content_type = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
    bodies = {
        (writer, turn): body_of(
            *[instance(number) for number in range(turn * 4, turn * 4 + 8)],
            instance(100 * writer + turn, series="1.2.3.2", SeriesNumber=2),
        )
        for writer in range(1, WRITERS + 1)
        for turn in range(ROUNDS)
    }

    def write(writer: int) -> list[int]:
        with httpx.Client(base_url=f"{server.url}/dicomweb", headers=headers, timeout=60) as client:
            answers = [
                client.post("/studies", content=bodies[writer, turn], headers={"Content-Type": content_type})
                for turn in range(ROUNDS)
            ]
            return [answer.status_code for answer in answers]

    with ThreadPoolExecutor(WRITERS) as pool:
        assert set(chain.from_iterable(pool.map(write, range(1, WRITERS + 1)))) == {200}
    shared, own = ROUNDS * 4 + 4, WRITERS * ROUNDS
    with httpx.Client(base_url=f"{server.url}/dicomweb", headers=headers, timeout=60) as client:
        counts = {one["0020000E"]["Value"][0]: one["00201209"]["Value"] for one in client.get("/series").json()}
        assert counts == {"1.2.3.1": [shared], "1.2.3.2": [own]}
        assert len(client.get("/instances").json()) == shared + own
    assert server.verify() == []
