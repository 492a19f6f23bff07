"""Settings that cannot be used are named, with what to do; logs carry no words of strangers."""

from __future__ import annotations

from pathlib import Path

import pytest

from sinfonietta.config import logs, options


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose ``sinfonietta.toml`` the test writes."""
    monkeypatch.setenv("SINFONIETTA_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("web_thread = 1", r"web_thread is no setting \(did you mean web_threads\?\)"),
        ("zzz = 1", "zzz is no setting"),
        ("web_threads = 'many'", "web_threads: .*integer"),
        ("web_threads = 0", "web_threads: .*greater"),
        ("proxy = 'squid'", "proxy: .*'nginx'"),
        ("web_threads = [", r"sinfonietta\.toml is not valid TOML"),
        ("database_url = 'mysql://h/d'", "database_url: write it as postgresql://"),
        ("database_url = 'postgresql://h'", "database_url: write it as postgresql://"),
        ("database_url = 'postgresql://h:x/d'", "database_url: Port"),
        ("blobs_url = 's3://bucket'", "blobs_url: write it as file:///"),
        ("blobs_url = 'file://relative/path'", "blobs_url: write it as file:///"),
    ],
)
def test_what_cannot_be_used_is_named(folder: Path, text: str, said: str) -> None:
    (folder / "sinfonietta.toml").write_text(text)
    with pytest.raises(options.ConfigurationError, match=said):
        options.load()


def test_a_refused_value_is_not_repeated(folder: Path) -> None:
    (folder / "sinfonietta.toml").write_text("database_url = 'mysql://me:hunter2@h/d'")
    with pytest.raises(options.ConfigurationError) as refused:
        options.load()
    assert "hunter2" not in str(refused.value)


def test_the_environment_wins_and_its_lists_are_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sinfonietta.toml").write_text("site_name = 'file'\nallowed_hosts = ['file']")
    monkeypatch.setenv("SINFONIETTA_SITE_NAME", "environment")
    assert (options.load().site_name, options.load().allowed_hosts) == ("environment", ["file"])
    monkeypatch.setenv("SINFONIETTA_ALLOWED_HOSTS", "a,b")
    with pytest.raises(options.ConfigurationError, match=r"allowed_hosts.*write lists as"):
        options.load()


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINFONIETTA_CONFIG", "/nowhere/at.toml")
    with pytest.raises(options.ConfigurationError, match=r"/nowhere/at\.toml"):
        options.load()


def test_unknown_variables_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SINFONIETTA_WEB_THREAD", "1")
    monkeypatch.setenv("SINFONIETTA_TOKEN", "of the client")
    assert options.unknown_in_environment() == ["SINFONIETTA_WEB_THREAD"]
    assert options.load().web_threads == 16


def trace_of(cause: Exception, error: ValueError) -> str:
    try:
        try:
            raise cause
        except (KeyError, OSError) as caught:
            raise error from caught
    except ValueError as caught:
        return logs.trace((type(caught), caught, caught.__traceback__))


def test_a_trace_says_where_and_which_and_nothing_of_patients() -> None:
    said = trace_of(KeyError("Doe^John"), ValueError("no number: 'Doe^John'"))
    assert "Doe" not in said
    assert "KeyError" in said
    assert "ValueError" in said
    assert "raise error from caught" in said


def test_a_trace_keeps_the_words_of_the_operating_system_without_its_paths() -> None:
    said = trace_of(FileNotFoundError(2, "No such file", "/blobs/Doe^John.dcm"), ValueError())
    assert "FileNotFoundError: No such file or directory" in said
    assert "Doe" not in said
