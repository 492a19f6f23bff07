"""Set-up does a thing when its inputs changed or its outputs are gone, and only then."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import setup


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "STAMPS", tmp_path / "stamps")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.js").write_text("one")
    return tmp_path


@pytest.fixture
def step(root) -> setup.Step:
    output = root / "out"
    return setup.Step("bundle it", (root / "src", "text"), (output,), lambda: output.write_text("made"))


def test_a_step_is_current_after_it_ran(step):
    assert not step.is_current()
    step.run()
    assert step.is_current()


def test_a_changed_new_or_missing_file_makes_it_stale(root, step):
    step.run()
    (root / "src" / "app.js").write_text("two")
    assert not step.is_current()
    step.run()
    (root / "src" / "page.js").write_text("")
    assert not step.is_current()
    step.run()
    (root / "out").unlink()
    assert not step.is_current()


def test_a_moved_checkout_is_set_up_again(root, step, monkeypatch):
    step.run()
    digest = step.digest()
    moved = root / "elsewhere"
    moved.mkdir()
    (root / "src").rename(moved / "src")
    monkeypatch.setattr(setup, "ROOT", moved)
    assert setup.Step("bundle it", (moved / "src", "text"), (), step.make).digest() != digest


def test_a_step_that_fails_is_named_and_leaves_no_stamp(root):
    def fail() -> None:
        raise subprocess.CalledProcessError(3, ["npm", "ci"])

    step = setup.Step("front-end packages", (root / "src",), (), fail)
    with pytest.raises(setup.SetupError, match=r"front-end packages: `npm ci` failed \(3\)"):
        step.run()
    assert not step.is_current()


@pytest.mark.parametrize(
    ("said", "version"),
    [("uv 0.13.9 (x86_64)", (0, 13, 9)), ("v20.20.2", (20, 20, 2)), ("no version", ())],
)
def test_versions_are_read_from_what_programs_print(tmp_path, said, version):
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{said}'\n")
    program.chmod(0o755)
    assert setup.version_of(program) == version


def test_a_program_that_is_not_there_has_no_version(tmp_path):
    assert setup.version_of(tmp_path / "nothing") == ()


def test_a_missing_service_is_named_with_what_it_is_for(monkeypatch, capsys):
    absent = setup.Service("no-such-package", "tests of nothing", ("no-such-program",), "no/such/file")
    monkeypatch.setattr(setup, "SERVICES", (absent,))
    monkeypatch.setattr(setup.shutil, "which", lambda name, **where: None)
    with pytest.raises(setup.SetupError, match=r"no-such-package \(tests of nothing\).*make test-fast"):
        setup.install_services()
    assert setup.check([], setup.missing_services()) == 1
    assert "missing: no-such-package" in capsys.readouterr().out


def program(folder: Path, name: str, version: str) -> Path:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho v{version}\n")
    file.chmod(0o755)
    return file


@pytest.mark.parametrize(
    ("version", "companion", "is_taken"), [("24.1.0", True, True), ("18.20.4", True, False), ("24.1.0", False, False)]
)
def test_the_machines_own_node_is_taken_when_new_enough_and_with_npm(
    tmp_path, monkeypatch, version, companion, is_taken
):
    own = program(tmp_path, "node", version)
    if companion:
        program(tmp_path, "npm", "11.0.0")
    fetched: list[tuple[object, ...]] = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(setup, "TOOLS_BIN", tmp_path / "tools")
    monkeypatch.setattr(setup, "call", lambda *command, **extra: fetched.append(command))
    assert setup.node() == (own if is_taken else tmp_path / "tools" / "node")
    assert [command[-1] for command in fetched[1:]] == ([] if is_taken else [setup.NODE_WHEEL])
