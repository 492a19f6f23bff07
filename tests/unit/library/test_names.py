"""What a name can be, and what stands beside one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.common.errors import Invalid
from sinfonietta.library.models import STEP, Node, base36
from sinfonietta.library.names import LONGEST, clean_name, encodable, numbered


@given(st.text())
def test_a_name_that_is_taken_is_clean(text: str) -> None:
    try:
        name = clean_name(text)
    except Invalid:
        return
    assert name == unicodedata.normalize("NFC", text) == clean_name(name)
    assert 0 < len(name) <= LONGEST
    assert encodable(name)
    assert name not in {".", ".."}
    assert not set(name) & {"/", "\0", "\n", "\r"}


@pytest.mark.parametrize("name", ["a", " a", "...", "-", "Bär 中文 😀", "a" * LONGEST, "con", "~", "a\\b", "\u200d"])
def test_what_people_write_is_a_name(name: str) -> None:
    assert clean_name(name) == name


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("a." + "x" * 253, "a." + "x" * 249 + " (2)"),
        ("scan.dcm", "scan (2).dcm"),
        ("scan", "scan (2)"),
        (".hidden", ".hidden (2)"),
        ("a.tar.gz", "a.tar (2).gz"),
    ],
)
def test_a_second_one_is_numbered_before_its_ending(name: str, second: str) -> None:
    assert numbered(name, 2) == second


@given(st.text(min_size=1, max_size=LONGEST), st.integers(2, 999))
def test_a_numbered_name_is_not_too_long(name: str, number: int) -> None:
    assert len(numbered(name, number)) <= LONGEST


@given(st.integers(0, 36**STEP - 1), st.integers(0, 36**STEP - 1))
def test_the_order_of_ids_is_the_order_of_their_text(one: int, other: int) -> None:
    assert (base36(one) < base36(other)) == (one < other)
    assert int(base36(one), 36) == one


@given(st.lists(st.integers(1, 36**STEP - 1), min_size=1, max_size=5), st.integers(1, 36**STEP - 2))
def test_ancestors_are_read_off_the_ancestry(above: list[int], own: int) -> None:
    node = Node(id=own, ancestry="".join(map(base36, above)))
    assert node.ancestor_ids == above
    assert node.collection_id == above[0]
    child = Node(id=own + 1, ancestry=node.below)
    assert child.ancestor_ids == [*above, own]
