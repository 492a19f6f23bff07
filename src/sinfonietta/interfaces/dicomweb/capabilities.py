"""What a root can do, for machines: the Retrieve Capabilities transaction (DICOM PS3.18 8.9, Annex H; WADL)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson
from django.http import HttpResponse
from django.http.response import HttpResponseBase

from sinfonietta.dicom.image.options import TARGETS
from sinfonietta.interfaces.dicomweb import media, rendered, report_text, wado_uri
from sinfonietta.interfaces.dicomweb.doors import Call, door

WADL = "application/vnd.sun.wadl+xml"
NAMESPACE = "http://wadl.dev.java.net/2009/02"
METADATA = (media.JSON, f'{media.MULTIPART}; type="{media.XML}"')
FILES = tuple(
    f'{media.MULTIPART}; type="{media.DICOM}"; transfer-syntax={syntax}' for syntax in ("*", *sorted(TARGETS))
)
BULK = (f'{media.MULTIPART}; type="{media.OCTETS}"', media.OCTETS)
FRAMES = (*BULK, *(f'{media.MULTIPART}; type="{kind}"' for kind in dict.fromkeys(media.FRAME_TYPES.values())))
PICTURES = (*rendered.FORMATS, *(f'{media.MULTIPART}; type="{kind}"' for kind in rendered.FORMATS))
RENDERED = (*PICTURES, *report_text.MEDIA_TYPES)
STORED = tuple(f'{media.MULTIPART}; type="{kind}"' for kind in (media.DICOM, media.JSON, media.XML))
SEARCH = ("{attribute}", "includefield", "fuzzymatching", "limit", "offset")
RENDERING = tuple(sorted(rendered.PARAMETERS))
URI = ("requestType", *wado_uri.NAMES, "contentType", "transferSyntax", "frameNumber", "rows", "columns", "region",
       "windowCenter", "windowWidth", "imageQuality", "annotation")  # fmt: skip

Service = tuple[str, Callable[..., Any], str]


def offered(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The media types that GET of a service answers with, and its query parameters."""
    if name == "wado-uri":
        return (media.DICOM, *rendered.FORMATS), URI
    if name.endswith("metadata"):
        return METADATA, ("charset",)
    if name.endswith(("rendered", "thumbnail")):
        return RENDERED if name == "rendered" else PICTURES, RENDERING
    if name == "frames":
        return FRAMES, ()
    if name.endswith(("bulk", "bulkdata", "pixeldata")):
        return BULK, ()
    if name in {"root", "capabilities"}:
        return (WADL, "application/json"), ()
    if name.endswith(("studies", "series", "instances")) and name != "one-series":
        return METADATA, SEARCH
    return FILES, ("transfer-syntax",)


def described(services: Sequence[Service]) -> list[dict[str, Any]]:
    """Each resource with its methods, from the table of routes."""
    found = []
    for route, view, name in services:
        types, parameters = offered(name)
        methods = []
        for method in getattr(view, "methods", ()):
            gives = types if method in {"GET", "HEAD"} else (media.JSON, media.XML) if method == "POST" else ()
            takes = STORED if method == "POST" else ()
            asks = parameters if method in {"GET", "HEAD"} else ()
            methods.append(
                {"name": method, "id": f"{method} {name}", "parameters": asks, "takes": takes, "gives": gives}
            )
        found.append({"path": re.sub(r"<(\w+:)?(\w+)>", r"{\2}", route), "methods": methods})
    return found


def wadl(base: str, resources: Sequence[dict[str, Any]]) -> bytes:
    """The description as WADL."""
    lines = [
        f'<?xml version="1.0" encoding="UTF-8"?><application xmlns="{NAMESPACE}">',
        f"<resources base={quoteattr(base)}>",
    ]
    for resource in resources:
        lines.append(f"<resource path={quoteattr(resource['path'])}>")
        for method in resource["methods"]:
            lines.append(f"<method name={quoteattr(method['name'])} id={quoteattr(method['id'])}>")
            parameters = "".join(f'<param name={quoteattr(name)} style="query"/>' for name in method["parameters"])
            lines.append(f"<request>{parameters}{_types(method['takes'])}</request>")
            lines.append(f"<response>{_types(method['gives'])}</response></method>")
        lines.append("</resource>")
    return "".join([*lines, "</resources></application>"]).encode()


def _types(types: Sequence[str]) -> str:
    return "".join(f"<representation mediaType={quoteattr(one)}/>" for one in types)


@door("GET", "HEAD", "OPTIONS")
def retrieve(call: Call) -> HttpResponseBase:
    """What there is in this root."""
    from sinfonietta.interfaces.dicomweb.urls import SERVICES  # noqa: PLC0415 - the table names this view too

    media_type = media.choose(call.request, (WADL, "application/xml", "application/json"))
    resources = described(SERVICES)
    is_json = media_type == "application/json"
    body = orjson.dumps({"base": call.url, "resources": resources}) if is_json else wadl(f"{call.url}/", resources)
    return HttpResponse(body, content_type=media_type)
