"""What a client accepts (RFC 9110 12.5.1, DICOM PS3.18 8.7), and the media types of DICOM (PS3.18 8.7.3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.http import HttpRequest

from sinfonietta.dicom.errors import NotAcceptable

JSON = "application/dicom+json"
XML = "application/dicom+xml"
DICOM = "application/dicom"
OCTETS = "application/octet-stream"
MULTIPART = "multipart/related"
EXPLICIT = "1.2.840.10008.1.2.1"

_SYNTAX = "1.2.840.10008.1.2."
FRAME_TYPES = {
    **{_SYNTAX + end: "image/jpeg" for end in ("4.50", "4.51", "4.57", "4.70")},
    **{_SYNTAX + end: "image/jls" for end in ("4.80", "4.81")},
    **{_SYNTAX + end: "image/jp2" for end in ("4.90", "4.91")},
    **{_SYNTAX + end: "image/jpx" for end in ("4.92", "4.93")},
    **{_SYNTAX + end: "image/jphc" for end in ("4.201", "4.202", "4.203")},
    **{_SYNTAX + end: "image/jxl" for end in ("4.110", "4.111", "4.112")},
    **{_SYNTAX + end: "video/mpeg" for end in ("4.100", "4.101")},
    **{_SYNTAX + end: "video/mp4" for end in ("4.102", "4.103", "4.104", "4.105", "4.106")},
    **{_SYNTAX + end: "video/H265" for end in ("4.107", "4.108")},
    _SYNTAX + "5": "image/dicom-rle",
}
"""Media type of compressed frames by transfer syntax; others are octet streams."""
VIDEO_SYNTAXES = frozenset(syntax for syntax, kind in FRAME_TYPES.items() if kind.startswith("video/"))
DEFAULT_SYNTAXES = {
    "image/jpeg": _SYNTAX + "4.70",
    "image/jls": _SYNTAX + "4.80",
    "image/jp2": _SYNTAX + "4.90",
    "image/jpx": _SYNTAX + "4.92",
    "image/jphc": _SYNTAX + "4.201",
    "image/jxl": _SYNTAX + "4.110",
    "image/dicom-rle": _SYNTAX + "5",
    "video/mpeg": _SYNTAX + "4.100",
    "video/mp4": _SYNTAX + "4.102",
    "video/h265": _SYNTAX + "4.107",
}
"""What a media type means where no transfer syntax is said (DICOM PS3.18 8.7.3.3)."""

_PART = re.compile(r'\s*;\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;,]*)')
_RANGE = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+)")
MOST_RANGES = 64


@dataclass(frozen=True)
class Accepted:
    """One range of an Accept header; ``type`` is the inner one of multipart/related."""

    media_type: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def is_multipart(self) -> bool:
        """Whether parts are asked for."""
        return self.media_type == MULTIPART

    @property
    def inner(self) -> str:
        """The media type of the content: that of the parts, where there are parts. ``*/*`` where it is left open."""
        return self.parameters.get("type", "*/*").lower() if self.is_multipart else self.media_type

    @property
    def syntax(self) -> str:
        """The transfer syntax asked for; ``*`` as stored; empty when nothing is said."""
        return self.parameters.get("transfer-syntax", "")


def accepted(request: HttpRequest) -> list[Accepted]:
    """What the client accepts, the best first; the parameter ``accept`` goes before the header (PS3.18 8.3.3.1)."""
    return read(request.GET.get("accept") or request.headers.get("Accept", "*/*"))


def read(header: str) -> list[Accepted]:
    """The ranges of an Accept header, the best first."""
    found: list[tuple[float, int, Accepted]] = []
    pos = 0
    while pos < len(header) and len(found) < MOST_RANGES:
        match = _RANGE.match(header, pos)
        if not match:
            pos = (header.find(",", pos) + 1) or len(header)
            continue
        pos, parameters = match.end(), {}
        while part := _PART.match(header, pos):
            parameters[part[1].lower()] = part[2].strip().strip('"')
            pos = part.end()
        pos = (header.find(",", pos) + 1) or len(header)
        weight = _weight(parameters.pop("q", "1"))
        if weight > 0:
            found.append((-weight, len(found), Accepted(match[1].lower(), parameters)))
    return [one for _, _, one in sorted(found, key=lambda entry: entry[:2])]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def syntax_of(stated: str) -> str:
    """A transfer syntax that may stand in a header: strangers' files state anything."""
    return stated if re.fullmatch(r"[0-9.]{1,64}", stated) else ""


def of_metadata(request: HttpRequest, *, in_parts: bool = True) -> str:
    """The media type of datasets in an answer: JSON, or XML (DICOM PS3.18 8.7.3.2).

    XML goes in parts, one dataset each; where ``in_parts`` is False, it is one document. Raises NotAcceptable.
    """
    charsets = request.GET.get("charset") or request.headers.get("Accept-Charset") or "utf-8"
    if not re.search(r"utf-?8|\*|iso_ir 192", charsets, re.IGNORECASE):
        raise NotAcceptable("The answer is in UTF-8.")
    for one in accepted(request):
        if one.inner in {JSON, "*/*", "application/*"} and not one.is_multipart:
            return JSON
        if one.media_type == "application/json":
            return "application/json"
        if one.inner == XML and one.is_multipart == in_parts:
            return XML
    as_xml = f'{MULTIPART}; type="{XML}"' if in_parts else XML
    raise NotAcceptable(f"The answer is {JSON} or {as_xml}.")


def choose(request: HttpRequest, offered: Sequence[str]) -> str:
    """The first of ``offered`` that the client likes best. Raises NotAcceptable."""
    for one in accepted(request):
        for media_type in offered:
            if one.media_type in {media_type, "*/*", media_type.partition("/")[0] + "/*"}:
                return media_type
    raise NotAcceptable("This can be had as " + ", ".join(offered) + ".")
