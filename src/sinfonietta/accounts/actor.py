"""Who acts. Every read and write of the house takes one, keyword-only; the system is one too."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from uuid import UUID


class Scope(IntEnum):
    """How far the credential reaches, at most: a read token of an owner reads."""

    READ = 1
    WRITE = 2
    ADMIN = 3


@dataclass(frozen=True)
class Origin:
    """Where a request came from, for audit and log."""

    door: str = "system"
    request: str = ""
    address: str | None = None


@dataclass(frozen=True)
class Actor:
    """An account as it stands in this request. ``principals`` = the user, their groups and everyone (0)."""

    user_id: int
    uid: UUID | None
    name: str
    principals: tuple[int, ...]
    is_admin: bool = False
    is_reviewer: bool = False
    is_auditor: bool = False
    scope: Scope = Scope.ADMIN
    origin: Origin = field(default_factory=Origin)

    @property
    def is_system(self) -> bool:
        """True for the house itself: schedules, retention, commands of the site's keeper."""
        return self.uid is None

    def at(self, origin: Origin) -> Actor:
        """The same actor, coming through another door."""
        return replace(self, origin=origin)


SYSTEM = Actor(user_id=-1, uid=None, name="system", principals=())
