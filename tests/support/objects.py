"""A small phantom as files: images, reports, a segmentation and what else belongs to its study."""

from __future__ import annotations

import io
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
from pydicom.dataset import Dataset

if TYPE_CHECKING:
    from sinfonietta.demo.truth import Truth


@lru_cache(maxsize=1)
def phantom() -> tuple[Truth, dict[str, bytes]]:
    """The truth, and the files by their paths without ``.dcm``, such as ``Reports/CT dose report``."""
    from sinfonietta.demo.phantom import write_phantom

    with tempfile.TemporaryDirectory() as folder:
        found = write_phantom(Path(folder), slices=16, size=64)
        files = {
            path.relative_to(folder).as_posix().removesuffix(".dcm"): path.read_bytes()
            for path in sorted(Path(folder).rglob("*.dcm"))
        }
    return found, files


def file(name: str) -> bytes:
    """One of them."""
    return phantom()[1][name]


def dataset(name: str) -> Dataset:
    """One of them, to be changed."""
    return pydicom.dcmread(io.BytesIO(file(name)))


def saved(changed: Dataset) -> bytes:
    """A dataset as a file."""
    out = io.BytesIO()
    changed.save_as(out, enforce_file_format=True)
    return out.getvalue()
