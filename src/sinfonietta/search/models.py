"""What is searched: a document for each node, made from what the other rooms keep, and made anew at any time."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Document(models.Model):
    """What a node can be found by. Rights, trash and quarantine are never here: they are asked of the node itself.

    Beside these columns PostgreSQL has ``vector``, SQLite the tables ``search_words`` and ``search_names``; they follow
    ``words`` and ``name``. Narrow columns come first, so that filters and counts do not read the texts.
    """

    node = models.OneToOneField(
        "library.Node", primary_key=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    seen = models.BigIntegerField(help_text="The last change that was known when it was made")
    kind = models.CharField(max_length=10)
    collection = models.BigIntegerField()
    owner = models.BigIntegerField(null=True)
    form = models.CharField(
        max_length=20, blank=True, help_text="What kind of file, for people: PDF, table, image, ..."
    )
    modality = models.CharField(max_length=16, blank=True)
    body_part = models.CharField(max_length=64, blank=True)
    maker = models.CharField(max_length=64, blank=True)
    day = models.IntegerField(null=True, help_text="YYYYMMDD: of the study, else of the file")
    size_bytes = models.BigIntegerField(null=True)
    version = models.BigIntegerField(null=True, help_text="The version that ``content`` was read from")
    wanted = models.BooleanField(default=False, help_text="Its content is still to be read")
    name = models.CharField(max_length=400, help_text="Folded")
    text = models.TextField(blank=True, help_text="What is known of it, as people write it")
    content = models.TextField(blank=True, help_text="The text inside the file")
    words = models.TextField(help_text="All of it as words and facts")

    class Meta:
        indexes = [
            models.Index(fields=["name"]),
            models.Index(fields=["wanted"], condition=Q(wanted=True), name="search_wanted"),
        ]


class Number(models.Model):
    """A number that a node has under a field, for comparisons; dates are YYYYMMDD."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="numbers", db_constraint=False)
    field = models.CharField(max_length=80)
    value = models.FloatField()

    class Meta:
        indexes = [models.Index(fields=["field", "value"])]


class Spelling(models.Model):
    """A word of some document, under what it is looked up by when it is mistyped."""

    pk = models.CompositePrimaryKey("variant", "word")
    variant = models.CharField(max_length=20)
    word = models.CharField(max_length=20)


class Progress(models.Model):
    """One row: how far the feed of changes has been followed, and who follows it at present."""

    id = models.SmallIntegerField(primary_key=True)
    last = models.BigIntegerField(default=0, help_text="Id of a change")
    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField(null=True)


class Sweep(models.Model):
    """Nodes to be gone through: those whose ancestry lies in a range. ``after_*``: how far that is."""

    id = models.BigAutoField(primary_key=True)
    first = models.CharField(max_length=1200, blank=True)
    beyond = models.CharField(max_length=1200, blank=True, help_text="Empty: to the end")
    renew = models.BooleanField(help_text="Also those that have a document")
    after_ancestry = models.CharField(max_length=1200, blank=True)
    after_id = models.BigIntegerField(default=0)


class SavedSearch(models.Model):
    """A search that a person wants to ask again. It is theirs alone."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=150)
    query = models.CharField(max_length=2000)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="saved_search_name_unique")]
