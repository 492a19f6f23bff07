"""Attributes by their keywords, out of the DICOM JSON model (DICOM PS3.18 F)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Dataset = dict[str, Any]


@lru_cache(maxsize=1024)
def tag(keyword: str) -> str:
    """The tag of an attribute as the JSON model writes it. Raises KeyError for what is no keyword."""
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415 - half a second, and most requests need none of it

    found = tag_for_keyword(keyword)
    if found is None:
        raise KeyError(keyword)
    return f"{found:08X}"


def values(dataset: Dataset, keyword: str) -> list[Any]:
    """All values of an attribute; empty where it is absent or empty."""
    found: list[Any] = dataset.get(tag(keyword), {}).get("Value", [])
    return found


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence."""
    return [item for item in values(dataset, keyword) if isinstance(item, dict)]


def item(dataset: Dataset, keyword: str) -> Dataset:
    """The first item of a sequence; empty where there is none."""
    return next(iter(items(dataset, keyword)), {})


def text(dataset: Dataset, keyword: str) -> str:
    """The first value as text; a person's name by its alphabetic representation."""
    found = next(iter(values(dataset, keyword)), None)
    if isinstance(found, dict):
        found = found.get("Alphabetic") or found.get("Ideographic")
    return "" if found is None else str(found)


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value as a number; None where it is none."""
    found = next(iter(values(dataset, keyword)), None)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def whole(dataset: Dataset, keyword: str) -> int | None:
    """The first value as an integer; None where it is none."""
    found = number(dataset, keyword)
    return None if found is None or found != found // 1 else int(found)


def numbers(dataset: Dataset, keyword: str, count: int = 0) -> tuple[float, ...]:
    """All values as numbers; empty where one is none, or where there are not ``count`` of them."""
    found = values(dataset, keyword)
    if not all(isinstance(one, int | float) for one in found) or (count and len(found) != count):
        return ()
    return tuple(float(one) for one in found)
