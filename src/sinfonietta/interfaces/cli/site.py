"""What commands on the server share: where the installation is, Django, results for people and programs."""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from rich.console import Console
from rich.table import Column, Table

from sinfonietta.common.errors import Problem

if TYPE_CHECKING:
    from sinfonietta.config.options import Options

F = TypeVar("F", bound=Callable[..., Any])
screen = Console(stderr=True, soft_wrap=True, highlight=False)
SAID = "SINFONIETTA_SAID"


def installation(command: F) -> F:
    """Adds ``--data`` and ``--config``; both end in the environment, where the settings look, a child's too."""
    for option, variable, said in (
        ("--data", "SINFONIETTA_DATA", "The data folder (or SINFONIETTA_DATA)."),
        ("--config", "SINFONIETTA_CONFIG", "The configuration file (or SINFONIETTA_CONFIG)."),
    ):
        command = click.option(
            option,
            envvar=variable,
            type=click.Path(path_type=Path),
            expose_value=False,
            is_eager=True,
            callback=_into_environment(variable),
            help=said,
        )(command)
    return command


def _into_environment(variable: str) -> Callable[[click.Context, click.Parameter, Path | None], None]:
    def remember(context: click.Context, parameter: click.Parameter, value: Path | None) -> None:
        if value is not None:
            os.environ[variable] = str(value.absolute())

    return remember


def settings() -> Options:
    """The settings, and the rights of the account that they name; what is odd is said once, not by each child.

    Raises ClickException where they cannot be used.
    """
    from sinfonietta.config import options
    from sinfonietta.interfaces.cli.rights import take_rights

    os.environ.setdefault("SINFONIETTA_LOG_FORMAT", "text" if sys.stderr.isatty() else "json")
    try:
        loaded = options.load()
    except options.ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    if SAID not in os.environ:
        for name in options.unknown_in_environment():
            screen.print(f"{name} is no setting of Sinfonietta and is ignored.")
    take_rights(loaded)
    os.environ[SAID] = "1"
    return loaded


def start_django(*, must_exist: bool = True) -> None:
    """Load the settings and the rooms. A clear error instead of a trace where the installation cannot be used.

    What this process and its children write from here on is for their account alone, whoever made the data folder.
    """
    from sinfonietta.config.options import ConfigurationError

    os.umask(0o077)
    loaded = settings()
    os.environ["DJANGO_SETTINGS_MODULE"] = "sinfonietta.config.settings"
    try:
        if must_exist and not loaded.secret_key_file and not (loaded.data / "secret.key").exists():
            raise click.ClickException(
                f"There is no installation in {loaded.data}. Name it with --data, or make it with `sinfonietta init`."
            )
        import django

        django.setup()
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(
            f"The data folder {loaded.data} cannot be used: {error.strerror or error} ({error.filename}). "
            "It must belong to the account that runs Sinfonietta."
        ) from error


def as_json(command: F) -> F:
    """Adds ``--json``."""
    return click.option("--json", "json_", is_flag=True, help="Print the result as JSON.")(command)


def say(result: dict[str, Any], *, json_: bool, sentence: str) -> None:
    """Print a result: JSON for programs, a sentence for people."""
    click.echo(json.dumps(result, default=str) if json_ else sentence)


def say_table(rows: list[dict[str, Any]], *, json_: bool) -> None:
    """Print rows: one JSON list for programs, a table for people."""
    if json_:
        click.echo(json.dumps(rows, default=str))
        return
    table = Table(*(Column(name, overflow="fold") for name in (rows[0] if rows else {})), box=None)
    for row in rows:
        table.add_row(*map(_cell, row.values()))
    Console(width=None if sys.stdout.isatty() else 1000).print(table)  # nothing is cut for a program


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "" if value is None else str(value)


class Refused(click.ClickException):
    """A problem of the house on the command line: its sentence, and exit code 1."""

    def __init__(self, problem: Problem) -> None:
        said = [problem.detail or problem.title]
        said += [f"{field}: {' '.join(sentences)}" for field, sentences in problem.errors.items()]
        super().__init__("\n".join(said))


def problems_said(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn problems of the house, and a database that is away or not yet made, into sentences."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except Problem as problem:
            raise Refused(problem) from problem
        except Exception as error:
            if said := _database_said(error):
                raise click.ClickException(said) from error
            raise

    return wrapped


def _database_said(error: Exception) -> str:
    """What to do when the database cannot be used; nothing for any other error, and before Django is there."""
    if "django.db" not in sys.modules:
        return ""
    from django.db import InterfaceError, OperationalError, ProgrammingError

    if not isinstance(error, InterfaceError | OperationalError | ProgrammingError):
        return ""
    said = str(error).strip().partition("\n")[0]
    if "no such table" in said or "does not exist" in said or "no such column" in said:
        return f"The database is not that of this version ({said}); run `sinfonietta upgrade`."
    return f"The database cannot be used: {said}. `sinfonietta check` says which; the setting is `database_url`."


def keeper() -> Any:
    """The system as actor, coming by the command line."""
    from sinfonietta.accounts.actor import SYSTEM, Origin

    return SYSTEM.at(Origin(door="cli"))


def user_named(name: str) -> Any:
    """The account of that sign-in name; a clear error where there is none."""
    from sinfonietta.accounts.models import User

    user = User.objects.filter(name__iexact=name).first()
    if user is None:
        raise click.ClickException(f"There is no account {name!r}.")
    return user
