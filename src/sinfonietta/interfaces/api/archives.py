"""Shapes of archives: what is read from queries and bodies, and what is documented of answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sinfonietta.archives.index import Found
from sinfonietta.archives.queries import when
from sinfonietta.interfaces.api.serializers import Paging, S, Strict


class EntryListing(Paging):
    prefix = serializers.CharField(
        max_length=4096, default="", allow_blank=True, trim_whitespace=False, help_text="How whole names begin"
    )


class EntryShape(S):
    name = serializers.CharField(help_text="The whole path inside; a folder's ends with a slash")
    type = serializers.ChoiceField(["file", "folder", "link", "other"])
    size_bytes = serializers.IntegerField(help_text="As the archive declares it")
    compressed_bytes = serializers.IntegerField(allow_null=True, help_text="Null: compressed together with others")
    modified = serializers.DateTimeField(allow_null=True)
    encrypted = serializers.BooleanField()


class Extraction(Strict):
    parent = serializers.UUIDField(  # type: ignore[assignment]
        required=False, allow_null=True, help_text="Where to; without it a new folder beside the archive"
    )
    name = serializers.CharField(
        max_length=255, required=False, allow_blank=True, help_text="A new folder of this name, in the parent"
    )
    nested = serializers.BooleanField(default=False, help_text="Archives in the archive, too, into folders beside them")
    password = serializers.CharField(max_length=1000, default="", allow_blank=True, trim_whitespace=False)


def entry(found: Found) -> dict[str, Any]:
    """An entry of an archive."""
    return {
        "name": found.name,
        "type": found.kind,
        "size_bytes": found.size_bytes,
        "compressed_bytes": found.compressed_bytes,
        "modified": when(found),
        "encrypted": bool(found.is_encrypted),
    }
