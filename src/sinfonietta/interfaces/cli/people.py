"""Accounts, groups and tokens from the command line."""

from __future__ import annotations

import sys
from uuid import UUID

import click

from sinfonietta.interfaces.cli import site


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@click.option("--email", default="", help="Mail address.")
@click.option("--full-name", default="", help="The name that others see.")
@click.option("--admin", is_flag=True, help="Runs the site.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@site.problems_said
def create_user(name: str, email: str, full_name: str, admin: bool, password_stdin: bool, json_: bool) -> None:
    """Make an account with a home collection."""
    site.start_django()
    from sinfonietta.accounts import services

    user = services.create_user(
        actor=site.keeper(),
        name=name,
        email=email,
        full_name=full_name,
        password=_password(password_stdin),
        is_admin=admin,
    )
    site.say({"id": user.uid, "name": user.name}, json_=json_, sentence=f"{user.name} has an account.")


@click.command()
@site.installation
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@site.problems_said
def set_password(name: str, password_stdin: bool) -> None:
    """Give an account a new password; its sessions end."""
    site.start_django()
    from sinfonietta.accounts import services

    services.set_password(actor=site.keeper(), user=site.user_named(name), password=_password(password_stdin))
    click.echo(f"{name} has a new password.")


@click.command()
@site.installation
@click.argument("name")
@site.problems_said
def disable_user(name: str) -> None:
    """Close an account at once on every door; what it owns stays."""
    site.start_django()
    from sinfonietta.accounts import services

    services.set_active(actor=site.keeper(), user=site.user_named(name), active=False)
    click.echo(f"{name} can no longer sign in.")


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@click.argument("users", nargs=-1)
@site.problems_said
def create_group(name: str, users: tuple[str, ...], json_: bool) -> None:
    """Make a group of accounts; the first named manages it."""
    site.start_django()
    from sinfonietta.accounts import services

    members = [site.user_named(user) for user in users]
    group = services.create_group(actor=site.keeper(), name=name, members=members)
    site.say(
        {"id": group.uid, "name": group.name}, json_=json_, sentence=f"The group {name} has {len(members)} members."
    )


@click.command()
@site.installation
@click.argument("user")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", type=click.Choice(["read", "write", "admin"]), default="write", show_default=True)
@click.option("--days", type=click.IntRange(1), help="Days until it expires; without: never.")
@site.problems_said
def create_token(user: str, name: str, scope: str, days: int | None) -> None:
    """Make a token for programs; print it, and nothing else."""
    site.start_django()
    from sinfonietta.accounts import services

    _, secret = services.create_token(
        actor=site.keeper(), user=site.user_named(user), name=name, scope=scope, days=days
    )
    click.echo(secret)


@click.command()
@site.installation
@click.argument("token")
@site.problems_said
def revoke_token(token: str) -> None:
    """End a token (its id, or the secret itself) at once."""
    site.start_django()
    from sinfonietta.accounts import queries, services

    try:
        uid = UUID(token)
    except ValueError:
        uid = queries.token_id(token)
    services.revoke_token(actor=site.keeper(), uid=uid)
    click.echo("The token is revoked.")
