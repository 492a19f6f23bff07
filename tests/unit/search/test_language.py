"""The language: what is read as what, and that nothing breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.search.language import (
    All,
    Any,
    Compared,
    Field,
    Misunderstood,
    Not,
    Text,
    Tree,
    parse,
    quoted,
    written,
)
from sinfonietta.search.spelling import distance, variants
from sinfonietta.search.words import BREAK, EVERY, document, fold, vector, words


def bare(tree: Tree) -> Tree:
    """The tree without places."""
    match tree:
        case Text(text, exact):
            return Text(text, exact)
        case Field(name, values):
            return Field(name, tuple(Text(one.text, one.exact) if isinstance(one, Text) else one for one in values))
        case Not(part):
            return Not(bare(part))
        case All(parts) | Any(parts):
            return type(tree)(tuple(map(bare, parts)))


A, B, C = (Text(one, exact=False) for one in "abc")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ("", All(())), ("a", A), ("a b", All((A, B))), ("a AND b", All((A, B))), ("a OR b", Any((A, B))),
        ("a b | c", Any((All((A, B)), C))), ("a (b OR c)", All((A, Any((B, C))))), ("-a", Not(A)),
        ("NOT (a b)", Not(All((A, B)))), ('"a b"', Text("a b", exact=True)), ("a-b", Text("a-b", exact=False)),
        ("x:a,b", Field("x", (A, B))), ('x:"a b"', Field("x", (Text("a b", exact=True),))),
        ("x:2020..2022", Field("x", (Compared("2020", "2022"),))),
        ("x:>5", Field("x", (Compared("5", open_low=True),))),
        ("x:<=5", Field("x", (Compared(high="5"),))), ("x:..5", Field("x", (Compared(high="5"),))),
        ("x:=5", Field("x", (Text("5", exact=True),))), ('meta."a b":c', Field('meta."a b"', (C,))),
        ("https://a.org/b", Text("https://a.org/b", exact=False)), ("ORacle", Text("ORacle", exact=False)),
    ],
)  # fmt: skip
def test_what_is_read_as_what(query: str, tree: Tree) -> None:
    assert bare(parse(query)) == tree


@given(st.text(max_size=60) | st.text('ab:"()-|.,<>=* ORNTAD', max_size=40))
def test_whatever_is_typed_is_read_or_refused_with_a_place_in_it(query: str) -> None:
    at, tree = 0, None
    try:
        tree = parse(query)
    except Misunderstood as problem:
        at = problem.at
    assert 0 <= at <= len(query)
    assert tree is None or bare(parse(written(tree))) == bare(tree)


NAMES = st.sampled_from(["name", "size", "meta.age"])
LETTERS = st.text("abc", min_size=1, max_size=3)
VALUES = st.one_of(
    st.builds(Text, LETTERS, st.booleans()), st.builds(Compared, LETTERS, LETTERS),
    st.builds(lambda low, is_open: Compared(low=low, open_low=is_open), LETTERS, st.booleans()),
)  # fmt: skip
LEAVES = st.builds(Text, LETTERS, st.booleans()) | st.builds(
    lambda name, values: Field(name, tuple(values)), NAMES, st.lists(VALUES, min_size=1, max_size=2)
)


def groups(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(inner, min_size=2, max_size=3).map(tuple)
    return several.map(All) | several.map(Any) | inner.map(Not)


@given(st.recursive(LEAVES, groups, max_leaves=6))
def test_a_tree_that_is_written_is_read_again_as_it_was(tree: Tree) -> None:
    assert bare(parse(written(tree))) == tree


@given(st.text(max_size=30))
def test_a_quoted_value_is_one_value(value: str) -> None:
    if value.strip() and '"' not in value:
        tree = parse(f"name:{quoted(value)}")
        assert isinstance(tree, Field)
        assert len(tree.any_of) == 1


@given(st.text("abc", min_size=4, max_size=7), st.text("abc", min_size=4, max_size=7))
def test_words_one_edit_apart_share_what_they_are_kept_under(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) == (one == other)
    if distance(one, other) <= 1:
        assert variants(one) & variants(other)


@given(st.text(max_size=40))
def test_folded_once_is_folded_for_ever_and_no_word_is_a_fact(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert not [word for word in words(text) if "=" in word or "_" in word or not word]
    kept = document([text, text], ["=type_file"])
    assert kept.split(" ").count(BREAK) == 2
    assert f"'{EVERY}'" in vector(kept)
