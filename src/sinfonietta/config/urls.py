"""The URL table: one line a door."""

from __future__ import annotations

from django.urls import include, path

from sinfonietta.interfaces.http import health

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/uploads/", include("sinfonietta.interfaces.api.tus.urls")),
    path("api/v1/", include("sinfonietta.interfaces.api.urls")),
    path("dicomweb/", include("sinfonietta.interfaces.dicomweb.urls")),
    path("viewer/", include("sinfonietta.interfaces.viewer.urls")),
    path("", include("sinfonietta.interfaces.portal.urls")),
]
handler400 = "sinfonietta.interfaces.portal.views.errors.bad_request"
handler403 = "sinfonietta.interfaces.portal.views.errors.forbidden"
handler404 = "sinfonietta.interfaces.portal.views.errors.not_found"
handler500 = "sinfonietta.interfaces.portal.views.errors.broken"
