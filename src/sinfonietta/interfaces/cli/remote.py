"""``put`` and ``get``: files to and from a server, with a token. Needs no Django."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from sinfonietta.interfaces.cli.client import Client, ServerSaid, sha256_of

F = TypeVar("F", bound=Callable[..., Any])
AT_ONCE = 4
NODE_ID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def server(command: F) -> F:
    """Adds ``--server`` and ``--token``."""
    for name, said in (
        ("token", "A token of your account; in the variable it is not seen by others on this machine."),
        ("server", "Such as https://data.example.org."),
    ):
        variable = f"SINFONIETTA_{name.upper()}"
        command = click.option(f"--{name}", envvar=variable, show_envvar=True, required=True, help=said)(command)
    return command


def files_of(paths: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Each file below the paths, with its path relative to the parent of the one named. Links are not followed."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    yield (
                        file,
                        file.relative_to(path.absolute().parent if path.name in ("", "..") else path.parent).as_posix(),
                    )
        else:
            yield path, path.name


def bar(size_bytes: int) -> tuple[Progress, TaskID]:
    """A progress bar of bytes on standard error."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    return progress, progress.add_task("bytes", total=size_bytes)


@click.command()
@server
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--into", required=True, help='Where to: "Collection/Folder"; what is missing is made.')
@click.option("--json", "json_", is_flag=True, help="Print the result as JSON.")
def put(server: str, token: str, paths: tuple[Path, ...], into: str, json_: bool) -> None:
    """Send files and folders. Called again, it goes on where it broke off and skips what is there already."""
    client = Client(server, token)
    place = client.place(into)
    there = {} if place.missing else {row["path"]: row["sha256"] for row in client.manifest(place.node)}
    files = list(files_of(paths))
    progress, task = bar(sum(path.stat().st_size for path, _ in files))

    def one(path: Path, relative: str) -> dict[str, Any]:
        if there.get(relative) and there[relative] == sha256_of(path):
            progress.advance(task, path.stat().st_size)
            return {"path": relative, "state": "already there"}
        sent = client.send(path, place, relative, lambda count: progress.advance(task, count))
        return {"path": relative, "state": "sent", "id": sent["id"], "sha256": sent["sha256"]}

    with progress:
        results, failed = _all(one, files)
    _report(results, failed, json_, "sent")


@click.command()
@server
@click.argument("what")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "json_", is_flag=True, help="Print the result as JSON.")
def get(server: str, token: str, what: str, directory: Path, json_: bool) -> None:
    """Fetch a file, or all of a folder, by its path or address into DIRECTORY, comparing hashes."""
    client = Client(server, token)
    node = _node(client, what)
    if node["type"] == "file":
        rows = [node | {"path": node["name"], "url": f"/api/v1/files/{node['id']}/content"}]
    else:
        rows = client.manifest(node["id"])
    progress, task = bar(sum(row["size_bytes"] for row in rows))

    def one(url: str, path: str, sha256: str) -> dict[str, Any]:
        target = _inside(directory, path)
        if target.is_file() and sha256_of(target) == sha256:
            return {"path": path, "state": "already there"}
        client.fetch(url, target, sha256, lambda count: progress.advance(task, count))
        return {"path": path, "state": "fetched", "sha256": sha256}

    with progress:
        results, failed = _all(one, [(row["url"], row["path"], row["sha256"]) for row in rows])
    _report(results, failed, json_, "fetched")


def _node(client: Client, what: str) -> dict[str, Any]:
    named = NODE_ID.findall(what)
    if named:
        return dict(client.json("GET", f"/api/v1/nodes/{named[-1]}"))
    node = client.find(what)
    if node is None:
        raise ServerSaid(f"There is nothing at {what!r}, or it is not yours to see.")
    return node


def _inside(directory: Path, path: str) -> Path:
    """Where a file of the server goes. A server that names a place outside is refused."""
    target = directory.joinpath(*path.split("/"))
    if not target.resolve().is_relative_to(directory.resolve()):
        raise ServerSaid(f"The server named a place outside the target: {path!r}.")
    return target


def _all(one: Callable[..., dict[str, Any]], items: list[Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Run ``one`` for all items, some at a time; what failed does not stop the others, Ctrl-C stops all at once."""
    results, failed = [], []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(one, *item): item for item in items}
        try:
            for done in as_completed(running):
                try:
                    results.append(done.result())
                except (click.ClickException, OSError) as error:
                    failed.append(f"{running[done][1]}: {getattr(error, 'message', error)}")
        except KeyboardInterrupt:
            click.echo("Broken off; the same command goes on where it was.", err=True)
            os._exit(130)  # the threads would finish their files first
    return results, failed


def _report(results: list[dict[str, Any]], failed: list[str], json_: bool, verb: str) -> None:
    if json_:
        click.echo(json.dumps({"results": results, "failed": failed}))
    else:
        moved = sum(result["state"] == verb for result in results)
        click.echo(f"{moved} {verb}, {len(results) - moved} already there, {len(failed)} failed.")
        for sentence in failed:
            click.echo(sentence, err=True)
    if failed:
        raise SystemExit(1)
