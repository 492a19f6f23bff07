"""Notices, and what a person wants to be told of."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Kind(models.TextChoices):
    """What a notice is about."""

    SHARED = "shared", "Something is shared with you or a group of yours"
    DONE = "done", "A job that you asked for is done"
    FAILED = "failed", "A job that you asked for failed"


DEFAULTS = {Kind.SHARED: (True, True), Kind.DONE: (True, False), Kind.FAILED: (True, True)}
"""In the page, by mail; until a person says otherwise."""


class Notice(models.Model):
    """One person is told of one thing. ``subject`` is the node that was shared, or the job."""

    class Mail(models.TextChoices):
        NONE = ""
        DUE = "due"
        TAKEN = "taken"
        REFUSED = "refused"

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    at = models.DateTimeField(db_index=True)
    subject = models.UUIDField()
    by = models.UUIDField(null=True, help_text="The account that did it; null for the system")
    facts = models.JSONField(default=dict, help_text="Of a job: its kind, and what it said at its end")
    is_shown = models.BooleanField(default=True, help_text="No: by mail only")
    read_at = models.DateTimeField(null=True)
    mail = models.CharField(max_length=7, choices=Mail, default=Mail.NONE, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["user", "id"]),
            models.Index(fields=["user"], condition=Q(read_at=None, is_shown=True), name="notice_unread"),
            models.Index(fields=["id"], condition=Q(mail="due"), name="notice_to_mail"),
        ]


class Wish(models.Model):
    """How a person wants to be told of a kind of thing."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    in_page = models.BooleanField()
    by_mail = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind"], name="wish_unique")]
