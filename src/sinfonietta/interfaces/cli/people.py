"""Accounts from the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from sinfonietta.interfaces.cli import site

ROLES = {
    "admin": "Runs the site: accounts, settings.",
    "reviewer": "Reviews models.",
    "auditor": "Reads who did what.",
}


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@click.option("--email", default="", help="Mail address.")
@click.option("--full-name", default="", help="The name that others see.")
@click.option("--admin", is_flag=True, help=ROLES["admin"])
@click.option("--reviewer", is_flag=True, help=ROLES["reviewer"])
@click.option("--auditor", is_flag=True, help=ROLES["auditor"])
@password_stdin
@site.problems_said
def create_user(
    name: str, email: str, full_name: str, admin: bool, reviewer: bool, auditor: bool, password_stdin: bool, json_: bool
) -> None:
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
        is_reviewer=reviewer,
        is_auditor=auditor,
    )
    site.say({"id": user.uid, "name": user.name}, json_=json_, sentence=f"{user.name} has an account.")


@click.command()
@site.installation
@site.as_json
@site.problems_said
def list_users(json_: bool) -> None:
    """All accounts with their roles."""
    site.start_django()
    from sinfonietta.accounts import queries

    site.say_table([_row(user) for user in queries.users(actor=site.keeper())], json_=json_)


def _row(user: Any) -> dict[str, Any]:
    roles = [role for role in ROLES if getattr(user, f"is_{role}")]
    state = "open" if user.is_active else "closed"
    return {
        "id": user.uid, "name": user.name, "full_name": user.full_name, "email": user.email, "roles": roles,
        "state": state,
    }  # fmt: skip


def _roles(command: Callable[..., None]) -> Callable[..., None]:
    for role in reversed(ROLES):
        command = click.option(f"--{role}/--no-{role}", default=None, help=ROLES[role])(command)
    return command


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@_roles
@site.problems_said
def set_roles(name: str, json_: bool, **said: bool | None) -> None:
    """Give site roles to an account, or take them; those that are not named stay."""
    site.start_django()
    from sinfonietta.accounts import services

    user = site.user_named(name)
    roles = {f"is_{role}": getattr(user, f"is_{role}") if on is None else on for role, on in said.items()}
    services.set_roles(actor=site.keeper(), user=user, **roles)
    row = _row(user)
    site.say(row, json_=json_, sentence=f"{user.name}: {', '.join(row['roles']) or 'no site role'}.")


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@password_stdin
@site.problems_said
def set_password(name: str, password_stdin: bool, json_: bool) -> None:
    """Give an account a new password; its sessions end."""
    site.start_django()
    from sinfonietta.accounts import services

    user = site.user_named(name)
    services.set_password(actor=site.keeper(), user=user, password=_password(password_stdin))
    site.say(_row(user), json_=json_, sentence=f"{user.name} has a new password.")


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@site.problems_said
def disable_user(name: str, json_: bool) -> None:
    """Close an account at once on every door; what it owns stays."""
    _set_active(name, False, json_, "can no longer sign in")


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@site.problems_said
def enable_user(name: str, json_: bool) -> None:
    """Open a closed account again; its tokens hold again, its sessions do not."""
    _set_active(name, True, json_, "can sign in again")


def _set_active(name: str, active: bool, json_: bool, said: str) -> None:
    site.start_django()
    from sinfonietta.accounts import services

    user = site.user_named(name)
    services.set_active(actor=site.keeper(), user=user, active=active)
    site.say(_row(user), json_=json_, sentence=f"{user.name} {said}.")
