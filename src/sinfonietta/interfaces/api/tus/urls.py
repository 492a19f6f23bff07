"""The routes of tus."""

from __future__ import annotations

from django.urls import path

from sinfonietta.interfaces.api.tus import views

urlpatterns = [
    path("", views.uploads_view),
    path("<uuid:uid>", views.upload_view),
]
