"""Cursors of keyset paging: opaque to the client, cheap at any depth."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sinfonietta.common.errors import Invalid

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list and where the next begins (None at the end)."""

    items: Sequence[T]
    next: str | None


def encode_cursor(*key: str | int | None) -> str:
    """An opaque cursor for the sort key of the last row of a page."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[str | int | None]:
    """The sort key in a cursor of ours; Invalid if it is not one of ``length`` parts."""
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, RecursionError) as error:
        raise Invalid("The cursor is not one of ours.", errors={"cursor": ["not valid"]}) from error
    if not isinstance(key, list) or len(key) != length:
        raise Invalid("The cursor is not one of ours.", errors={"cursor": ["not valid"]})
    return key
