"""Bringing local files in, and checking what is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from rich.progress import Progress

from sinfonietta.interfaces.cli import site
from sinfonietta.interfaces.cli.remote import bar, files_of


@click.command("import")
@site.installation
@site.as_json
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--into", required=True, help='Where to: "Collection/Folder"; what is missing is made.')
@click.option("--as", "name", required=True, help="The account that brings them.")
@site.problems_said
def import_(paths: tuple[Path, ...], into: str, name: str, json_: bool) -> None:
    """Bring files and folders in from this machine's disk, as an account would."""
    site.start_django()
    from sinfonietta.accounts.actor import Origin
    from sinfonietta.accounts.queries import actor_for_user
    from sinfonietta.common.errors import Problem

    user = site.user_named(name)
    if not user.is_active:
        raise click.ClickException(f"The account {name!r} is closed; `sinfonietta enable-user` opens it.")
    actor = actor_for_user(user, Origin(door="cli"))
    collection, folders = place(actor, into)
    files = list(files_of(paths))
    progress, task = bar(sum(path.stat().st_size for path, _ in files))
    failed: list[dict[str, str]] = []
    with progress:
        for path, relative in files:
            try:
                bring(actor, path, collection, "/".join((*folders, relative)))
            except (Problem, OSError) as error:
                failed.append({"path": relative, "problem": str(error)})
            progress.advance(task, path.stat().st_size)
    result = {"files": len(files) - len(failed), "failed": failed}
    said = "".join(f"\n{row['path']}: {row['problem']}" for row in failed)
    site.say(result, json_=json_, sentence=f"{result['files']} files are in {into}; {len(failed)} failed.{said}")
    if failed:
        raise SystemExit(1)


def place(actor: Any, into: str) -> tuple[UUID, tuple[str, ...]]:
    """The collection that ``into`` begins with, made when the account sees none of that name; the folders below."""
    from sinfonietta.common.errors import NotFound
    from sinfonietta.library import queries, services

    first, *folders = [part for part in into.split("/") if part] or [""]
    if not first:
        raise click.UsageError("--into needs at least the name of a collection.")
    try:
        collection = queries.node_at(actor=actor, path=f"/{first}").uid
    except NotFound:
        collection = services.create_collection(actor=actor, name=first).uid
    return collection, tuple(folders)


def bring(actor: Any, path: Path, parent: UUID, relative: str) -> Any:
    """File one local file below ``parent``, making the folders of ``relative``, with the file's own time."""
    from sinfonietta.ingest import services

    with path.open("rb") as stream:
        return services.put(
            actor=actor,
            parent_uid=parent,
            name=path.name,
            stream=stream,
            length=path.stat().st_size,
            relative_path=relative,
            modified=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        )


@click.command()
@site.installation
@site.as_json
@click.option("--repair", is_flag=True, help="Remove bytes and staging that nothing refers to any more.")
@site.problems_said
def verify(repair: bool, json_: bool) -> None:
    """Check that every row has its bytes and every byte its hash; exit 1 and a list where not."""
    site.start_django()
    from sinfonietta.blobs import services

    findings = [finding.as_dict() for finding in services.verify(actor=site.keeper(), repair=repair)]
    if findings:
        site.say_table(findings, json_=json_)
        raise SystemExit(1)
    site.say({"findings": []}, json_=json_, sentence="Every row has its bytes, every byte its hash.")


@click.command()
@site.installation
@site.as_json
@click.option("--as-job", is_flag=True, help="Leave it to a worker, and print the id of the job.")
@click.option("--search", "only_search", is_flag=True, help="Only what searches find; no file is read again.")
@site.problems_said
def reindex(as_job: bool, only_search: bool, json_: bool) -> None:
    """Read all stored DICOM files again and bring the indexes up to date; nothing disappears meanwhile."""
    site.start_django()
    from dataclasses import asdict

    kind = "search.reindex" if only_search else "dicom.reindex"

    if as_job:
        from sinfonietta.jobs import services as jobs

        job = jobs.enqueue(actor=site.keeper(), kind=kind, payload={})
        site.say({"job": str(job.uid)}, json_=json_, sentence=str(job.uid))
        return
    from sinfonietta.dicom.index.reindex import reindex as read_again
    from sinfonietta.search.services import reindex as describe_again

    counts: dict[str, int] = {}
    with Progress(console=site.screen, transient=True) as progress:
        task = progress.add_task("Reading files again", total=1.0)

        def step(done: float) -> None:
            progress.update(task, completed=done)

        if not only_search:
            counts |= asdict(read_again(actor=site.keeper(), step=step))
            progress.update(task, description="Describing everything again", completed=0)
        counts |= asdict(describe_again(actor=site.keeper(), step=step))
    said = ", ".join(f"{name} {number}" for name, number in counts.items())
    site.say(counts, json_=json_, sentence=f"Read again: {said}.")
