"""Administration by command: what it does, what it prints, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sinfonietta.accounts import services, signin
from sinfonietta.accounts.actor import SYSTEM, Actor, Origin, Scope
from sinfonietta.accounts.models import Group, Membership, Token, User
from sinfonietta.audit.models import Event
from sinfonietta.common.errors import NotSignedIn
from sinfonietta.interfaces.cli.main import COMMANDS, cli
from sinfonietta.library.models import Node

pytestmark = pytest.mark.django_db
HERE = Origin(door="api", address="192.0.2.1")
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command of the program, in this process and its database."""
    monkeypatch.setenv("SINFONIETTA_SAID", "1")
    runner = CliRunner()
    return lambda *arguments, said="": runner.invoke(cli, arguments, input=said, catch_exceptions=False)


def result(done: Result) -> object:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_account_is_made_with_roles_and_a_home_and_can_sign_in(run: Run) -> None:
    made = run("create-user", "dave", "--auditor", "--password-stdin", "--json", said="a-long-password\n")
    assert result(made) == {"id": str(User.objects.get().uid), "name": "dave"}
    user = signin.check_password("dave", "a-long-password", origin=HERE)
    assert (user.is_admin, user.is_reviewer, user.is_auditor) == (False, False, True)
    assert Node.objects.count() == 1
    event = Event.objects.get(action="user.created")
    assert (event.actor, event.door) == (None, "cli")


def test_roles_that_are_not_named_stay(run: Run, alice: Actor) -> None:
    assert result(run("set-roles", "alice", "--admin", "--reviewer", "--json"))["roles"] == ["admin", "reviewer"]  # type: ignore[index]
    refused = run("set-roles", "alice", "--no-admin")
    assert (refused.exit_code, "last administrator" in refused.stderr) == (1, True)
    assert result(run("set-roles", "alice", "--no-reviewer", "--auditor", "--json"))["roles"] == ["admin", "auditor"]  # type: ignore[index]
    [row] = result(run("list-users", "--json"))  # type: ignore[misc]
    assert (row["name"], row["roles"], row["state"]) == ("alice", ["admin", "auditor"], "open")


def test_a_closed_account_is_out_and_can_be_opened(run: Run, alice: Actor) -> None:
    secret = run("create-token", "alice", "--name", "t").stdout.strip()
    assert run("disable-user", "alice").exit_code == 0
    with pytest.raises(NotSignedIn):
        signin.bearer(secret, origin=HERE)
    assert run("enable-user", "alice").exit_code == 0
    assert signin.bearer(secret, origin=HERE).scope == Scope.WRITE


def test_a_token_is_printed_alone_listed_without_its_secret_and_revoked(run: Run, alice: Actor) -> None:
    made = run("create-token", "alice", "--name", "script", "--scope", "read", "--days", "3")
    secret = made.stdout.rstrip("\n")
    assert signin.bearer(secret, origin=HERE).scope == Scope.READ
    [row] = result(run("list-tokens", "alice", "--json"))  # type: ignore[misc]
    assert (row["name"], row["scope"], row["last_used"] is not None) == ("script", "read", True)
    assert secret not in run("list-tokens", "alice").stdout
    assert row["id"] in run("list-tokens", "alice").stdout
    assert run("revoke-token", "-", said=secret).exit_code == 0
    assert not Token.objects.exists()
    assert "no such token" in run("revoke-token", secret).stderr


def test_groups_are_made_and_changed_as_a_whole(run: Run, alice: Actor, bob: Actor, mallory: Actor) -> None:
    run("create-group", "Readers", "alice", "bob")
    changed = result(
        run("change-group", "readers", "--add", "mallory", "--manager", "bob", "--remove", "alice", "--json")
    )
    assert (changed["managers"], changed["members"]) == (["bob"], ["mallory"])  # type: ignore[index]
    refused = run("change-group", "readers", "--remove", "bob", "--add", "nobody")
    assert (refused.exit_code, "no account 'nobody'" in refused.stderr) == (1, True)
    assert Membership.objects.filter(user=bob.user_id).exists()
    assert "There is no group" in run("change-group", "others", "--add", "bob").stderr
    assert result(run("list-groups", "--json")) == [
        {"id": str(Group.objects.get().uid), "name": "Readers", "managers": ["bob"], "members": ["mallory"]}
    ]


@pytest.mark.parametrize(
    "command", [("set-password", "x", "--password-stdin"), ("disable-user", "x"), ("create-token", "x", "--name", "t")]
)
def test_an_account_that_is_not_there_is_named(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, said="a-long-password")
    assert (done.exit_code, done.stderr) == (1, "Error: There is no account 'x'.\n")


def test_a_closed_account_brings_nothing(run: Run, alice: Actor, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    services.set_active(actor=SYSTEM, user=User.objects.get(), active=False)
    done = run("import", str(tmp_path), "--into", "Study", "--as", "alice")
    assert (done.exit_code, "closed" in done.stderr) == (1, True)


def test_every_command_has_help_and_says_where_its_installation_is(run: Run) -> None:
    for name, (_, said) in COMMANDS.items():
        if said and name != "manage":
            assert run(name, "--help").exit_code == 0, name


def test_check_names_the_part_that_cannot_work(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from sinfonietta.blobs import local, store

    assert all(row["works"] for row in result(run("check", "--json")))  # type: ignore[attr-defined]
    (tmp_path / "file").touch()  # a folder cannot be where a file is
    monkeypatch.setattr(store, "default", lambda: local.LocalStore(tmp_path / "file"))
    done = run("check")
    assert (done.exit_code, [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAIL")]) == (
        1,
        ["bytes:"],
    )


@pytest.mark.parametrize("command", ["check", "list-users", "web"])
def test_where_no_installation_is_the_way_to_one_is_said(command: str, tmp_path: Path) -> None:
    asked = [sys.executable, "-m", "sinfonietta", command, "--data", str(tmp_path / "none")]
    asked += ["--port", "0"] if command == "web" else []
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "sinfonietta init" in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_else_on_the_machine_reads_what_is_kept(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    env = os.environ | {"SINFONIETTA_TEST_DATABASE_URL": ""}
    subprocess.run([sys.executable, "-m", "sinfonietta", "init", "--data", str(tmp_path)], env=env, check=True)
    made = [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077]
    assert (made, (tmp_path / "sinfonietta.sqlite3").exists()) == ([], True)


def test_the_client_loads_no_django() -> None:
    program = "import sys; from sinfonietta.interfaces.cli import main, remote; print('django' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
