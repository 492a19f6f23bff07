"""Archives: the list of a large one, and many small files unpacked beside ``unzip`` and ``sha256sum``."""

from __future__ import annotations

import os
import random
import resource
import subprocess
import tempfile
import threading
import time
import zipfile
from pathlib import Path

from benchmarks.figures import Figure, median_ms

LISTED, FILES, FILE_BYTES = 200_000, 10_000, 1000
ROUNDS = 3


def measure(quick: bool) -> list[Figure]:
    """In this process, on SQLite in a temporary folder."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        from benchmarks.installation import start

        start(folder)
        return _listing(LISTED // 10 if quick else LISTED) + _unpacking(Path(folder), FILES // 10 if quick else FILES)


def _listing(count: int) -> list[Figure]:
    from benchmarks.installation import person
    from sinfonietta.archives import index, queries
    from sinfonietta.ingest import services as ingest
    from sinfonietta.library import queries as library

    actor, _ = person("lists")
    home = library.home(actor=actor)
    assert home
    with tempfile.TemporaryFile(dir="/var/tmp") as stream:
        with zipfile.ZipFile(stream, "w") as archive:
            for number in range(count):
                archive.writestr(zipfile.ZipInfo(f"study/series-{number // 500:04}/image-{number:08}.dcm"), b"")
        stream.seek(0)
        uid = ingest.put(actor=actor, parent_uid=home, name="many.zip", stream=stream).node.uid
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    looked = queries.look(actor=actor, uid=uid)
    queries.entries(actor=actor, looked=looked)
    first = time.perf_counter() - began
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    size = index.path_of(looked.version.blob.sha256).stat().st_size >> 20
    note = f"memory +{grown} MiB; the index has {size} MiB"
    page, cpu = median_ms(lambda: queries.inside(actor=actor, looked=looked, folder="study/series-0007"))
    return [
        Figure(f"first listing of {count:,} entries", first, "s", "<= 2", first <= 2, note),
        Figure("a folder of it, 200 rows", page, "ms", note=f"{cpu:.2f} ms CPU"),
    ]


def _unpacking(folder: Path, count: int) -> list[Figure]:
    from benchmarks.installation import person
    from sinfonietta.archives import services
    from sinfonietta.ingest import services as ingest
    from sinfonietta.jobs import leases, runner
    from sinfonietta.library import queries as library

    actor, _ = person("unpacks")
    home = library.home(actor=actor)
    assert home
    theirs, ours, cpu = [], [], 0.0
    for turn in range(ROUNDS):
        made = folder / f"{turn}.zip"
        numbers = random.Random(turn)
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(count):
                archive.writestr(f"s/{number // 200:03}/{number:05}.txt", numbers.randbytes(FILE_BYTES // 2).hex())
        with made.open("rb") as stream:
            uid = ingest.put(actor=actor, parent_uid=home, name=made.name, stream=stream).node.uid
        target = folder / f"unzipped-{turn}"
        began = time.perf_counter()
        subprocess.run(["unzip", "-q", made, "-d", target], check=True)
        hashes = f"find {target} -type f -print0 | xargs -0 sha256sum > {folder}/sums && sync -f {target}"
        subprocess.run(["sh", "-c", hashes], check=True)
        theirs.append(time.perf_counter() - began)
        services.unpack(actor=actor, uid=uid)
        job = leases.take("bench", ["archives.unpack"])
        assert job
        began, used = time.perf_counter(), sum(os.times()[:4])
        runner.run_one(job, threading.Event())
        ours.append(time.perf_counter() - began)
        cpu = sum(os.times()[:4]) - used
        job.refresh_from_db()
        assert job.state == job.State.SUCCEEDED, job.detail
    ratio = min(theirs) / min(ours)
    note = f"{count / min(ours):,.0f} files/s, {cpu:.1f} s CPU; {min(ours):.2f} s against {min(theirs):.2f} s"
    name = f"unpacking {count:,} small files / unzip + sha256sum + sync"
    return [Figure(name, ratio, "ratio", ">= 0.5", ratio >= 0.5, note)]
