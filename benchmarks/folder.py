"""10,000 files in one folder: the page, and the ten thousandth upload."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Figure, median_ms

if TYPE_CHECKING:
    from django.test import Client

    from sinfonietta.library.models import Node

WINDOW = 150


def measure(quick: bool) -> list[Figure]:
    """Ratios of a large folder to a small one. Runs in this process, on SQLite in a temporary folder."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        from benchmarks.installation import start

        start(folder)
        return _measure(2000 if quick else 10_000)


def _page(client: Client, url: str, headers: dict[str, str]) -> tuple[float, float, int]:
    from django.db import connection

    asked: list[str] = []

    def count(execute: Any, sql: str, *more: Any) -> Any:
        asked.append(sql)
        return execute(sql, *more)

    with connection.execute_wrapper(count):
        assert client.get(url, headers=headers).status_code == 200
    return (*median_ms(lambda: client.get(url, headers=headers)), len(asked))


def _fill(parent: Node, count: int) -> None:
    """Files as the services would have made them, by bulk insert."""
    from sinfonietta.common.time import now
    from sinfonietta.library.models import Node

    moment = now()
    Node.objects.bulk_create(
        [
            Node(
                kind="file", parent=parent, ancestry=parent.below, name=f"file-{number:05d}.txt", acl_id=parent.acl_id,
                created=moment, modified=moment, size_bytes=1,
            )
            for number in range(count)
        ],
        batch_size=2000,
    )  # fmt: skip


def _measure(count: int) -> list[Figure]:
    from django.test import Client

    from benchmarks.installation import person
    from sinfonietta.library import services

    actor, secret = person("bench")
    parents = {size: services.create_collection(actor=actor, name=f"{size}") for size in (50, count)}
    client, headers = Client(), {"Authorization": f"Bearer {secret}"}

    def upload(parent: Node, number: int) -> float:
        began = time.process_time()
        url = f"/api/v1/nodes/{parent.uid}/files/upload-{number:05d}.txt"
        body = number.to_bytes(4, "big") + os.urandom(500)
        assert client.put(url, body, "application/octet-stream", headers=headers).status_code == 201
        return time.process_time() - began

    for number in range(50):
        upload(parents[50], number)
    first = statistics.median(upload(parents[count], number) for number in range(WINDOW))
    _fill(parents[count], count - 2 * WINDOW)
    last = statistics.median(upload(parents[count], WINDOW + number) for number in range(WINDOW))
    note = f"{last * 1000:.1f} ms CPU against {first * 1000:.1f}"
    change = last / first
    figures = [Figure(f"upload {count:,} / upload 1", change, "ratio", "0.8 to 1.2", 0.8 <= change <= 1.2, note)]
    for name, path in {"portal page": "/nodes/{}?offset=0", "REST page": "/api/v1/nodes/{}/children?limit=100"}.items():
        found = {}
        for size, parent in parents.items():
            found[size] = _page(client, path.format(parent.uid), headers)
        ratio = found[count][1] / found[50][1]
        same = found[count][2] == found[50][2]
        note = f"{found[count][1]:.1f} ms CPU against {found[50][1]:.1f}; queries {found[count][2]} and {found[50][2]}"
        figures.append(Figure(f"{name} of {count:,} / of 50", ratio, "ratio", "< 3", ratio < 3 and same, note))
    return figures
