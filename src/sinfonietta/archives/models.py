"""What an unpacking has to remember from one attempt to the next."""

from __future__ import annotations

from django.db import models


class Unpacking(models.Model):
    """The state of one job, written after each batch; gone when the job has ended, and the password with it."""

    job = models.UUIDField(primary_key=True, editable=False)
    secret = models.BinaryField(default=b"", help_text="The archive's password, encrypted with the site's key")
    target = models.UUIDField(null=True, help_text="The folder it unpacks into, once that is made")
    done = models.PositiveBigIntegerField(default=0, help_text="Entries of the archive that are dealt with")
    report = models.JSONField(default=dict, help_text="What became of them")
    created = models.DateTimeField(auto_now_add=True, db_index=True)
