"""A blob: bytes under the name of their SHA-256. Names and paths are the library's business."""

from __future__ import annotations

from django.db import models


class Blob(models.Model):
    """Bytes that are durable in a store."""

    id = models.BigAutoField(primary_key=True)
    sha256 = models.CharField(max_length=64, unique=True)
    size_bytes = models.BigIntegerField()
    store = models.CharField(max_length=32, default="local")
    key = models.CharField(max_length=255)
    created = models.DateTimeField(auto_now_add=True)
    touched = models.DateTimeField(help_text="Last time somebody filed it: garbage collection waits a grace from here")
    verified = models.DateTimeField(null=True)
    damaged = models.DateTimeField(
        null=True, help_text="When other bytes than these were found: they are not served, until the right ones come"
    )
