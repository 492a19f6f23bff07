"""The headers of tus 1.0.0, read strictly."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest

from sinfonietta.common.errors import Problem

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,creation-defer-length,checksum,expiration,termination,concatenation"
ALGORITHMS = ("sha256", "sha1", "md5", "sha512")
UPLOAD_URL = re.compile(r"/api/v1/uploads/([0-9a-f-]{36})/?$")
KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]+")


class BadHeader(Problem):
    status, title, slug = 400, "A header cannot be read", "bad-header"


class WrongVersion(Problem):
    status, title, slug = 412, "This is tus 1.0.0", "wrong-version"


def number(request: HttpRequest, name: str) -> int | None:
    """A header that is a non-negative integer, or None where it is absent. Raises BadHeader."""
    value = request.headers.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,19}", value.strip()):
        raise BadHeader(f"{name} must be a non-negative integer.")
    return int(value)


def metadata(request: HttpRequest) -> dict[str, str]:
    """Upload-Metadata: keys with base64 values. Raises BadHeader."""
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in request.headers.get("Upload-Metadata", "").split(","))):
        key, _, value = pair.partition(" ")
        if not KEY.fullmatch(key) or key in found:
            raise BadHeader("Upload-Metadata has a key that is not valid or stands there twice.")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadHeader(f"Upload-Metadata: the value of {key} is not base64 of UTF-8.") from error
    return found


def said_metadata(found: Mapping[str, str]) -> str:
    """Upload-Metadata again, as it was said at the creation."""
    pairs = ((key, base64.b64encode(value.encode()).decode()) for key, value in found.items())
    return ",".join(f"{key} {value}".strip() for key, value in pairs)


def place(found: dict[str, str]) -> dict[str, Any]:
    """What ``ingest.uploads.begin`` needs, from the metadata. Raises BadHeader."""
    name = found.get("filename") or found.get("name") or found.get("relativePath", "").rsplit("/", 1)[-1]
    sha256 = found.get("sha256", "").lower()
    if sha256 and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise BadHeader("sha256 in Upload-Metadata must be 64 hexadecimal digits.")
    return {
        "parent": _uuid(found["parent"]) if "parent" in found else None,
        "filename": name,
        "relative_path": found.get("relativePath", ""),
        "sha256": sha256,
        "modified": _moment(found.get("modified", "")),
        "metadata": found,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadHeader("parent in Upload-Metadata must be the id of a node.") from error


def _moment(text: str) -> datetime | None:
    """ISO 8601, or milliseconds since 1970 as browsers say it."""
    if not text:
        return None
    try:
        moment = datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() else datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise BadHeader("modified in Upload-Metadata must be an ISO 8601 date.") from error


def checksum(request: HttpRequest) -> tuple[str, bytes] | None:
    """Upload-Checksum: algorithm and digest. Raises BadHeader."""
    value = request.headers.get("Upload-Checksum")
    if value is None:
        return None
    algorithm, _, text = value.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(f"Upload-Checksum knows {', '.join(ALGORITHMS)}.")
    try:
        digest = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadHeader("Upload-Checksum is not base64.") from error
    if len(digest) != hashlib.new(algorithm).digest_size:
        raise BadHeader("Upload-Checksum has the wrong length.")
    return algorithm, digest


def is_partial(concat: str) -> bool:
    """Whether Upload-Concat makes a part. Raises BadHeader for what it does not know."""
    if concat not in ("", "partial"):
        raise BadHeader("Upload-Concat is partial, or final; with the parts.")
    return concat == "partial"


def parts(concat: str) -> list[UUID]:
    """The partial uploads that ``Upload-Concat: final;...`` names. Raises BadHeader."""
    urls = concat.removeprefix("final;").split()
    found = [match[1] for url in urls if (match := UPLOAD_URL.search(url))]
    if not urls or len(found) != len(urls):
        raise BadHeader("Upload-Concat must name uploads of this server.")
    return [_uuid(uid) for uid in found]
