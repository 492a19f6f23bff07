"""What is kept in memory stays within its bound."""

from __future__ import annotations

import threading

import pytest

from sinfonietta.dicom.planning.kept import Kept


def test_the_least_used_is_forgotten_first() -> None:
    kept: Kept[bytes] = Kept(100, len)
    made: list[str] = []

    def get(key: str, size: int = 40) -> bytes:
        return kept.get(key, lambda: made.append(key) or bytes(size))  # type: ignore[func-returns-value]

    for key in ("a", "b", "a", "c", "a", "b"):
        get(key)
    assert made == ["a", "b", "c", "b"]
    assert kept.size_bytes <= 100
    assert len(get("large", 101)) == 101
    assert "large" not in kept
    assert "b" in kept
    assert kept.size_bytes <= 100


def test_what_fails_is_not_kept_and_may_be_tried_again() -> None:
    kept: Kept[int] = Kept(10, int)
    with pytest.raises(ZeroDivisionError):
        kept.get("a", lambda: 1 // 0)
    assert kept.get("a", lambda: 3) == 3


def test_two_that_ask_at_once_make_it_once() -> None:
    kept: Kept[int] = Kept(10, int)
    made, inside, go = [], threading.Event(), threading.Event()

    def make() -> int:
        made.append(1)
        inside.set()
        go.wait(30)
        return 5

    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(kept.get("a", make))) for _ in range(3)]
    for thread in threads:
        thread.start()
    inside.wait(30)
    go.set()
    for thread in threads:
        thread.join(30)
    assert (found, made) == ([5, 5, 5], [1])
