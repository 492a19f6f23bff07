"""Resumable uploads are rows: they survive the browser, the connection and the server."""

from __future__ import annotations

import uuid

from django.db import models


class Upload(models.Model):
    """Bytes on their way in. ``offset`` is what is durable in staging."""

    uid = models.UUIDField(default=uuid.uuid4, primary_key=True, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    parent = models.ForeignKey("library.Node", null=True, on_delete=models.CASCADE, related_name="+")
    filename = models.CharField(max_length=255)
    relative_path = models.TextField(blank=True, help_text="Folders to make on the way; ends with the file's name")
    media_type = models.CharField(max_length=127, blank=True)
    modified = models.DateTimeField(null=True, help_text="The file's own time at the sender")
    sha256 = models.CharField(max_length=64, blank=True, help_text="As declared by the sender")
    length_bytes = models.BigIntegerField(null=True)
    offset_bytes = models.BigIntegerField(default=0)
    staged = models.CharField(max_length=64, help_text="The key in staging")
    is_partial = models.BooleanField(default=False, help_text="tus concatenation: a part of a final upload")
    parts = models.JSONField(default=list, help_text="tus concatenation: ids of the parts of a final upload")
    metadata = models.JSONField(default=dict, help_text="Upload-Metadata as it came")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(db_index=True)
    file = models.UUIDField(null=True, help_text="The file it became")
