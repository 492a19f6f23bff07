"""``serve`` and the roles that it keeps alive: web, the DICOM door and workers."""

from __future__ import annotations

import errno
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import click

from sinfonietta.config import logs
from sinfonietta.interfaces.cli import installation, site
from sinfonietta.interfaces.cli.supervisor import Part, Supervisor

BACKLOG = 2048
PORT = click.IntRange(0, 65535)


def coming_doors(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the ports of doors that this version does not have yet; naming one says so."""

    def say(context: click.Context, option: click.Parameter, port: int) -> None:
        if port:
            site.screen.print(f"{option.human_readable_name}: this version has no such door; nothing listens there.")

    said = "Taken for later: this version has no such door."
    command = click.option("--sftp-port", type=PORT, default=0, expose_value=False, callback=say, help=said)(command)
    said = "Port of the DICOM door for other nodes; 0: off (default: the setting `dimse_port`)."
    return click.option("--dimse-port", type=PORT, help=said)(command)


@click.command()
@site.installation
@coming_doors
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port of the web server; 0: off.")
@click.option("--workers", type=click.IntRange(0), help="Background processes (default: the setting `workers`).")
@site.problems_said
def serve(host: str, port: int, dimse_port: int | None, workers: int | None) -> None:
    """All of it on one machine under one supervisor that restarts a part that dies."""
    run(host, port, dimse_port, workers)


def run(host: str, port: int, dimse_port: int | None, workers: int | None) -> None:
    """Prepare the installation and keep its parts alive until SIGTERM or SIGINT."""
    # Opened first: a port that only root may open is opened before root's rights are given up, and one that is taken
    # is said at once. The supervisor keeps it, so that nobody is turned away while the web server starts again.
    door = listen(host, port).detach() if port else None
    dicom = listen(host, dimse_port, "--dimse-port").detach() if dimse_port else None
    options = site.settings()
    if dimse_port is None and options.dimse_port:
        dimse_port = options.dimse_port
        dicom = listen(host, dimse_port, "dimse_port").detach()
    wanted = options.workers if workers is None else workers
    if door is None and dicom is None and not wanted:
        raise click.UsageError("With --port 0 and no workers there is nothing to run.")
    # The preparation needs Django; a child of its own keeps the supervisor small.
    if subprocess.call([sys.executable, "-m", "sinfonietta", "init-quietly"]):
        raise click.ClickException("The installation could not be prepared; see above.")
    logs.configure(options)
    parts = [Part(f"worker-{n}", ["worker"]) for n in range(wanted)]
    if door is not None:
        parts.insert(0, Part("web", ["web", "--descriptor", str(door)], descriptors=(door,)))
        site.screen.print(f"Sinfonietta is at http://{address(host, port)}. Ctrl-C ends it.")
    if dicom is not None:
        parts.append(Part("dimse", ["dimse", "--descriptor", str(dicom)], descriptors=(dicom,)))
        site.screen.print(f"Other DICOM nodes find it as {options.ae_title} at {address(host, dimse_port or 0)}.")
    Supervisor(parts).run()


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens at the address. Raises ClickException when it is taken, not ours or none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = (
            f"another program listens there; name another one with {option}" if error.errno == errno.EADDRINUSE else ""
        )
        said = why or str(error.strerror or error).lower()
        raise click.ClickException(f"Cannot listen at {address(host, port)}: {said}.") from error


def address(host: str, port: int) -> str:
    """Host and port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@click.command()
@site.installation
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen at.")
@click.option("--descriptor", type=int, hidden=True, help="A socket that listens already: the supervisor's.")
@site.problems_said
def web(host: str, port: int, descriptor: int | None) -> None:
    """The web server alone: gunicorn with threads."""
    door = listen(host, port).detach() if descriptor is None else descriptor
    site.start_django()
    from sinfonietta.interfaces.cli.webserver import WebServer

    WebServer(door).run()


@click.command()
@site.installation
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=PORT, default=11112, show_default=True, help="Port to listen at.")
@click.option("--descriptor", type=int, hidden=True, help="A socket that listens already: the supervisor's.")
@site.problems_said
def dimse(host: str, port: int, descriptor: int | None) -> None:
    """The DICOM door for other nodes alone."""
    door = listen(host, port) if descriptor is None else socket.socket(fileno=descriptor)
    site.start_django()
    from sinfonietta.interfaces.dimse import server

    server.run(door)


@click.command()
@site.installation
@site.problems_said
def worker() -> None:
    """One process for background work alone."""
    site.start_django()
    from sinfonietta.jobs.runner import run_worker
    from sinfonietta.search.following import Follower

    stop = threading.Event()

    def end(number: int, frame: Any) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    with Follower():
        run_worker(stop)


@click.command("init-quietly", hidden=True)
@site.installation
@site.problems_said
def init_quietly() -> None:
    """What ``serve`` does first: make or upgrade the installation, and say the first password."""
    site.start_django(must_exist=False)
    installation.announce(installation.prepare())
