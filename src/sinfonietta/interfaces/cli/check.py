"""``check``: configuration, services, disk, sandbox; one line each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import click

from sinfonietta.interfaces.cli import site

LEAST_FREE_BYTES = 1 << 30


@click.command()
@site.installation
@site.as_json
def check(json_: bool) -> None:
    """Say of each part whether it can work; exit 1 if something that is switched on cannot."""
    site.start_django()
    rows = []
    for name, probe in PROBES.items():
        try:
            rows.append({"part": name, "works": True, "detail": probe()})
        except Exception as error:  # noqa: BLE001 - the whole point is to say what is wrong, whatever it is
            rows.append({"part": name, "works": False, "detail": str(error)})
    if json_:
        site.say_table(rows, json_=True)
    else:
        for row in rows:
            click.echo(f"{'ok  ' if row['works'] else 'FAIL'}  {row['part']}: {row['detail']}")
    if not all(row["works"] for row in rows):
        raise SystemExit(1)


def _configuration() -> str:
    from django.conf import settings
    from django.core.checks import ERROR, run_checks

    wrong = [message for message in run_checks() if message.level >= ERROR]
    if wrong:
        raise RuntimeError("; ".join(str(message.msg) for message in wrong))
    return f"data in {settings.OPTIONS.data}"


def _database() -> str:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise RuntimeError(f"{len(missing)} migrations are missing; run `sinfonietta upgrade`")
    return f"{connection.vendor}, up to date"


def _disk() -> str:
    from django.conf import settings

    free = shutil.disk_usage(settings.OPTIONS.data).free
    if not os.access(settings.OPTIONS.data, os.W_OK):
        raise RuntimeError(f"{settings.OPTIONS.data} cannot be written")
    if free < LEAST_FREE_BYTES:
        raise RuntimeError(f"only {free >> 20} MiB are free in {settings.OPTIONS.data}")
    return f"{free >> 30} GiB free"


def _bytes() -> str:
    from sinfonietta.blobs import store

    staged = store.default().stage()
    store.default().discard(staged)
    return "the store of the files can be written"


def _search() -> str:
    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.search import queries

    state = queries.state(actor=SYSTEM)
    behind = f"{state.waiting:,} changes wait" if state.waiting else "in step"
    return behind if state.knows_names else f"{behind}; parts of names are looked for without an index (no pg_trgm)"


def _secret() -> str:
    from django.conf import settings

    from sinfonietta.config import secret

    mode = secret.path(settings.OPTIONS).stat().st_mode & 0o077
    if mode:
        raise RuntimeError("others may read the secret key; chmod 600 it")
    return "only the owner may read it"


def _decoding() -> str:
    from pydicom.data import get_testdata_file

    from sinfonietta.dicom.sandbox import isolation

    path = get_testdata_file("CT_small.dcm", download=False)
    if not isinstance(path, str) or isolation.pool().parse(Path(path)) is None:
        raise RuntimeError("the process for strangers' files does not answer")
    return "a separate process reads and draws images"


def _dicom_door() -> str:
    import socket

    from django.conf import settings

    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.dicom.peers import queries, tls

    options = settings.OPTIONS
    secured = "with TLS" if tls.for_callers() else "without TLS"
    if not options.dimse_port:
        return f"off under `serve` (the setting dimse_port), {secured}"
    unknown = [peer.ae_title for peer in queries.peers(actor=SYSTEM) if not queries.addresses(peer.host)]
    if unknown:
        raise RuntimeError(f"the hosts of these nodes have no address: {', '.join(unknown)}")
    with socket.socket() as probe:
        open_ = probe.connect_ex(("127.0.0.1", options.dimse_port)) == 0
    return f"AE title {options.ae_title}, port {options.dimse_port} ({'open' if open_ else 'not open now'}), {secured}"


def _documents() -> str:
    from sinfonietta.previews import office

    found = office.program()
    return f"{found} shows office documents" if found else "no LibreOffice: office documents are downloaded, not shown"


PROBES: dict[str, Callable[[], str]] = {
    "configuration": _configuration,
    "database": _database,
    "disk": _disk,
    "bytes": _bytes,
    "search": _search,
    "secret key": _secret,
    "image decoding": _decoding,
    "documents": _documents,
    "DICOM door": _dicom_door,
}
