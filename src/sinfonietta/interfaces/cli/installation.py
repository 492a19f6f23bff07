"""Making and upgrading an installation."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import click

from sinfonietta.interfaces.cli import site


@dataclass(frozen=True)
class Credentials:
    """Of the first administrator; said once."""

    name: str
    password: str


def prepare(admin: str = "admin") -> Credentials | None:
    """Make or migrate folder and database; the first administrator where nobody is there yet."""
    from django.conf import settings
    from django.core.management import call_command

    from sinfonietta.accounts import services
    from sinfonietta.accounts.models import User

    settings.OPTIONS.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    call_command("migrate", interactive=False, verbosity=0)
    if User.objects.exists():
        return None
    credentials = Credentials(admin, secrets.token_urlsafe(12))
    services.create_user(
        actor=site.keeper(), name=admin, password=credentials.password, full_name="Administrator", is_admin=True
    )
    return credentials


def announce(made: Credentials | None) -> None:
    """Say the first administrator's password, on standard error, once."""
    if made:
        site.screen.print(f"Administrator: [bold]{made.name}[/]  password: [bold]{made.password}[/]  (said only now)")


@click.command()
@site.installation
@site.as_json
@click.option("--admin", default="admin", show_default=True, help="Sign-in name of the first administrator.")
@site.problems_said
def init(admin: str, json_: bool) -> None:
    """Make the data folder and the database, and the first administrator. Safe to call again."""
    site.start_django(must_exist=False)
    from django.conf import settings

    made = prepare(admin)
    where = settings.OPTIONS.data
    result = {"data": str(where), "administrator": made and made.name, "password": made and made.password}
    said = f"Administrator {made.name}, password {made.password} (said only now)." if made else "It was there already."
    site.say(result, json_=json_, sentence=f"The installation is in {where}. {said}")


@click.command()
@site.installation
@site.as_json
@site.problems_said
def upgrade(json_: bool) -> None:
    """Bring the database up to this version of the program."""
    site.start_django()
    from django.conf import settings

    announce(prepare())
    site.say({"data": str(settings.OPTIONS.data)}, json_=json_, sentence="The database is up to date.")


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@site.installation
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def manage(arguments: tuple[str, ...]) -> None:
    """Django's own commands, for developers."""
    site.start_django(must_exist=False)
    from django.core.management import execute_from_command_line

    execute_from_command_line(["sinfonietta manage", *arguments])
