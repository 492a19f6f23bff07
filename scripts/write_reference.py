"""Write the reference pages that the code itself knows: settings, command line, DICOM conformance.

.venv/bin/python scripts/write_reference.py           write them
.venv/bin/python scripts/write_reference.py --check   exit 1 when they are not what the code says
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click

os.environ.setdefault("SINFONIETTA_DATA", tempfile.gettempdir())

import conformance  # beside this file
from sinfonietta.config.options import PREFIX, Options
from sinfonietta.interfaces.cli.main import COMMANDS, cli

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "reference"


def settings_page() -> str:
    """All settings, from ``config.options``."""
    lines = [
        "# Settings",
        "",
        "Written by `scripts/write_reference.py` from `config/options.py`.",
        "",
        "A setting is read from `sinfonietta.toml` in the data folder (or the file that `--config` names) and from the",
        "environment, which wins. An unknown name in the file is an error, in the environment a warning. Lists are",
        "JSON in the environment.",
        "",
        "| in the file | in the environment | default | what it is |",
        "|---|---|---|---|",
    ]
    for name, field in Options.model_fields.items():
        default = "" if field.default is None or field.default == "" else f"`{field.default}`"
        lines.append(f"| `{name}` | `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """All commands with their options, from click."""
    lines = ["# Command line", "", "Written by `scripts/write_reference.py` from the program's own help.", ""]
    context = click.Context(cli, info_name="sinfonietta")
    for name, (_, said) in COMMANDS.items():
        command = cli.get_command(context, name) if said else None
        if command is None:
            continue
        usage = command.get_usage(click.Context(command, info_name=name, parent=context))
        lines += [f"## {name}", "", said, "", "```text", usage.removeprefix("Usage: "), "```", ""]
        rows = [
            option.get_help_record(click.Context(command, info_name=name, parent=context))
            for option in command.params
            if isinstance(option, click.Option)
        ]
        if any(rows):
            lines += ["| option | |", "|---|---|"]
            lines += [f"| `{_cell(row[0])}` | {_cell(row[1])} |" for row in rows if row]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """The command; the exit status."""
    stale = []
    pages = {
        "settings.md": settings_page(),
        "command-line.md": commands_page(),
        "dicom-conformance.md": conformance.page(),
    }
    for name, text in pages.items():
        page = REFERENCE / name
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
        elif not page.is_file() or page.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        print(f"{', '.join(stale)}: not what the code says; run scripts/write_reference.py.")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
