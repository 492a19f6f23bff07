"""Append-only events. No foreign keys: an event outlives what it speaks of. Ids, never names."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """Somebody did something to something, by some door."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor = models.UUIDField(null=True, help_text="The account; null for the system")
    action = models.CharField(max_length=64, help_text="noun.verb, such as file.read or grants.changed")
    target = models.UUIDField(null=True, help_text="The node, account, group, token or job it was done to")
    collection = models.UUIDField(null=True, help_text="The collection that the target lies in")
    door = models.CharField(max_length=16, help_text="portal, api, dicomweb, cli, worker ...")
    request = models.CharField(max_length=36, blank=True, help_text="The request id of the log")
    address = models.GenericIPAddressField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["target", "id"]),
            models.Index(fields=["collection", "id"]),
            models.Index(fields=["actor", "id"]),
        ]
