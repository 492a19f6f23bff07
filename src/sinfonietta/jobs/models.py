"""The job truth: the row is the job, whoever executes it."""

from __future__ import annotations

import uuid

from django.db import models


class Job(models.Model):
    """Durable background work. ``fence`` grows with each attempt; a late writer with an old fence is refused."""

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    payload = models.JSONField(default=dict)
    owner = models.UUIDField(null=True, help_text="The account that asked; null for the system")
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    detail = models.TextField(blank=True, help_text="A sentence: what it does now, or why it failed")
    result = models.JSONField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=3)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=100, blank=True)
    cancel_requested = models.BooleanField(default=False)
    run_after = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True)
    started = models.DateTimeField(null=True)
    finished = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "run_after", "id"]), models.Index(fields=["owner", "id"])]


class Schedule(models.Model):
    """A kind of job that comes again."""

    name = models.CharField(max_length=64, primary_key=True)
    kind = models.CharField(max_length=64)
    payload = models.JSONField(default=dict)
    every_s = models.PositiveIntegerField()
    next_run = models.DateTimeField(db_index=True)
