"""Searches in a million documents, on SQLite and PostgreSQL, by a reader of half of them: first pages and counts.

``python -m benchmarks.search LABEL URL-or-- COUNT`` measures one database and prints JSON.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.figures import Figure

COLLECTIONS, FILES_EACH, REPEAT = 100, 500, 20
VOCABULARY, BATCH = 17_000, 2000
MODALITIES, BODIES = ("CT", "MR", "PT", "NM", "US"), ("CHEST", "NECK", "HEAD", "ABDOMEN")
MAKERS = ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "Canon")


def measure(quick: bool) -> list[Figure]:
    """Each database in a process of its own, since settings are read once."""
    from tests.support.postgresql import Cluster

    documents = 50_000 if quick else 1_000_000
    figures = _run("SQLite", "", documents)
    cluster = Cluster()
    try:
        figures += _run("PostgreSQL", cluster.start(), documents)
    finally:
        cluster.stop()
    return figures


def _run(label: str, url: str, documents: int) -> list[Figure]:
    command = [sys.executable, "-m", "benchmarks.search", label, url or "-", str(documents)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Figure(**row) for row in json.loads(done.stdout)]


def _fill(actor: Any, count: int) -> None:
    """Files with documents as the index would have made them; half of the collections are open to everybody."""
    from sinfonietta.common.time import now
    from sinfonietta.library import services
    from sinfonietta.library.models import Node
    from sinfonietta.search.models import Progress

    dice, moment, made = random.Random(1), now(), 0
    words = [_word(dice) for _ in range(VOCABULARY)]
    tops = [services.create_collection(actor=actor, name=f"collection {number:03d}") for number in range(COLLECTIONS)]
    for number, top in enumerate(tops):
        if number % 2:
            services.set_grants(actor=actor, uid=top.uid, inherit=False, grants=[], everyone="read")
    Progress.objects.create(id=1, last=10**12)  # nothing is left to follow
    while made < count:
        folders = [
            Node(kind="folder", parent=top, ancestry=top.below, name=f"folder {made + place}", acl_id=top.acl_id,
                 created=moment, modified=moment)
            for place, top in enumerate(tops)
        ]  # fmt: skip
        Node.objects.bulk_create(folders)
        each = min(FILES_EACH, max(1, (count - made) // len(folders)))
        files = [
            Node(kind="file", parent=folder, ancestry=folder.below, name=f"{dice.choice(words)}_{index:06d}.dcm",
                 acl_id=folder.acl_id, created=moment, modified=moment, size_bytes=dice.randrange(10**8),
                 media_type="application/dicom")
            for folder in folders for index in range(each)
        ]  # fmt: skip
        dice.shuffle(files)  # the collections come in turns, as with many who write at once
        for start in range(0, len(files), BATCH):
            some = files[start : start + BATCH]
            Node.objects.bulk_create(some, batch_size=BATCH)
            _keep(some, dice, words, made + start)
        made += len(files)


def _keep(files: list[Any], dice: random.Random, words: list[str], first: int) -> None:
    from django.db import transaction

    from sinfonietta.search import documents, keeping
    from sinfonietta.search.models import Document
    from sinfonietta.search.words import document, fact, facts

    made = []
    for number, node in enumerate(files, first):
        text = [words[int(dice.paretovariate(0.6)) % VOCABULARY] for _ in range(12)]
        text += ["rarest"] if number % 50_000 == 7 else []
        text += ["medium"] if number % 1000 == 3 else []
        text += ["common"] if number % 10 == 5 else []
        modality, body, maker = dice.choice(MODALITIES), dice.choice(BODIES), dice.choice(MAKERS)
        day = dice.randrange(2010, 2026) * 10000 + dice.randrange(1, 13) * 100 + dice.randrange(1, 29)
        year, month = day // 10000, day // 100 % 100
        stated = [
            fact("type", "file"), fact("type", "dicom"), f"=in_{node.collection_id}", "=has_dicom",
            f"=size_{documents.size_class(node.size_bytes)}", *facts("modality", modality), *facts("body", body),
            *facts("maker", maker), *facts("owner", "owner"), *documents.dated("date", year, month),
            *documents.dated("created", node.created.year, node.created.month),
        ]  # fmt: skip
        line = " ".join(text)
        row = Document(
            node_id=node.id, seen=1, kind="file", collection=node.collection_id, owner=None, form="DICOM",
            modality=modality, body_part=body, maker=maker, day=day, size_bytes=node.size_bytes, name=node.name,
            text=line, words=document([node.name, line], stated),
        )  # fmt: skip
        made.append(documents.Made(row, []))
    with transaction.atomic():
        keeping.keep(made)


def _word(dice: random.Random) -> str:
    return "".join(dice.choice("bcdfglmnprst") + dice.choice("aeiou") for _ in range(dice.randrange(2, 5)))


QUESTIONS = {
    "a rare word": ("rarest", 150), "a medium word": ("medium", 150), "two words": ("medium common", 150),
    "a word in a tenth of all": ("common", 400), "a word and filters": ("common modality:NM date:2020..2022", 150),
    "filters alone": ("modality:CT body:chest size:>50MB", 150), "dates alone": ("date:2021-05..2021-06", 150),
    "a place and a word": ('in:"collection 031" common', 150), "all but a word": ("type:dicom -common", 150),
    "part of a name": ("name:_000499.d", 150), "a phrase of frequent words": ('"000499 dcm"', 400),
    "a word that is not there": ("nowhere", 150), "all of a type": ("type:file", 400),
}  # fmt: skip
"""Name -> query and goal for the 95th percentile of the first page in ms."""


def _timed(label: str, count: int) -> Iterator[Figure]:
    from django.db import connection

    from benchmarks.installation import person
    from sinfonietta.search import facets, queries

    owner, _ = person("owner")
    began = time.perf_counter()
    _fill(owner, count)
    yield Figure(f"{label}: fill {count:,} documents", time.perf_counter() - began, "s")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    reader, _ = person("reader")
    stranger, _ = person("stranger")
    for name, (query, goal) in QUESTIONS.items():
        yield _p95(f"{label}: {name}", lambda q=query: queries.search(actor=reader, q=q), goal)
    for name, query in (("a word in a tenth", "common"), ("filters", "modality:CT")):
        yield _p95(f"{label}: counts of {name}", lambda q=query: facets.facets(actor=reader, q=q), 1000)
    _take_away()
    for name in ("a word in a tenth of all", "all of a type", "filters alone", "a medium word"):
        query, goal = QUESTIONS[name]
        yield _p95(
            f"{label}: {name}, by who may see nothing", lambda q=query: queries.search(actor=stranger, q=q), goal
        )


def _take_away() -> None:
    from sinfonietta.accounts.models import EVERYONE
    from sinfonietta.library.models import AclEntry

    AclEntry.objects.filter(principal_id=EVERYONE).delete()


def _p95(name: str, act: Callable[[], object], goal: int) -> Figure:
    act()
    times = []
    for _ in range(REPEAT):
        began = time.perf_counter()
        act()
        times.append((time.perf_counter() - began) * 1000)
    value = sorted(times)[int(REPEAT * 0.95) - 1]
    print(f"{name:60} {value:9.1f} ms", file=sys.stderr, flush=True)
    return Figure(name, value, "ms", f"<= {goal}", value <= goal)


if __name__ == "__main__":
    from benchmarks.installation import start

    with tempfile.TemporaryDirectory(dir="/var/tmp") as data:
        start(data, "" if sys.argv[2] == "-" else sys.argv[2])
        print(json.dumps([figure.as_dict() for figure in _timed(sys.argv[1], int(sys.argv[3]))]))
