"""Shapes of other DICOM nodes: what is read from bodies, and what is documented of answers."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sinfonietta.dicom.models import Peer
from sinfonietta.dicom.peers.services import FIELDS, LONGEST_PAUSE_H
from sinfonietta.interfaces.api.serializers import S, Strict

UID = r"^[0-9.]{1,64}$"


class NewPeer(Strict):
    ae_title = serializers.CharField(max_length=16)
    host = serializers.CharField(max_length=255)
    port = serializers.IntegerField(min_value=1, max_value=65535)
    account = serializers.CharField(max_length=150, help_text="Id or name: whose rights it has")
    into = serializers.UUIDField(required=False, allow_null=True, help_text="Where it files; null: the account's home")
    tls = serializers.BooleanField(default=False)
    description = serializers.CharField(max_length=255, default="", allow_blank=True)


class MirrorSchedule(Strict):
    every_h = serializers.IntegerField(
        min_value=1, max_value=LONGEST_PAUSE_H, allow_null=True, help_text="Hours between mirrors; null: none"
    )


class PeerShape(S):
    id = serializers.UUIDField()
    ae_title = serializers.CharField()
    host = serializers.CharField()
    port = serializers.IntegerField()
    tls = serializers.BooleanField()
    account = serializers.CharField()
    into = serializers.UUIDField(allow_null=True)
    description = serializers.CharField(allow_blank=True)
    mirror_every_h = serializers.IntegerField(allow_null=True)
    mirror_next = serializers.DateTimeField(allow_null=True, help_text="When it is mirrored next")
    created = serializers.DateTimeField()


class EchoShape(S):
    answers = serializers.BooleanField()


class Filter(Strict):
    """What is asked for, as in C-FIND: wildcards and ranges of dates work."""

    patient_id = serializers.CharField(max_length=64, required=False)
    patient_name = serializers.CharField(max_length=64, required=False)
    study_date = serializers.CharField(max_length=32, required=False)
    accession_number = serializers.CharField(max_length=32, required=False)
    study_description = serializers.CharField(max_length=64, required=False)
    modality = serializers.CharField(max_length=16, required=False)


class NewQuery(Filter):
    study = serializers.RegexField(UID, required=False, help_text="With this, its series are asked for")
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)


class FoundShape(S):
    """A study or series of the other node; what it does not say is empty."""

    def get_fields(self) -> dict[str, Any]:
        """One text for each attribute."""
        return {name: serializers.CharField(allow_blank=True) for name in FIELDS}


class FoundsShape(S):
    results = FoundShape(many=True)
    more = serializers.BooleanField(help_text="The node has more than `limit`")


class NewSend(Strict):
    node = serializers.UUIDField(required=False)
    study = serializers.RegexField(UID, required=False)
    within = serializers.UUIDField(required=False, help_text="Only what of the study lies below this node")


class NewFetch(Strict):
    study = serializers.RegexField(UID)
    series = serializers.RegexField(UID, required=False)
    node = serializers.UUIDField(required=False, help_text="Where to; default: where the peer files")


class NewMirror(Filter):
    node = serializers.UUIDField(required=False, help_text="Where to; default: where the peer files")


def peer(row: Peer) -> dict[str, Any]:
    """A node."""
    fields = ("ae_title", "host", "port", "tls", "description", "mirror_every_h", "mirror_next", "created")
    shape = {"id": str(row.uid), "account": row.account.name, "into": row.into and str(row.into.uid)}
    return shape | {name: getattr(row, name) for name in fields}
