"""A million nodes with a thousand ACLs, on SQLite and PostgreSQL: pages, rights, grants, moves."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from typing import Any

from benchmarks.figures import Figure, cpu_s, median_ms

USERS, GROUPS, COLLECTIONS, ACLS, FILES_EACH = 200, 50, 100, 1000, 500


def measure(quick: bool) -> list[Figure]:
    """Each database in a process of its own, since settings are read once."""
    from tests.support.postgresql import Cluster

    nodes = 100_000 if quick else 1_000_000
    figures = _run("SQLite", "", nodes)
    cluster = Cluster()
    try:
        figures += _run("PostgreSQL", cluster.start(), nodes)
    finally:
        cluster.stop()
    return figures


def _run(label: str, url: str, nodes: int) -> list[Figure]:
    command = [sys.executable, "-m", "benchmarks.scale", label, url or "-", str(nodes)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return [Figure(**row) for row in json.loads(done.stdout)]


def fill(actor: Any, count: int) -> dict[str, Any]:
    """Nodes by bulk insert, as the services would have made them: collections, folders of 500 files, own ACLs."""
    from sinfonietta.common.time import now
    from sinfonietta.library import services
    from sinfonietta.library.models import Acl, AclEntry, Level, Node

    moment, principals = now(), _principals()
    per_collection = count * 9 // 10 // (COLLECTIONS - 1)  # but the first, which has a tenth of all in one folder
    found: dict[str, Any] = {}
    for number in range(COLLECTIONS):
        top = services.create_collection(actor=actor, name=f"collection {number:03d}")
        above = services.create_folder(actor=actor, parent=top.uid, name="big") if number == 0 else top
        folders = [
            Node(kind="folder", parent=above, ancestry=above.below, name=f"folder {index:05d}", acl_id=top.acl_id,
                 created=moment, modified=moment)
            for index in range((count // 10 if number == 0 else per_collection) // FILES_EACH)
        ]  # fmt: skip
        Node.objects.bulk_create(folders, batch_size=2000)
        own = folders[: ACLS // COLLECTIONS] if number else []
        acls = Acl.objects.bulk_create([Acl(node=folder) for folder in own])
        AclEntry.objects.bulk_create(
            AclEntry(acl=acl, principal_id=principal, level=Level.READ, granted=Level.READ)
            for place, acl in enumerate(acls)
            for principal in {principals[(number * 7 + place * 3 + step) % len(principals)] for step in range(6)}
        )
        for folder, acl in zip(own, acls, strict=True):
            Node.objects.filter(id=folder.id).update(acl=acl)
            folder.acl_id = acl.id
        for folder in folders:
            rows = [
                Node(kind="file", parent=folder, ancestry=folder.below, name=f"file {index:06d}.dcm",
                     acl_id=folder.acl_id, created=moment, modified=moment, size_bytes=1)
                for index in range(FILES_EACH - 1)
            ]  # fmt: skip
            Node.objects.bulk_create(rows, batch_size=5000)
        found = found or {"collection": top, "folder": folders[0], "big": above, "file": rows[-1]}
    return found


def _principals() -> list[int]:
    from sinfonietta.accounts.models import Group, Principal, User

    users = Principal.objects.bulk_create([Principal(kind="user") for _ in range(USERS)])
    groups = Principal.objects.bulk_create([Principal(kind="group") for _ in range(GROUPS)])
    User.objects.bulk_create([User(principal=one, name=f"user{n}", password="!") for n, one in enumerate(users)])
    Group.objects.bulk_create([Group(principal=one, name=f"group{n}") for n, one in enumerate(groups)])
    return [one.pk for one in [*users, *groups]]


def used_s() -> float:
    """CPU time of this process, and of the server process that works for it."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return time.process_time()
    return time.process_time() + cpu_s(connection.connection.info.backend_pid)


def _timed(label: str, nodes: int) -> list[Figure]:
    from django.db import connection

    from benchmarks.installation import person
    from sinfonietta.accounts.actor import Origin
    from sinfonietta.accounts.models import User
    from sinfonietta.accounts.queries import actor_for_user
    from sinfonietta.common.paging import encode_cursor
    from sinfonietta.library import access, queries, services
    from sinfonietta.library.models import Level

    owner, _ = person("owner")
    began = time.perf_counter()
    places = fill(owner, nodes)
    filled = time.perf_counter() - began
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    reader = actor_for_user(User.objects.get(name="user3"), Origin(door="bench"))
    folder, file, top, big = (places[name].uid for name in ("folder", "file", "collection", "big"))
    services.set_grants(actor=owner, uid=top, inherit=False, grants=[("user", "user3", Level.READ)])
    path = queries.node(actor=reader, uid=file).path
    middle = encode_cursor("file 000250.dcm", 0)
    acts = {
        "page of children, 100 of many": lambda: queries.children(actor=reader, uid=folder),
        "the same, from its middle": lambda: queries.children(actor=reader, uid=folder, cursor=middle),
        "newest 50 that a person may read": lambda: list(access.readable(reader).order_by("-id")[:50]),
        "may a person read a file": lambda: access.find(reader, file),
        "a page of the portal's table": lambda: queries.children(actor=reader, uid=folder, offset=200),
        "what is shared with a person": lambda: queries.shared(actor=reader),
        "a node by its path": lambda: queries.node_at(actor=reader, path=path),
        "collections that a person may read": lambda: queries.collections(actor=reader),
        "count all that a person may read": lambda: access.readable(reader).count(),
        "change of grants on a collection": lambda: services.set_grants(
            actor=owner, uid=top, inherit=False, grants=[("user", "user3", Level.READ)]
        ),
    }
    figures = [Figure(f"{label}: fill {nodes:,} nodes", filled, "s")]
    for name, act in acts.items():
        wall, cpu = median_ms(act)
        figures.append(Figure(f"{label}: {name}", wall, "ms", note=f"{cpu:.2f} ms CPU of the client"))
    for name, act in {
        "own ACL on a folder": lambda: services.set_grants(actor=owner, uid=big, inherit=False, grants=[]),
        "the trash": lambda: services.trash(actor=owner, uid=big),
        "back from the trash": lambda: services.restore(actor=owner, uid=big),
        "inherit again": lambda: services.set_grants(actor=owner, uid=big, inherit=True),
        "move it to another collection": lambda: services.move(
            actor=owner, uid=big, parent=queries.node_at(actor=owner, path="/collection 001").uid
        ),
    }.items():
        began, used = time.perf_counter(), used_s()
        act()
        wall, cpu = time.perf_counter() - began, used_s() - used
        note = f"{cpu * 1000:.0f} ms CPU, the database's included"
        figures.append(Figure(f"{label}: {name}, {nodes // 10:,} below", wall * 1000, "ms", note=note))
    return figures


if __name__ == "__main__":
    from benchmarks.installation import start

    with tempfile.TemporaryDirectory(dir="/var/tmp") as data:
        start(data, "" if sys.argv[2] == "-" else sys.argv[2])
        print(json.dumps([figure.as_dict() for figure in _timed(sys.argv[1], int(sys.argv[3]))]))
