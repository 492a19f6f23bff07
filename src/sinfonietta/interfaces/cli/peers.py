"""Other DICOM nodes from the command line."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from sinfonietta.interfaces.cli import site
from sinfonietta.interfaces.cli.bring import place


@click.command()
@site.installation
@site.as_json
@click.argument("ae_title", metavar="AET")
@click.option("--host", required=True, help="Name or address that it calls from and is called at.")
@click.option("--port", type=click.IntRange(1, 65535), required=True, help="Port that it listens at.")
@click.option("--account", required=True, help="The account whose rights it has.")
@click.option("--into", default="", help='Where it files: "Collection/Folder", made if missing (default: the home).')
@click.option("--tls", is_flag=True, help="Talk to it over TLS only.")
@click.option("--description", default="", help="What it is, for people.")
@site.problems_said
def create_peer(
    ae_title: str, host: str, port: int, account: str, into: str, tls: bool, description: str, json_: bool
) -> None:
    """Let a DICOM node talk to us, with the rights of an account."""
    site.start_django()
    from sinfonietta.accounts.actor import Origin
    from sinfonietta.accounts.queries import actor_for_user
    from sinfonietta.dicom.peers import services

    user = site.user_named(account)
    target = _made(actor_for_user(user, Origin(door="cli")), into) if into else None
    peer = services.create_peer(
        actor=site.keeper(), ae_title=ae_title, host=host, port=port, account=user.name, into=target, tls=tls,
        description=description,
    )  # fmt: skip
    result = {"id": peer.uid, "ae_title": peer.ae_title}
    site.say(result, json_=json_, sentence=f"{peer.ae_title} may talk to us as {user.name}.")


def _made(actor: Any, into: str) -> UUID:
    """The container at a path; what is missing is made."""
    from sinfonietta.common.errors import NotFound
    from sinfonietta.library import queries, services

    found, folders = place(actor, into)
    path = "/" + into.split("/", maxsplit=1)[0]
    for folder in folders:
        path = f"{path}/{folder}"
        try:
            found = queries.node_at(actor=actor, path=path).uid
        except NotFound:
            found = services.create_folder(actor=actor, parent=found, name=folder).uid
    return found


@click.command()
@site.installation
@site.as_json
@site.problems_said
def list_peers(json_: bool) -> None:
    """List the DICOM nodes that may talk to us."""
    site.start_django()
    from sinfonietta.dicom.peers import queries

    rows = [
        {
            "ae_title": peer.ae_title, "host": peer.host, "port": peer.port, "tls": peer.tls,
            "account": peer.account.name, "into": peer.into and peer.into.name, "description": peer.description,
        }
        for peer in queries.peers(actor=site.keeper())
    ]  # fmt: skip
    site.say_table(rows, json_=json_)


@click.command()
@site.installation
@click.argument("ae_title", metavar="AET")
@site.problems_said
def remove_peer(ae_title: str) -> None:
    """Forget a DICOM node; its associations end."""
    site.start_django()
    from sinfonietta.dicom.peers import queries, services

    peer = queries.peer_titled(actor=site.keeper(), ae_title=ae_title)
    services.remove_peer(actor=site.keeper(), uid=peer.uid)
    click.echo(f"{ae_title} is no longer known.")
