"""Why an archive, or something in it, cannot be had."""

from __future__ import annotations

from sinfonietta.common.errors import Invalid, TooLarge


class NotAnArchive(Invalid):
    title, slug = "Not an archive", "not-an-archive"


class Unreadable(Invalid):
    """It is an archive, and broken, lying, or of a kind that is not read here."""

    title, slug = "The archive cannot be read", "unreadable-archive"


class NeedsPassword(Invalid):
    title, slug = "A password is needed", "needs-password"


class WrongPassword(Invalid):
    title, slug = "The password is wrong", "wrong-password"


class LimitPassed(TooLarge):
    """One of the site's limits for archives, passed by real bytes and not by what the archive says of itself."""

    title, slug = "A limit for archives is passed", "archive-limit"
