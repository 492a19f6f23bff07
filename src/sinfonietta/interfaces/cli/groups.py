"""Groups from the command line."""

from __future__ import annotations

from typing import Any

import click

from sinfonietta.interfaces.cli import site


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
    _say(group, json_)


@click.command()
@site.installation
@site.as_json
@click.argument("name")
@click.option("--add", multiple=True, metavar="USER", help="Becomes a member, or an ordinary one again.")
@click.option("--manager", multiple=True, metavar="USER", help="Becomes a member who manages the group.")
@click.option("--remove", multiple=True, metavar="USER", help="Leaves the group.")
@site.problems_said
def change_group(
    name: str, add: tuple[str, ...], manager: tuple[str, ...], remove: tuple[str, ...], json_: bool
) -> None:
    """Add members to a group, or remove them. Each option may come several times."""
    site.start_django()
    from django.db import transaction

    from sinfonietta.accounts import queries, services

    actor = site.keeper()
    group = queries.group_named(actor=actor, name=name)
    with transaction.atomic():  # all of it or nothing
        for user in map(site.user_named, remove):
            services.remove_member(actor=actor, group=group, user=user)
        for names, manages in ((add, False), (manager, True)):
            for user in map(site.user_named, names):
                services.add_member(actor=actor, group=group, user=user, is_manager=manages)
    _say(group, json_)


@click.command()
@site.installation
@site.as_json
@site.problems_said
def list_groups(json_: bool) -> None:
    """All groups with their members."""
    site.start_django()
    from sinfonietta.accounts import queries

    site.say_table([_row(group) for group in queries.groups(actor=site.keeper()).items], json_=json_)


def _row(group: Any) -> dict[str, Any]:
    from sinfonietta.accounts import queries

    members = queries.members(actor=site.keeper(), uid=group.uid).items
    return {
        "id": group.uid,
        "name": group.name,
        "managers": [one.user.name for one in members if one.is_manager],
        "members": [one.user.name for one in members if not one.is_manager],
    }


def _say(group: Any, json_: bool) -> None:
    row = _row(group)
    people = [f"{name} (manages it)" for name in row["managers"]] + row["members"]
    site.say(row, json_=json_, sentence=f"The group {group.name}: {', '.join(people) or 'nobody yet'}.")
