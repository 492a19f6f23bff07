"""What can go wrong at the DICOM doors, beside the problems of the house (DICOM PS3.18 8.5)."""

from __future__ import annotations

from sinfonietta.common.errors import Problem


class BadRequest(Problem):
    """The request breaks the rules of its service."""

    status, title, slug = 400, "Bad request", "bad-request"


class NotAcceptable(Problem):
    """None of the media types that the client takes can be made of this."""

    status, title, slug = 406, "Not acceptable", "not-acceptable"


class UnsupportedMediaType(Problem):
    """The body is of a kind that is not taken here."""

    status, title, slug = 415, "Unsupported media type", "unsupported-media-type"
