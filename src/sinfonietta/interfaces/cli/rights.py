"""Nothing of ours needs root; started as root, the server takes the rights of the account that a setting names."""

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path

import click

from sinfonietta.config.options import Options
from sinfonietta.interfaces.cli import site


def take_rights(options: Options) -> None:
    """Become ``run_as`` when started as root; say it when there is nobody to become.

    Raises ClickException when the account does not exist or may not write the data folder.
    """
    if os.geteuid() != 0:
        return
    if not options.run_as:
        if site.SAID not in os.environ:
            site.screen.print("Running as root, which nothing here needs: name an account in the setting `run_as`.")
        return
    try:
        account = pwd.getpwnam(options.run_as)
    except KeyError as error:
        raise click.ClickException(f"run_as: there is no account {options.run_as!r} on this machine.") from error
    if not options.data.exists():
        _make(options.data, account)
    os.initgroups(account.pw_name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.environ["HOME"] = account.pw_dir
    if not os.access(options.data, os.R_OK | os.W_OK | os.X_OK):
        raise click.ClickException(
            f"{options.data} cannot be written by {options.run_as}; run `chown -R {options.run_as} {options.data}`."
        )
    if not os.access(sys.executable, os.X_OK):
        raise click.ClickException(
            f"{options.run_as} may not run {sys.executable}; install Sinfonietta where it may, such as /opt."
        )
    site.screen.print(f"Started as root; going on with the rights of {options.run_as}.")


def _make(folder: Path, account: pwd.struct_passwd) -> None:
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise click.ClickException(f"The data folder {folder} cannot be made: {error.strerror}.") from error
    os.chown(folder, account.pw_uid, account.pw_gid)
