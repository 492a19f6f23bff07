"""``serve`` and the roles that it keeps alive: web and workers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import click

from sinfonietta.interfaces.cli import installation, site
from sinfonietta.interfaces.cli.rights import take_rights
from sinfonietta.interfaces.cli.supervisor import Part, Supervisor


def coming_doors(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the ports of doors that this version does not have yet; naming one says so."""

    def say(context: click.Context, option: click.Parameter, port: int) -> None:
        if port:
            site.screen.print(f"{option.human_readable_name}: this version has no such door; nothing listens there.")

    said = "Taken for later: this version has no such door."
    command = click.option("--sftp-port", type=int, default=0, expose_value=False, callback=say, help=said)(command)
    said = "Port of the DICOM door for other nodes; 0: off (default: the setting `dimse_port`)."
    return click.option("--dimse-port", type=click.IntRange(0, 65535), help=said)(command)


@click.command()
@site.installation
@coming_doors
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port of the web server; 0: off.")
@click.option("--workers", type=int, help="Processes for background work (default: the setting `workers`).")
@site.problems_said
def serve(host: str, port: int, dimse_port: int | None, workers: int | None) -> None:
    """All of it on one machine under one supervisor that restarts a part that dies."""
    run(host, port, dimse_port, workers)


def run(host: str, port: int, dimse_port: int | None, workers: int | None) -> None:
    """Prepare the installation and keep its parts alive until SIGTERM or SIGINT."""
    from sinfonietta.config.options import load

    options = load()
    take_rights(options)
    # The preparation needs Django; a child of its own keeps the supervisor small.
    if subprocess.call([sys.executable, "-m", "sinfonietta", "init-quietly"]):
        raise click.ClickException("The installation could not be prepared; see above.")
    parts = [Part(f"worker-{n}", ["worker"]) for n in range(options.workers if workers is None else workers)]
    if port:
        parts.insert(0, Part("web", ["web", "--host", host, "--port", str(port)]))
    if dimse := options.dimse_port if dimse_port is None else dimse_port:
        parts.append(Part("dimse", ["dimse", "--host", host, "--port", str(dimse)]))
    Supervisor(parts).run()


@click.command()
@site.installation
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port to listen at.")
def web(host: str, port: int) -> None:
    """The web server alone: gunicorn with threads."""
    from sinfonietta.config.options import load

    take_rights(load())
    site.start_django()
    from sinfonietta.interfaces.cli.webserver import WebServer

    WebServer(host, port).run()


@click.command()
@site.installation
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=11112, show_default=True, help="Port to listen at.")
def dimse(host: str, port: int) -> None:
    """The DICOM door for other nodes alone."""
    from sinfonietta.config.options import load

    take_rights(load())
    site.start_django()
    from sinfonietta.interfaces.dimse import server

    try:
        server.run(host, port)
    except OSError as error:
        raise click.ClickException(f"The DICOM door cannot be opened: {error}") from error


@click.command()
@site.installation
def worker() -> None:
    """One process for background work alone."""
    from sinfonietta.config.options import load

    take_rights(load())
    site.start_django()
    from sinfonietta.jobs.runner import run_worker

    stop = threading.Event()

    def end(number: int, frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    run_worker(stop)


@click.command("init-quietly", hidden=True)
@site.installation
@site.problems_said
def init_quietly() -> None:
    """What ``serve`` does first: make or upgrade the installation, and say the first password."""
    site.start_django(must_exist=False)
    installation.announce(installation.prepare())
