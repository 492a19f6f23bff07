"""``demo``: an installation with example data, served in the foreground."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from sinfonietta.interfaces.cli import bring, installation, serve, site

PASSWORDS = "demo-passwords.txt"


@click.command()
@site.installation
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port of the web server.")
@serve.coming_doors
@site.problems_said
def demo(host: str, port: int, dimse_port: int | None) -> None:
    """Fill a data folder with example data (once) and serve it until Ctrl-C."""
    os.environ.setdefault("SINFONIETTA_LOG_FORMAT", "text")
    os.environ.setdefault("SINFONIETTA_LOG_LEVEL", "WARNING")
    # Filling needs Django and the supervisor shall stay small: a child of its own does it.
    if subprocess.call([sys.executable, "-m", "sinfonietta", "demo-fill"]):
        raise click.ClickException("The example data could not be made; see above.")
    _welcome(Path(os.environ.get("SINFONIETTA_DATA", "var/data")), host, port)
    serve.run(host, port, dimse_port, None)


def _welcome(data: Path, host: str, port: int) -> None:
    people = [line.split("\t") for line in (data / PASSWORDS).read_text(encoding="utf-8").splitlines()]
    click.echo(f"\n  Sinfonietta is at http://{host}:{port}   (research only, not a medical device)\n")
    for name, password, full_name in people:
        click.echo(f"    {name:8} {password:24} {full_name}")
    click.echo("\n  Ctrl-C ends it; started again it keeps the data.\n", nl=True)
    sys.stdout.flush()


@click.command("demo-fill", hidden=True)
@site.installation
@site.problems_said
def fill() -> None:
    """Make installation, people and example data, unless they are there."""
    site.start_django(must_exist=False)
    from django.conf import settings

    data: Path = settings.OPTIONS.data
    mark = data / "demo-filled"
    if mark.exists():
        installation.prepare()
        return
    _people(data)
    _content()
    mark.touch()


def _people(data: Path) -> None:
    """The cast with passwords of this installation alone, kept beside the data for whoever runs the demo."""
    from sinfonietta.accounts import services
    from sinfonietta.accounts.models import Group, User
    from sinfonietta.demo import layout

    made = installation.prepare(layout.PEOPLE[0].name)
    notes = data / PASSWORDS
    known = dict(line.split("\t")[:2] for line in notes.read_text().splitlines()) if notes.exists() else {}
    if made:
        known[made.name] = made.password
    for person in layout.PEOPLE:
        known.setdefault(person.name, secrets.token_urlsafe(9))
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.writelines(f"{one.name}\t{known[one.name]}\t{one.full_name}\n" for one in layout.PEOPLE)
    for person in layout.PEOPLE[1:]:
        if not User.objects.filter(name=person.name).exists():
            services.create_user(
                actor=site.keeper(), name=person.name, full_name=person.full_name, email=person.email,
                password=known[person.name],
            )  # fmt: skip
    name, members = layout.GROUP
    if not Group.objects.filter(name=name).exists():
        services.create_group(actor=site.keeper(), name=name, members=[site.user_named(member) for member in members])


def _content() -> None:
    from rich.progress import Progress

    from sinfonietta.accounts.actor import Origin
    from sinfonietta.accounts.queries import actor_for_user
    from sinfonietta.demo import files, layout
    from sinfonietta.demo.phantom import write_phantom, write_second_patient
    from sinfonietta.library import services
    from sinfonietta.library.models import Level, Node

    owner = actor_for_user(site.user_named(layout.OWNER), Origin(door="cli"))
    for unfinished in Node.objects.filter(kind="collection", name__in=[layout.STUDY[0], layout.SAMPLES[0]], trash=None):
        services.trash(actor=owner, uid=unfinished.uid)  # of a demo that was broken off; begun anew
    with tempfile.TemporaryDirectory() as folder, Progress(console=site.screen, transient=True) as progress:
        task = progress.add_task("Making the phantom", total=64)
        write_phantom(Path(folder) / "Patient PHANTOM-000", progress=lambda done: progress.update(task, completed=done))
        write_second_patient(Path(folder) / "Patient YAMADA-000")
        files.write_files(Path(folder) / "Documents")
        study = services.create_collection(actor=owner, name=layout.STUDY[0], description=layout.STUDY[1])
        _bring(
            owner,
            study.uid,
            [path for path in sorted(Path(folder).rglob("*")) if path.is_file()],
            Path(folder),
            progress,
        )
        samples = services.create_collection(actor=owner, name=layout.SAMPLES[0], description=layout.SAMPLES[1])
        _bring(owner, samples.uid, layout.pydicom_samples(), None, progress)
    results = services.create_folder(actor=owner, parent=study.uid, name=layout.WRITABLE)
    group = ("group", layout.GROUP[0], Level.READ)
    services.set_grants(actor=owner, uid=study.uid, inherit=False, grants=[group])
    writer = ("user", layout.WRITER, Level.WRITE)
    services.set_grants(actor=owner, uid=results.uid, inherit=False, grants=[group, writer])
    services.set_grants(actor=owner, uid=samples.uid, inherit=False, everyone="read")
    services.set_metadata(
        actor=owner, uid=study.uid, changes={"prescribed_gy": 60, "fractions": 30, "sites": ["A", "B", "C"]}
    )


def _bring(owner: Any, parent: Any, paths: list[Path], root: Path | None, progress: Any) -> None:
    task = progress.add_task("Filing and indexing", total=len(paths))
    for path in paths:
        bring.bring(owner, path, parent, path.relative_to(root).as_posix() if root else path.name)
        progress.advance(task)
