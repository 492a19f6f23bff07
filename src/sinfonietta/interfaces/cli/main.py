"""``sinfonietta``: the commands, loaded when they are called, so that the client part needs no Django."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import click

from sinfonietta import __version__

COMMANDS = {
    "serve": ("serve:serve", "Run all of it on one machine under one supervisor."),
    "web": ("serve:web", "Run the web server alone."),
    "dimse": ("serve:dimse", "Run the DICOM door for other nodes alone."),
    "worker": ("serve:worker", "Run one process for background work alone."),
    "init": ("installation:init", "Make the data folder and the database."),
    "upgrade": ("installation:upgrade", "Bring the database up to this version."),
    "check": ("check:check", "Say of each part whether it can work."),
    "demo": ("demo:demo", "Fill a data folder with example data and serve it."),
    "create-user": ("people:create_user", "Make an account."),
    "list-users": ("people:list_users", "Say who has an account."),
    "set-roles": ("people:set_roles", "Give site roles to an account, or take them."),
    "set-password": ("people:set_password", "Give an account a new password."),
    "disable-user": ("people:disable_user", "Close an account at once on every door."),
    "enable-user": ("people:enable_user", "Open a closed account again."),
    "create-group": ("groups:create_group", "Make a group of accounts."),
    "change-group": ("groups:change_group", "Add members to a group, or remove them."),
    "list-groups": ("groups:list_groups", "Say which groups there are and who belongs to them."),
    "create-token": ("tokens:create_token", "Make a token for programs; print it and nothing else."),
    "list-tokens": ("tokens:list_tokens", "Say which tokens an account has."),
    "revoke-token": ("tokens:revoke_token", "End a token at once."),
    "create-peer": ("peers:create_peer", "Let a DICOM node talk to us."),
    "list-peers": ("peers:list_peers", "List the DICOM nodes."),
    "remove-peer": ("peers:remove_peer", "Forget a DICOM node."),
    "import": ("bring:import_", "Bring files and folders in from this machine's disk."),
    "verify": ("bring:verify", "Check that every row has its bytes and every byte its hash."),
    "reindex": ("bring:reindex", "Read all stored DICOM files again and bring the indexes up to date."),
    "put": ("remote:put", "Send files and folders to a server."),
    "get": ("remote:get", "Fetch a file or all of a folder from a server."),
    "demo-fill": ("demo:fill", ""),
    "init-quietly": ("serve:init_quietly", ""),
    "manage": ("installation:manage", "Django's own commands, for developers."),
}
CLIENT = {"remote"}
"""Modules that need no Django."""


class Lazy(click.Group):
    """A group that imports a command's module only when it runs."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        if module not in CLIENT and importlib.util.find_spec("django") is None:
            raise click.ClickException(f"`{name}` needs the server: pip install 'sinfonietta[server]'.")
        command = getattr(importlib.import_module(f"sinfonietta.interfaces.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (_, said) in COMMANDS.items() if said])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sinfonietta")
def cli() -> None:
    """A data repository for research on medical images. Research only: not a medical device."""


def main() -> None:
    """The entry point."""
    cli(prog_name="sinfonietta", args=sys.argv[1:])
