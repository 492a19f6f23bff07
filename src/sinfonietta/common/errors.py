"""What can go wrong, in the words of the house; each door renders it in its own protocol.

A web door turns a Problem into ``application/problem+json`` (RFC 9457), the command line into a sentence and
an exit code, a DIMSE or SFTP door into a status.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Problem(Exception):
    """An expected failure with a sentence that says what to do."""

    status = 500
    title = "Something went wrong"
    slug = "internal"

    def __init__(self, detail: str = "", *, errors: Mapping[str, Sequence[str]] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = {field: list(said) for field, said in (errors or {}).items()}


class NotSignedIn(Problem):
    status, title, slug = 401, "Not signed in", "not-signed-in"


class Forbidden(Problem):
    """The actor sees the thing but may not do that."""

    status, title, slug = 403, "Not allowed", "forbidden"


class NotFound(Problem):
    """Absent, or not the actor's to see: the two are never told apart."""

    status, title, slug = 404, "Not found", "not-found"


class Conflict(Problem):
    """A name is taken, an offset is wrong, a state does not allow it."""

    status, title, slug = 409, "Conflict", "conflict"


class PreconditionFailed(Problem):
    status, title, slug = 412, "Precondition failed", "precondition-failed"


class TooLarge(Problem):
    status, title, slug = 413, "Too large", "too-large"


class Invalid(Problem):
    """The request is understood and breaks a rule; ``errors`` names the fields."""

    status, title, slug = 422, "Not valid", "invalid"


class TooManyAttempts(Problem):
    status, title, slug = 429, "Too many attempts", "too-many-attempts"

    def __init__(self, detail: str = "", *, retry_after_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(Problem):
    """A part is away or full; trying again later may work."""

    status, title, slug = 503, "Not available at the moment", "unavailable"

    def __init__(self, detail: str = "", *, retry_after_s: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class OutOfStorage(Problem):
    """The disk or the quota is full; nothing was kept."""

    status, title, slug = 507, "Out of storage", "out-of-storage"
