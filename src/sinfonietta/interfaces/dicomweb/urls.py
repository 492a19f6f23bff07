"""The roots and services of DICOMweb (DICOM PS3.18 10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, URLResolver, include, path, register_converter

from sinfonietta.interfaces.dicomweb import capabilities, qido, rendered, stow, wado, wado_uri


class Uid:
    """A UID (DICOM PS3.5 9.1); what is none is not there."""

    regex = r"[0-9][0-9.]{0,63}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Frames:
    """A list of frame numbers from 1."""

    regex = r"[0-9]{1,9}(,[0-9]{1,9})*"

    def to_python(self, value: str) -> list[int]:
        return [int(number) for number in value.split(",")]

    def to_url(self, value: list[int]) -> str:
        return ",".join(map(str, value))


register_converter(Uid, "dicom_uid")
register_converter(Frames, "dicom_frames")

STUDY = "studies/<dicom_uid:study>"
SERIES = f"{STUDY}/series/<dicom_uid:series>"
INSTANCE = f"{SERIES}/instances/<dicom_uid:instance>"

View = Callable[..., Any]
LEVELS = ((STUDY, "study"), (SERIES, "series"), (INSTANCE, "instance"))
SERVICES: list[tuple[str, View, str]] = [
    ("", capabilities.retrieve, "root"),
    ("capabilities", capabilities.retrieve, "capabilities"),
    ("wado", wado_uri.retrieve, "wado-uri"),
    ("studies", stow.studies, "studies"),
    ("beside/studies", stow.beside, "beside"),
    ("series", qido.series, "series"),
    ("instances", qido.instances, "instances"),
    (STUDY, stow.study, "study"),
    (f"{STUDY}/series", qido.series, "study-series"),
    (f"{STUDY}/instances", qido.instances, "study-instances"),
    (f"{SERIES}/instances", qido.instances, "series-instances"),
    (SERIES, wado.retrieve, "one-series"),
    (INSTANCE, wado.retrieve, "instance"),
    (f"{STUDY}/metadata", wado.metadata, "study-metadata"),
    (f"{SERIES}/metadata", wado.metadata, "series-metadata"),
    (f"{INSTANCE}/metadata", wado.metadata, "metadata"),
    *((f"{level}/bulkdata", wado.all_bulk, f"{name}-bulkdata") for level, name in LEVELS),
    *((f"{level}/pixeldata", wado.all_pixels, f"{name}-pixeldata") for level, name in LEVELS),
    (f"{INSTANCE}/frames/<dicom_frames:frames>", wado.frames, "frames"),
    (f"{INSTANCE}/bulk/<path:uri>", wado.bulk, "bulk"),
    (f"{STUDY}/rendered", rendered.rendered_several, "study-rendered"),
    (f"{SERIES}/rendered", rendered.rendered_several, "series-rendered"),
    (f"{INSTANCE}/rendered", rendered.rendered, "rendered"),
    (f"{INSTANCE}/frames/<dicom_frames:frames>/rendered", rendered.rendered, "frame-rendered"),
    (f"{STUDY}/thumbnail", rendered.thumbnail, "study-thumbnail"),
    (f"{SERIES}/thumbnail", rendered.thumbnail, "series-thumbnail"),
    (f"{INSTANCE}/thumbnail", rendered.thumbnail, "thumbnail"),
    (f"{INSTANCE}/frames/<dicom_frames:frames>/thumbnail", rendered.thumbnail, "frame-thumbnail"),
]


def routes(kind: str) -> list[URLPattern]:
    """Every service below one kind of root."""
    extra = {"kind": kind} if kind else {}
    prefix = f"{kind}-" if kind else ""
    return [path(route, view, extra, name=prefix + name) for route, view, name in SERVICES]


app_name = "dicomweb"
urlpatterns: list[URLPattern | URLResolver] = [
    path("collections/<uuid:root>/", include(routes("collections"))),
    path("folders/<uuid:root>/", include(routes("folders"))),
    *routes(""),
]
