"""The shapes of the API: what is read from bodies and queries, and what is documented of answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

S = serializers.Serializer[Any]
KINDS = ["collection", "folder", "fileset", "file"]
LEVELS = ["read", "write", "manage"]
STATES = ["processing", "ready", "incomplete", "quarantined", "conflict"]
POLICIES = ["accept", "warn", "quarantine", "clean", "refuse"]
ORDERS = ["name", "-name", "created", "-created", "modified", "-modified", "size", "-size"]


class Strict(S):
    """A body with a field that is not known is refused, not silently ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """The known fields. Raises ValidationError naming the others."""
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            raise serializers.ValidationError({name: ["This field is not known."] for name in sorted(unknown)})
        return super().to_internal_value(data)


# Queries
class Paging(S):
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(max_length=2000, required=False)


class NodeListing(Paging):
    order = serializers.ChoiceField(ORDERS, default="name")
    name = serializers.CharField(max_length=255, default="", allow_blank=True, help_text="Part of the name")


class Children(NodeListing):
    type = serializers.ChoiceField(KINDS, required=False)


class ByPath(S):
    path = serializers.CharField(max_length=10000)


class Since(S):
    since = serializers.CharField(max_length=2000, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class PrincipalSearch(S):
    q = serializers.CharField(max_length=150, default="", allow_blank=True)
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class AuditListing(Paging):
    node = serializers.UUIDField(required=False)
    actor = serializers.UUIDField(required=False)
    action = serializers.CharField(max_length=64, required=False)
    since = serializers.DateTimeField(required=False)


class OneVersion(S):
    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


# Bodies
class NewCollection(Strict):
    name = serializers.CharField(max_length=255, trim_whitespace=False)
    description = serializers.CharField(max_length=10000, default="", allow_blank=True)


class ChangedCollection(Strict):
    name = serializers.CharField(max_length=255, trim_whitespace=False, required=False)
    description = serializers.CharField(max_length=10000, required=False, allow_blank=True)
    deidentification = serializers.ChoiceField(POLICIES, required=False)
    quota_bytes = serializers.IntegerField(min_value=0, max_value=2**62, required=False, allow_null=True)


class NewNode(Strict):
    parent = serializers.UUIDField()  # type: ignore[assignment]
    name = serializers.CharField(max_length=255, trim_whitespace=False)


class ChangedNode(Strict):
    name = serializers.CharField(max_length=255, trim_whitespace=False)


class Target(Strict):
    parent = serializers.UUIDField()  # type: ignore[assignment]
    name = serializers.CharField(max_length=255, trim_whitespace=False, required=False)


class Restored(Strict):
    parent = serializers.UUIDField(required=False)  # type: ignore[assignment]


class Grant(Strict):
    user = serializers.CharField(max_length=150, required=False, help_text="Id or name")
    group = serializers.CharField(max_length=150, required=False, help_text="Id or name")
    name = serializers.CharField(read_only=True)
    level = serializers.ChoiceField(LEVELS)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Exactly one of user and group."""
        if ("user" in attrs) == ("group" in attrs):
            raise serializers.ValidationError("Name either a user or a group.")
        return attrs


class Grants(Strict):
    """As GET answers it, so that a program changes a row and puts all of it back."""

    inherit = serializers.BooleanField()
    inherited_from = serializers.UUIDField(read_only=True)
    everyone = serializers.ChoiceField(["read"], allow_null=True, default=None)
    grants = Grant(many=True, default=list)


class Owners(S):
    """A plain list of user ids."""

    owners = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=1000)


class NewToken(Strict):
    name = serializers.CharField(max_length=150)
    scope = serializers.ChoiceField(["read", "write", "admin"], default="write")
    days = serializers.IntegerField(min_value=1, max_value=36500, required=False, allow_null=True)


class NewGroup(Strict):
    name = serializers.CharField(max_length=150)
    description = serializers.CharField(max_length=10000, default="", allow_blank=True)


class NewMember(Strict):
    user = serializers.CharField(max_length=150, help_text="Id or name")
    is_manager = serializers.BooleanField(
        default=None, allow_null=True, help_text="Left out: a new one is no manager, of a known one it stays as it is"
    )


# Answers
class DicomShape(S):
    study = serializers.CharField()
    series = serializers.CharField()
    instance = serializers.CharField()
    modality = serializers.CharField(allow_blank=True)


class NodeShape(S):
    id = serializers.UUIDField()
    type = serializers.ChoiceField(KINDS)
    name = serializers.CharField()
    path = serializers.CharField()
    parent = serializers.UUIDField(allow_null=True)  # type: ignore[assignment]
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    level = serializers.ChoiceField(LEVELS)


class CollectionShape(NodeShape):
    description = serializers.CharField(allow_blank=True)
    deidentification = serializers.ChoiceField(POLICIES)
    quota_bytes = serializers.IntegerField(allow_null=True)
    used_bytes = serializers.IntegerField()


class FileShape(NodeShape):
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    media_type = serializers.CharField()
    version = serializers.IntegerField()
    state = serializers.ChoiceField(STATES)
    problem = serializers.CharField(allow_blank=True, help_text="Why it is incomplete or quarantined")
    dicom = DicomShape(required=False)


class AnyNodeShape(FileShape):
    """A node of any type: fields beyond those of every node are there for its type only."""

    size_bytes = serializers.IntegerField(required=False)
    sha256 = serializers.CharField(required=False)
    media_type = serializers.CharField(required=False)
    version = serializers.IntegerField(required=False)
    state = serializers.ChoiceField(STATES, required=False)
    problem = serializers.CharField(allow_blank=True, required=False)
    description = serializers.CharField(allow_blank=True, required=False)
    deidentification = serializers.ChoiceField(POLICIES, required=False)
    quota_bytes = serializers.IntegerField(allow_null=True, required=False)
    used_bytes = serializers.IntegerField(required=False)


class VersionShape(S):
    number = serializers.IntegerField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    media_type = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    problem = serializers.CharField(allow_blank=True)
    created = serializers.DateTimeField()
    modified = serializers.DateTimeField()
    current = serializers.BooleanField()


class MeShape(S):
    id = serializers.UUIDField()
    name = serializers.CharField()
    full_name = serializers.CharField(allow_blank=True)
    email = serializers.CharField(allow_blank=True)
    groups = serializers.ListField(child=serializers.CharField())
    is_admin = serializers.BooleanField()
    home = serializers.UUIDField(allow_null=True)


class PrincipalShape(S):
    id = serializers.UUIDField()
    type = serializers.ChoiceField(["user", "group"])
    name = serializers.CharField()
    full_name = serializers.CharField(allow_blank=True)


class GrantShape(S):
    user = serializers.UUIDField(required=False)
    group = serializers.UUIDField(required=False)
    name = serializers.CharField()
    level = serializers.ChoiceField(LEVELS)


class GrantsShape(S):
    inherit = serializers.BooleanField()
    inherited_from = serializers.UUIDField(allow_null=True)
    everyone = serializers.ChoiceField(["read"], allow_null=True)
    grants = GrantShape(many=True)


class ManifestRowShape(S):
    path = serializers.CharField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    url = serializers.CharField()


class TrashShape(NodeShape):
    trashed = serializers.DateTimeField()
    purge_after = serializers.DateTimeField()


class JobShape(S):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(["queued", "running", "succeeded", "failed", "cancelled"])
    progress = serializers.FloatField(help_text="0 to 1")
    detail = serializers.CharField(allow_blank=True)
    result = serializers.JSONField(allow_null=True)
    created = serializers.DateTimeField()
    finished = serializers.DateTimeField(allow_null=True)


class ChangeShape(S):
    what = serializers.ChoiceField(["added", "changed", "removed"])
    id = serializers.UUIDField()
    type = serializers.ChoiceField(KINDS)
    at = serializers.DateTimeField()


class ChangesShape(S):
    results = ChangeShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="URL of the next page; null when this is the last")
    since = serializers.CharField(help_text="Ask with this the next time")


class TokenShape(S):
    id = serializers.UUIDField()
    name = serializers.CharField()
    scope = serializers.ChoiceField(["read", "write", "admin"])
    hint = serializers.CharField()
    created = serializers.DateTimeField()
    expires = serializers.DateTimeField(allow_null=True)
    last_used = serializers.DateTimeField(allow_null=True)


class NewTokenShape(TokenShape):
    token = serializers.CharField(help_text="The secret; shown only now")


class GroupShape(S):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(allow_blank=True)


class MemberShape(S):
    id = serializers.UUIDField()
    name = serializers.CharField()
    full_name = serializers.CharField(allow_blank=True)
    is_manager = serializers.BooleanField()


class EventShape(S):
    at = serializers.DateTimeField()
    actor = serializers.UUIDField(allow_null=True)
    action = serializers.CharField()
    target = serializers.UUIDField(allow_null=True)
    collection = serializers.UUIDField(allow_null=True)
    door = serializers.CharField()
    request = serializers.CharField(allow_blank=True)
    address = serializers.CharField(allow_null=True)
    detail = serializers.DictField()


class PreviewShape(S):
    kinds = serializers.ListField(child=serializers.CharField())
    links = serializers.DictField(child=serializers.CharField(), help_text="Kind -> URL")
    reason = serializers.CharField(allow_blank=True, help_text="Why nothing can be shown")


def page_of(shape: type[S]) -> type[S]:
    """The answer of a list of such shapes."""
    name = shape.__name__.removesuffix("Shape") + "Page"
    fields = {"results": shape(many=True), "next": serializers.CharField(allow_null=True)}
    return type(name, (serializers.Serializer,), fields)
