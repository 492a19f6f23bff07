"""Words near a mistyped one. A word is kept under itself and under what is left of it without one of its letters; two
words that share one of those are one or two edits apart (one letter more, less, another, or two that changed places).

The words here are of all documents: whoever offers one asks first whether the person would find anything by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from django.db import transaction

from sinfonietta.common import rows
from sinfonietta.search.models import Spelling

SHORTEST, LONGEST = 4, 20
MOST_OF_ONE = 500
"""Different words of one document that are learnt."""
LONG = 6
"""Words from here on may be two edits away."""
MOST_KNOWN = 200_000
_known: set[str] = set()


def learn(documents: Iterable[str]) -> None:
    """Keep the words of documents, in the caller's transaction; those that this process kept before cost nothing."""
    found = {word for kept in documents for word in _learnable(kept)} - _known
    if not found:
        return
    for start in range(0, len(ordered := sorted(found)), 400):
        some = ordered[start : start + 400]
        there = set(Spelling.objects.filter(variant__in=some, word__in=some).values_list("word", flat=True))
        rows.create(
            [Spelling(variant=one, word=word) for word in some if word not in there for one in variants(word)],
            unless_there=True,
        )
    transaction.on_commit(lambda: _remember(found))


def _remember(found: set[str]) -> None:
    if len(_known) > MOST_KNOWN:
        _known.clear()
    _known.update(found)


def _learnable(kept: str) -> set[str]:
    found: set[str] = set()
    for word in kept.split(" "):
        if SHORTEST <= len(word) <= LONGEST and word.isalpha():
            found.add(word)
            if len(found) == MOST_OF_ONE:
                break
    return found


def variants(word: str) -> set[str]:
    """What a word is kept under."""
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def near(word: str) -> list[str]:
    """Words one edit away, of longer ones two; the nearest first."""
    if not (SHORTEST <= len(word) <= LONGEST and word.isalpha()):
        return []
    most = 1 if len(word) < LONG else 2
    found = Spelling.objects.filter(variant__in=variants(word)).values_list("word", flat=True).distinct()
    apart = sorted((distance(word, other), other) for other in found if other != word)
    return [other for edits, other in apart if edits <= most]


@lru_cache(maxsize=4096)
def distance(one: str, other: str) -> int:
    """Edits between two words: a letter more, less or another, or two neighbours that changed places."""
    before, last = list(range(len(other) + 1)), list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, counterpart in enumerate(other, 1):
            best = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != counterpart))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == counterpart:
                best = min(best, before[column - 2] + 1)
            line.append(best)
        before, last = last, line
    return last[-1]
