"""Shapes of what DICOM objects say and show: what is read from queries, and what is documented of answers."""

from __future__ import annotations

from rest_framework import serializers

from sinfonietta.interfaces.api.serializers import S


class CodeShape(S):
    code = serializers.CharField(allow_blank=True)
    scheme = serializers.CharField(allow_blank=True)
    meaning = serializers.CharField(allow_blank=True)


class ReportShape(S):
    title = CodeShape()
    items = serializers.ListField(
        child=serializers.DictField(),
        help_text="`relation, kind, concept, value, number, unit, reference, frames, place, more, items`, nested",
    )


class FigureShape(S):
    quantity = serializers.CharField()
    of = serializers.CharField(allow_blank=True, help_text="The organ or side")
    value = serializers.FloatField(allow_null=True, help_text="null: no value, or a unit that is not known")
    unit = serializers.CharField(help_text="One for each quantity")
    said = serializers.CharField(help_text="As the report says it")


class EventOfIrradiationShape(S):
    kind = serializers.CharField()
    uid = serializers.CharField(allow_blank=True)
    started = serializers.CharField(allow_blank=True)
    protocol = serializers.CharField(allow_blank=True)
    target = serializers.CharField(allow_blank=True)
    figures = FigureShape(many=True)


class IrradiationShape(S):
    title = serializers.CharField(allow_blank=True)
    totals = FigureShape(many=True)
    sums = FigureShape(many=True, help_text="Of its events, where the report states no total")
    events = EventOfIrradiationShape(many=True)


class SegmentShape(S):
    number = serializers.IntegerField()
    label = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    category = CodeShape()
    kind = CodeShape()
    anatomy = CodeShape()
    algorithm = serializers.CharField(allow_blank=True)
    color = serializers.ListField(child=serializers.IntegerField(), help_text="Red, green, blue")
    frames = serializers.IntegerField(help_text="On how many planes it is marked")


class SegmentsShape(S):
    kind = serializers.CharField(allow_blank=True)
    frame_of_reference = serializers.CharField(allow_blank=True)
    segments = SegmentShape(many=True)
    images = serializers.ListField(child=serializers.UUIDField(), help_text="Files that it can be laid over")
    overlay = serializers.CharField(help_text="PNG; add `image`, `frame` and `on` (numbers of segments)")
    reason = serializers.CharField(allow_blank=True, help_text="Why there are no images")


class SpotQuery(S):
    frame = serializers.IntegerField(min_value=0, default=0)
    row = serializers.IntegerField(min_value=0, required=False)
    column = serializers.IntegerField(min_value=0, required=False)
    image = serializers.UUIDField(required=False, help_text="Row and column are of this image, over which the PET lies")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if ("row" in attrs) != ("column" in attrs):
            raise serializers.ValidationError("Give row and column, or neither.")
        return attrs


class BackgroundShape(S):
    series = serializers.CharField()
    modality = serializers.CharField()
    description = serializers.CharField(allow_blank=True)
    images = serializers.IntegerField()


class SuvShape(S):
    factor = serializers.FloatField(allow_null=True, help_text="SUV by body weight = value x factor")
    how = serializers.CharField(allow_blank=True)
    reason = serializers.CharField(allow_blank=True, help_text="Why there is no SUV")
    unit = serializers.CharField(allow_blank=True, help_text="Of `value`")
    value = serializers.FloatField(allow_null=True, required=False)
    backgrounds = BackgroundShape(many=True, help_text="Series of the study in the same frame of reference")
    overlay = serializers.CharField(help_text="PNG; add `image`, `frame` and `top`")


class DoseSumShape(S):
    quantity = serializers.CharField()
    of = serializers.CharField(allow_blank=True)
    value = serializers.FloatField(allow_null=True)
    unit = serializers.CharField()
    values = serializers.IntegerField()
    left_out = serializers.IntegerField(help_text="Figures without a value or of an unknown unit")
    at_least = serializers.BooleanField(help_text="Reports overlap in part, their totals cannot be told apart")


class PatientDoseShape(DoseSumShape):
    patient_id = serializers.CharField(allow_blank=True)
    issuer = serializers.CharField(allow_blank=True)
    studies = serializers.IntegerField()
    reports = serializers.IntegerField()
    events = serializers.IntegerField()


class DosesShape(S):
    reports = serializers.IntegerField()
    is_cut = serializers.BooleanField(help_text="There are more reports; these are the ones that were filed last")
    events = serializers.IntegerField(help_text="Different irradiations")
    sums = DoseSumShape(many=True)
    patients = PatientDoseShape(many=True)
    dosimetry = serializers.ListField(child=serializers.DictField(), help_text="Dosimetry tables: `file, name, lines`")
