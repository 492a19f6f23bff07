"""Addresses below /viewer/; all of them belong to OHIF, which has its own router in the browser."""

from __future__ import annotations

from django.urls import path

from sinfonietta.interfaces.viewer import views

app_name = "viewer"
urlpatterns = [
    path("", views.serve, name="start"),
    path("<path:path>", views.serve, name="serve"),
]
