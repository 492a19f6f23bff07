"""What higher rooms connect to the one way in: inspectors before filing, announcements after the commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Problem
from sinfonietta.library.models import Version


@dataclass(frozen=True)
class Arrival:
    """Bytes that have arrived and are not filed yet. ``path`` is a local file to read, and only to read."""

    path: Path
    name: str
    size_bytes: int
    sha256: str
    media_type: str
    actor: Actor


@dataclass(frozen=True)
class Verdict:
    """What an inspector says: accept (also as ``incomplete`` or ``quarantined``, with the reason), or refuse.

    ``facts`` go to the indexers; ``media_type`` is given where the inspector knows better.
    """

    facts: Mapping[str, object] = field(default_factory=dict)
    state: str = Version.State.READY
    problem: str = ""
    media_type: str = ""
    refuse: Problem | None = None


Inspector = Callable[[Sequence[Arrival]], Sequence[Verdict | None]]
"""Looks at several arrivals at once; None where it has nothing to say of one."""

Announcement = Callable[[Version], None]


@lru_cache
def inspectors() -> tuple[Inspector, ...]:
    """The inspectors that ``config.rooms`` names, in their order."""
    return tuple(import_string(path) for path in settings.INSPECTORS)


@lru_cache
def announcements() -> tuple[Announcement, ...]:
    """Who is told after the commit."""
    return tuple(import_string(path) for path in settings.ANNOUNCEMENTS)


def inspect(arrivals: Sequence[Arrival]) -> list[Verdict]:
    """Of each arrival one verdict out of all: facts together, the first state that is not ready, the last media type
    named, the first refusal.
    """
    said = [inspector(arrivals) for inspector in inspectors()] if arrivals else []
    return [_together(arrival, [verdicts[at] for verdicts in said]) for at, arrival in enumerate(arrivals)]


def _together(arrival: Arrival, verdicts: Sequence[Verdict | None]) -> Verdict:
    facts: dict[str, object] = {}
    state, problem, media_type = str(Version.State.READY), "", arrival.media_type
    for verdict in verdicts:
        if verdict is None:
            continue
        if verdict.refuse:
            return verdict
        facts |= verdict.facts
        if state == Version.State.READY:
            state, problem = verdict.state, verdict.problem
        media_type = verdict.media_type or media_type
    return Verdict(facts, state, problem, media_type)
