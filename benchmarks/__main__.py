"""The project's benchmark: a table, and JSON in var/bench.

    python -m benchmarks [--quick] [--only NAME ...]

Every figure that has a goal is a ratio within one run on one machine. Beside Orthanc: ``python -m benchmarks.peer``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import archives, folder, scale, search, transfer
from benchmarks.figures import Figure, table

PARTS: dict[str, Callable[[bool], list[Figure]]] = {
    "transfer": transfer.measure,
    "archives": archives.measure,
    "folder": folder.measure,
    "scale": scale.measure,
    "search": search.measure,
}


def main() -> int:
    """Run the parts, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a look")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    said = parser.parse_args()
    figures: list[Figure] = []
    for name in said.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        figures += PARTS[name](said.quick)
    print(table(figures))
    target = Path("var/bench")
    target.mkdir(parents=True, exist_ok=True)
    about = {"machine": platform.platform(), "python": platform.python_version(), "quick": said.quick}
    moment = datetime.now(UTC)
    record = about | {"at": moment.isoformat(), "figures": [figure.as_dict() for figure in figures]}
    (target / f"{moment:%Y%m%d-%H%M%S}.json").write_text(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
