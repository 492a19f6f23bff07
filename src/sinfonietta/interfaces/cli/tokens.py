"""Tokens from the command line."""

from __future__ import annotations

import sys
from uuid import UUID

import click

from sinfonietta.interfaces.cli import site


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
@site.as_json
@click.argument("user")
@site.problems_said
def list_tokens(user: str, json_: bool) -> None:
    """The tokens of an account, without their secrets."""
    site.start_django()
    from sinfonietta.accounts import queries

    rows = [
        {
            "id": token.uid, "name": token.name, "scope": token.scope, "created": token.created,
            "expires": token.expires, "last_used": token.last_used,
        }
        for token in queries.tokens_of(actor=site.keeper(), user=site.user_named(user))
    ]  # fmt: skip
    site.say_table(rows, json_=json_)


@click.command()
@site.installation
@site.as_json
@click.argument("token")
@site.problems_said
def revoke_token(token: str, json_: bool) -> None:
    """End a token at once: its id, the secret itself, or `-` to read either from standard input."""
    site.start_django()
    from sinfonietta.accounts import queries, services

    said = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105
    try:
        uid = UUID(said)
    except ValueError:
        uid = queries.token_id(said)
    services.revoke_token(actor=site.keeper(), uid=uid)
    site.say({"id": uid}, json_=json_, sentence="The token is revoked.")
