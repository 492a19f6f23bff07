"""THE CORE: one tree of nodes, interned ACLs, versions, trash.

``ancestry`` is the path of the ancestors' ids, six base-36 digits each, from the collection down to the parent:
empty for a collection. A subtree is one range of it, a breadcrumb is read off it, and nothing needs allocating.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
STEP = 6


def base36(number: int) -> str:
    """Six base-36 digits, so that text order is number order (up to 2,176,782,335)."""
    digits = ""
    for _ in range(STEP):
        number, digit = divmod(number, 36)
        digits = DIGITS[digit] + digits
    return digits


class Level(models.IntegerChoices):
    """What a grant allows; each includes the one before."""

    READ = 1
    WRITE = 2
    MANAGE = 3


class Acl(models.Model):
    """Who may what, for ``node`` and all below that have no ACL of their own.

    It outlives its node, so that those who could read that one still learn from the feed that it is gone.
    """

    id = models.BigAutoField(primary_key=True)
    node = models.OneToOneField("Node", null=True, on_delete=models.SET_NULL, related_name="own_acl")


class AclEntry(models.Model):
    """``level`` is what counts: the greater of what was granted and what owners of the collection always have."""

    pk = models.CompositePrimaryKey("acl_id", "principal_id")
    acl = models.ForeignKey(Acl, on_delete=models.CASCADE, related_name="entries")
    principal = models.ForeignKey("accounts.Principal", on_delete=models.CASCADE, related_name="+")
    level = models.PositiveSmallIntegerField(choices=Level)
    granted = models.PositiveSmallIntegerField(choices=Level, null=True, help_text="Null: an owner without a grant")

    class Meta:
        indexes = [models.Index(fields=["principal", "acl", "level"])]


class Node(models.Model):
    """A collection, folder, fileset or file."""

    class Kind(models.TextChoices):
        COLLECTION = "collection"
        FOLDER = "folder"
        FILESET = "fileset"
        FILE = "file"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    # No index of their own where another one begins with the column, or nobody asks: each costs every write.
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children", db_index=False)
    ancestry = models.CharField(max_length=1200)
    name = models.CharField(max_length=255)
    acl = models.ForeignKey(Acl, on_delete=models.RESTRICT, related_name="nodes", db_index=False)
    created = models.DateTimeField()
    modified = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # DO_NOTHING: a trash row ends with its node, when all that went with it has been restored or deleted.
    trash = models.ForeignKey("Trash", null=True, on_delete=models.DO_NOTHING, related_name="nodes", db_index=False)
    # A file's own; null for containers. Size and media type are those of the current version, here for sorting.
    current = models.ForeignKey("Version", null=True, on_delete=models.SET_NULL, related_name="+")
    size_bytes = models.BigIntegerField(null=True)
    media_type = models.CharField(max_length=127, blank=True)

    # Set by ``library.access`` on nodes that were fetched for an actor; no columns.
    level: Level
    highest: int

    class Meta:
        constraints = [
            # What is in the trash keeps its name; one act takes no two of a name from one place. This index serves
            # the listing of a place, too.
            models.UniqueConstraint(F("parent"), F("name"), Coalesce("trash", 0), name="sibling_names_unique")
        ]
        indexes = [
            models.Index(fields=["ancestry"]),
            models.Index(fields=["acl", "kind", "id"]),
            models.Index(fields=["trash"], condition=Q(trash__isnull=False), name="node_in_trash"),
        ]

    @property
    def below(self) -> str:
        """The ancestry that this node's children carry."""
        return self.ancestry + base36(self.id)

    @property
    def ancestor_ids(self) -> list[int]:
        """Primary keys of the ancestors, from the collection down to the parent."""
        return [int(self.ancestry[at : at + STEP], 36) for at in range(0, len(self.ancestry), STEP)]

    @property
    def collection_id(self) -> int:
        """Primary key of the collection that this node lies in, or is."""
        return int(self.ancestry[:STEP], 36) if self.ancestry else self.id


def subtree(node: Node) -> Q:
    """Everything below a node, itself not included, as a range on the ancestry index."""
    return Q(ancestry__gte=node.below, ancestry__lt=node.ancestry + base36(node.id + 1))


def with_subtree(node: Node) -> Q:
    """A node and everything below it."""
    return Q(id=node.id) | subtree(node)


class Collection(models.Model):
    """What only a collection has."""

    node = models.OneToOneField(Node, primary_key=True, on_delete=models.CASCADE, related_name="collection")
    description = models.TextField(blank=True)
    home_of = models.OneToOneField("accounts.User", null=True, on_delete=models.SET_NULL, related_name="home")
    quota_bytes = models.BigIntegerField(null=True, help_text="Null: no limit")
    used_bytes = models.BigIntegerField(default=0, help_text="All versions, the trash included")
    deidentification = models.CharField(max_length=10, blank=True, help_text="Empty: the site's setting")


class Owner(models.Model):
    """Who manages all of a collection, whatever ACL stands below."""

    collection = models.ForeignKey(Collection, on_delete=models.CASCADE, related_name="owners")
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="owned")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["collection", "user"], name="owner_unique")]


class Version(models.Model):
    """One content that a file has or had."""

    class State(models.TextChoices):
        PROCESSING = "processing"
        READY = "ready"
        INCOMPLETE = "incomplete"
        QUARANTINED = "quarantined"
        CONFLICT = "conflict"

    id = models.BigAutoField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField()
    blob = models.ForeignKey("blobs.Blob", on_delete=models.PROTECT, related_name="+")
    size_bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=127)
    state = models.CharField(max_length=11, choices=State, default=State.READY)
    problem = models.TextField(blank=True, help_text="Why it is incomplete or quarantined")
    modified = models.DateTimeField(help_text="The file's own time, as the sender said, or when it came")
    created = models.DateTimeField()
    created_by = models.ForeignKey(
        "accounts.User", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "number"], name="version_number_unique")]


class Trash(models.Model):
    """What one act of deletion took away: ``node`` and what lay below it then."""

    id = models.BigAutoField(primary_key=True)
    node = models.OneToOneField(Node, on_delete=models.CASCADE, related_name="trashed")
    trashed_at = models.DateTimeField()
    trashed_by = models.ForeignKey("accounts.User", null=True, on_delete=models.SET_NULL, related_name="+")
    purge_after = models.DateTimeField(db_index=True)
    restorable = models.BooleanField(default=True, help_text="No: being deleted, or a copy in the making")


class Metadata(models.Model):
    """A free key with a typed value (text, number, boolean, date or a list of them)."""

    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="metadata")
    key = models.CharField(max_length=100)
    value = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["node", "key"], name="metadata_key_unique")]


class Change(models.Model):
    """What was added, changed or removed, for those who follow; ``acl`` says who may learn of it."""

    class What(models.TextChoices):
        ADDED = "added"
        CHANGED = "changed"
        REMOVED = "removed"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    what = models.CharField(max_length=7, choices=What)
    node = models.UUIDField()
    kind = models.CharField(max_length=10)
    acl = models.ForeignKey(Acl, on_delete=models.CASCADE, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["acl", "id"])]


class Star(models.Model):
    """A person wants to find a node again. Shown only while they may see it."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="stars")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "node"], name="star_unique")]


class Opened(models.Model):
    """When a person last opened the page of a node; the latest few of each person, see ``services.note_opened``."""

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+", db_index=False)
    node = models.ForeignKey(Node, on_delete=models.CASCADE, related_name="opened")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "node"], name="opened_unique")]
