"""The process that makes previews of strangers' files (``python -m sinfonietta.previews.confined``), and its pool.

It is confined as the one that reads DICOM is (``dicom.sandbox``): bounded memory and time, no file written, nothing of
the server's in its environment. It may die; the pool then starts another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from sinfonietta.dicom.sandbox import child
from sinfonietta.dicom.sandbox.isolation import Sandbox

PROCESSES = 2
SECONDS = 20.0


@lru_cache(maxsize=1)
def pool() -> Sandbox:
    """The pool of this process."""
    return Sandbox(module=__name__, size=PROCESSES, timeout_s=SECONDS)


def operations() -> dict[str, Callable[..., Any]]:
    """Kind of preview -> who makes it; here stands a new kind."""
    from sinfonietta.previews.adapters import markup, pictures, tables, texts, trees, volumes  # noqa: PLC0415

    return {
        "text": texts.show, "markdown": markup.markdown, "html": markup.html, "notebook": markup.notebook,
        "tree": trees.show, "table": tables.show, "sheets": tables.sheets, "image": pictures.show,
        "picture": pictures.show, "volume": volumes.show,
    }  # fmt: skip


if __name__ == "__main__":
    child.serve(operations())
