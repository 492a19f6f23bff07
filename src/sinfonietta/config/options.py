"""Every setting of an installation, typed, in one object.

Read from a TOML file (``--config`` or ``SINFONIETTA_CONFIG``, else ``sinfonietta.toml`` in the data folder) and from
environment variables ``SINFONIETTA_*``, which win. An unknown name in the file is an error, in the environment a
warning.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

PREFIX = "SINFONIETTA_"
# Names that the program itself reads from the environment and that are no settings of the site.
NOT_SETTINGS = {
    f"{PREFIX}{name}" for name in ("CONFIG", "TOKEN", "SERVER", "TEST_DATABASE", "TEST_DATABASE_URL", "SAID")
}


class ConfigurationError(Exception):
    """A setting cannot be used; the message names it."""


class Options(BaseSettings):
    """The settings of a site. Sizes in bytes, times in seconds or days as the name says."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid")

    data: Path = Field(default=Path("var/data"), description="The data folder: database, bytes, keys, logs.")
    database_url: str = Field(default="", description="`postgresql://...`; empty: SQLite in the data folder.")
    blobs_url: str = Field(
        default="", description="Where the bytes live, `file:///...`; empty: `blobs` in the data folder."
    )
    public_url: str = Field(default="", description="The address that people type; empty: what the request says.")
    secret_key_file: Path | None = Field(
        default=None, description="File with the secret key; empty: `secret.key` in the data folder, made at init."
    )
    allowed_hosts: list[str] = Field(default=["*"], description="Host names that the server answers to.")
    cors_origins: list[str] = Field(default=[], description="Origins of other sites whose pages may call the API.")
    site_name: str = Field(default="Sinfonietta", description="The name on the pages.")
    mail_url: str = Field(
        default="",
        description="The mail server: `smtp://host:25`, `smtp+starttls://account:password@host:587`, `smtps://...`;"
        " `console:` writes mails to the worker's output; empty: nothing is mailed.",
    )
    mail_from: str = Field(default="sinfonietta@localhost", description="The sender of mails.")
    report_address: str = Field(
        default="", description="Mail address that “Report a problem” writes to; empty: it is not offered."
    )
    run_as: str = Field(default="", description="Account whose rights the server takes when it is started as root.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="How much is logged.")
    log_format: Literal["json", "text"] = Field(
        default="json", description="One JSON object a line, or text for people."
    )
    web_processes: int = Field(default=2, ge=1, description="Web server processes.")
    web_threads: int = Field(default=16, ge=1, description="Threads of each web process; slow clients hold one each.")
    long_streams: int = Field(
        default=12, ge=1, description="Downloads and uploads of a web process at one time; 503 beyond."
    )
    workers: int = Field(default=1, ge=0, description="Processes for background work.")
    proxy: Literal["none", "nginx", "apache"] = Field(
        default="none", description="What stands in front and sends files for us."
    )
    trusted_proxies: list[str] = Field(
        default=[], description="Addresses whose X-Forwarded-For and -Proto are believed."
    )
    session_days: int = Field(default=14, ge=1, description="A sign-in lasts this long.")
    attempts_before_block: int = Field(
        default=10, ge=1, description="Wrong passwords before a name is blocked for an address."
    )
    block_s: int = Field(default=300, ge=1, description="How long such a block lasts.")
    trash_days: int = Field(default=30, ge=0, description="What is deleted can be restored for this long.")
    versions_days: int = Field(default=365, ge=0, description="Old versions of a file are kept for this long.")
    upload_days: int = Field(default=7, ge=1, description="An unfinished upload can be resumed for this long.")
    blob_grace_h: int = Field(
        default=24, ge=0, description="Bytes that no file refers to are kept for this many hours."
    )
    max_file_bytes: int = Field(default=1 << 40, ge=1, description="The largest file accepted.")
    home_quota_bytes: int | None = Field(default=None, description="Quota of a new home collection; empty: none.")
    deidentification: Literal["accept", "warn", "quarantine", "clean", "refuse"] = Field(
        default="warn", description="Policy of collections that set none."
    )
    parse_memory_bytes: int = Field(
        default=2 << 30, description="Memory of a process that parses or decodes strangers' files."
    )
    parse_timeout_s: float = Field(default=30.0, description="Time for parsing or drawing one file.")
    inflate_limit_bytes: int = Field(default=512 << 20, description="A compressed dataset may expand to this.")
    archive_max_entries: int = Field(
        default=1_000_000, ge=1, description="An archive with more entries, nested ones included, is not read."
    )
    archive_max_bytes: int = Field(
        default=100 << 30, ge=1, description="An archive may unpack to this, with all that is nested in it."
    )
    archive_max_ratio: int = Field(
        default=200, ge=2, description="An entry over 100 MiB may be so many times larger than it was compressed."
    )
    archive_max_depth: int = Field(default=3, ge=1, description="Archives in archives are unpacked so deep.")
    ae_title: str = Field(
        default="SINFONIETTA", pattern=r"^[ -\[\]-~]{1,16}$", description="Our AE title on the DIMSE door."
    )
    dimse_port: int = Field(default=0, ge=0, le=65535, description="Port of the DIMSE door under `serve`; 0: off.")
    dimse_processes: int = Field(default=2, ge=1, description="Processes of the DIMSE door.")
    dimse_associations: int = Field(
        default=32, ge=1, description="Associations of one DIMSE process at one time; the next are rejected for now."
    )
    dimse_idle_s: float = Field(default=60.0, gt=0, description="An association that says nothing for so long ends.")
    dimse_pdu_bytes: int = Field(
        default=1 << 18, ge=4096, le=1 << 24, description="The longest PDU that other nodes may send us."
    )
    dimse_private_classes: bool = Field(
        default=True, description="Instances of private SOP classes are stored by C-STORE too."
    )
    dimse_tls_certificate: Path | None = Field(
        default=None, description="PEM file with our certificate; with it the DIMSE port takes TLS too."
    )
    dimse_tls_key: Path | None = Field(default=None, description="PEM file with the certificate's key.")
    dimse_tls_ca: Path | None = Field(
        default=None, description="PEM file with the authorities that vouch for other nodes; empty: the system's."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=_config_file())

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/")):
            raise ValueError("write it as postgresql://account@host:5432/database, or leave it empty for SQLite")
        _ = parts.port  # raises ValueError where it is no number
        return url

    @field_validator("mail_url")
    @classmethod
    def _mail_server(cls, url: str) -> str:
        parts = urlsplit(url)
        servers = ("smtp", "smtps", "smtp+starttls")
        if url and parts.scheme != "console" and (parts.scheme not in servers or not parts.hostname):
            raise ValueError("write it as smtp+starttls://account:password@host:587, console:, or leave it empty")
        _ = parts.port  # raises ValueError where it is no number
        return url

    @field_validator("blobs_url")
    @classmethod
    def _folder(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme != "file" or parts.netloc or not parts.path):
            raise ValueError("write it as file:///absolute/folder, or leave it empty")
        return url

    @model_validator(mode="after")
    def _absolute(self) -> Self:
        self.data = self.data.expanduser().absolute()
        return self


def _config_file() -> Path | None:
    named = os.environ.get("SINFONIETTA_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigurationError(f"There is no configuration file {named}.")
        return Path(named)
    beside = Path(os.environ.get("SINFONIETTA_DATA", "var/data")) / "sinfonietta.toml"
    return beside if beside.is_file() else None


def unknown_in_environment() -> list[str]:
    """Names of variables that look like settings of Sinfonietta and are none."""
    known = {PREFIX + name.upper() for name in Options.model_fields} | NOT_SETTINGS
    return sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)


def load(**overrides: Any) -> Options:
    """The settings of this process.

    Raises ConfigurationError with the name of the setting when a value cannot be used or a name in the file is
    unknown.
    """
    try:
        return Options(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{_config_file()} is not valid TOML: {error}") from error
    except ValidationError as error:
        said = "; ".join(_sentence(".".join(map(str, e["loc"])), e["type"], e["msg"]) for e in error.errors())
        raise ConfigurationError(f"The configuration cannot be used: {said}.") from error
    except SettingsError as error:  # a list in the environment that is no JSON
        raise ConfigurationError(f'The configuration cannot be used: {error}; write lists as ["a", "b"].') from error
    except OSError as error:
        raise ConfigurationError(f"The configuration file cannot be read: {error}.") from error


def _sentence(name: str, kind: str, said: str) -> str:
    """What is wrong with one setting. The value is not repeated: it may be a password."""
    if kind != "extra_forbidden":
        return f"{name}: {said.removeprefix('Value error, ')}"
    near = difflib.get_close_matches(name, Options.model_fields, 1)
    return f"{name} is no setting" + (f" (did you mean {near[0]}?)" if near else "")
