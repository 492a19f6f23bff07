"""Shapes of requests about studies."""

from __future__ import annotations

from rest_framework import serializers

from sinfonietta.dicom.exports.services import FORMS
from sinfonietta.interfaces.api.peers import UID
from sinfonietta.interfaces.api.serializers import S, Strict


class Wanted(S):
    """Studies, or all those of one patient."""

    study = serializers.ListField(child=serializers.RegexField(UID), default=list, max_length=1000)
    series = serializers.RegexField(UID, required=False, help_text="Of the studies this series alone")
    patient_id = serializers.CharField(max_length=255, required=False, trim_whitespace=False)
    patient_name = serializers.CharField(
        max_length=255, required=False, help_text="Of a patient without an id: the name as the portal links it"
    )
    within = serializers.UUIDField(required=False, help_text="Only what lies below this node")


class NewExport(Strict):
    """A series, made into another form."""

    form = serializers.ChoiceField(
        FORMS, help_text="`nifti`: images or doses; of a structure set `masks` (NIfTI, one for each region) or `seg`"
    )
    study = serializers.RegexField(UID)
    series = serializers.RegexField(UID)
    into = serializers.UUIDField(help_text="The collection or folder that the result is filed in")
    within = serializers.UUIDField(required=False, help_text="Only what of the series lies below this node")
