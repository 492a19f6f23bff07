"""A wheel or sdist carries the built front-end and the viewer: make them first where they are absent.

An editable installation (a checkout) is left alone; there ``scripts/setup.py`` makes them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILT = ("src/sinfonietta/static/sinfonietta/app.js", "src/sinfonietta/viewer_dist/index.html.gz")


class AssetsHook(BuildHookInterface[Any]):  # type: ignore[misc]  # hatchling is there only while a wheel is built
    """Hatchling's hook, found by its base class."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the assets unless they are there. Raises CalledProcessError when they cannot be built."""
        root = Path(self.root)
        if version == "editable" or all((root / name).exists() for name in BUILT):
            return
        subprocess.run([sys.executable, root / "scripts" / "setup.py", "assets"], check=True)
