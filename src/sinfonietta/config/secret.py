"""The secret key: a file of the data folder that nobody else may read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sinfonietta.config.options import ConfigurationError, Options


def path(options: Options) -> Path:
    """Where the secret key is."""
    return options.secret_key_file or options.data / "secret.key"


def key(options: Options) -> str:
    """The secret key; made with mode 600 in the data folder on first use.

    Raises ConfigurationError when the file that a setting names is missing or too short.
    """
    file = path(options)
    if not file.exists():
        if options.secret_key_file:
            raise ConfigurationError(f"secret_key_file: there is no file {file}.")
        _make(file)
    text = file.read_text().strip()
    if len(text) < 32:
        raise ConfigurationError(f"The secret key in {file} is shorter than 32 characters.")
    return text


def _make(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(secrets.token_urlsafe(64))
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(draft, file)  # never replaces a key that another process made at the same moment
    except FileExistsError:
        pass
    finally:
        draft.unlink()
