"""The DICOM index: rows about files that the library holds, never data with a life of its own.

A series row stands for (container, study, series). Files inherit their rights from their container, so the container
decides who sees the row; moving, sharing or trashing containers needs no work here.
"""

from __future__ import annotations

import uuid

from django.db import models

from sinfonietta.dicom.dataset.attributes import TEXT_LENGTH

UID_LENGTH = 64


def _uid() -> models.CharField[str, str]:
    return models.CharField(max_length=UID_LENGTH)


def _text() -> models.CharField[str, str]:
    return models.CharField(max_length=TEXT_LENGTH, blank=True)


def _by_beginning(column: str) -> models.Index:
    """An index that also finds values by how they begin, whatever collation PostgreSQL has."""
    return models.Index(fields=[column], opclasses=["varchar_pattern_ops"], name=f"dicom_{column}_begins")


class DicomSeries(models.Model):
    """The instances of one series that lie in one container; its attributes are those of the instance filed last."""

    id = models.BigAutoField(primary_key=True)
    container = models.ForeignKey("library.Node", on_delete=models.CASCADE, related_name="+")
    study_uid = _uid()
    series_uid = _uid()
    patient_id = _text()
    patient_name = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="Folded for search")
    birth_date = _text()
    sex = _text()
    study_date = _text()
    study_time = _text()
    accession_number = _text()
    study_id = _text()
    study_description = _text()
    referring_physician = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="Folded for search")
    modality = _text()
    series_number = models.BigIntegerField(null=True)
    series_description = _text()
    series_date = _text()
    series_time = _text()
    body_part = _text()
    instances = models.PositiveIntegerField(default=0, help_text="Different SOP Instance UIDs")
    size_bytes = models.BigIntegerField(default=0)
    described_by = models.BigIntegerField(help_text="Id of the version that the attributes were taken from")
    study_json = models.TextField(help_text="Members of the DICOM JSON object, without braces")
    series_json = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["container", "study_uid", "series_uid"], name="dicom_series_unique")
        ]
        indexes = [
            models.Index(fields=["study_uid", "series_uid"]),
            models.Index(fields=["series_uid"]),
            # The second of the two makes a page of studies, the newest first, one walk along the first.
            models.Index(fields=["study_date", "study_uid"]),
            models.Index(fields=["study_uid", "study_date"]),
            _by_beginning("patient_id"),
            models.Index(
                fields=["patient_name", "study_uid"],
                opclasses=["varchar_pattern_ops", "varchar_ops"],
                name="dicom_studies_by_name",
            ),
            _by_beginning("accession_number"),
            models.Index(fields=["modality", "study_date", "study_uid"]),
        ]


class DicomInstance(models.Model):
    """What is known of the bytes of one version. It is in DICOMweb while it has a series."""

    version = models.OneToOneField("library.Version", primary_key=True, on_delete=models.CASCADE, related_name="dicom")
    node = models.ForeignKey("library.Node", on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey(DicomSeries, null=True, on_delete=models.SET_NULL, related_name="files")
    study_uid = _uid()
    series_uid = _uid()
    sop_uid = _uid()
    sop_class = _uid()
    modality = _text()
    instance_number = models.BigIntegerField(null=True)
    transfer_syntax = _uid()
    frames = models.BigIntegerField(default=0, help_text="As declared; 0: no pixel data")
    json = models.TextField(help_text="Members of the DICOM JSON object, without braces")

    class Meta:
        indexes = [models.Index(fields=["series", "sop_uid"]), models.Index(fields=["sop_uid"])]


class DicomHeader(models.Model):
    """The large part of an instance, apart from it so that scans stay narrow."""

    instance = models.OneToOneField(DicomInstance, primary_key=True, on_delete=models.CASCADE, related_name="header")
    dataset = models.BinaryField(help_text="The DICOM JSON model, zlib")
    places = models.BinaryField(help_text="Where pixels and bulk data lie, and the rest of the header; zlib")


class DicomDose(models.Model):
    """What a radiation dose report says, read once when it was filed.

    It is the instance's: who may see it is asked of the instance's series.
    """

    instance = models.OneToOneField(DicomInstance, primary_key=True, on_delete=models.CASCADE, related_name="dose")
    patient_id = _text()
    issuer = models.CharField(max_length=TEXT_LENGTH, blank=True, help_text="Issuer of Patient ID")
    patient_name = _text()
    study_date = _text()
    sums = models.TextField(help_text="JSON of radiation.sums.Summary")
    report = models.BinaryField(help_text="irradiation.DoseReport as JSON, zlib")

    class Meta:
        indexes = [models.Index(fields=["patient_id", "issuer"], name="dicom_dose_patient")]


class DoseHistogram(models.Model):
    """Histograms of a structure set in a dose, kept by what they were computed of; for who may read both."""

    key = models.CharField(
        max_length=64, primary_key=True, help_text="SHA-256 over the revision and both blobs' hashes"
    )
    created = models.DateTimeField(db_index=True)
    result = models.BinaryField(help_text="JSON, zlib")


class Peer(models.Model):
    """A DICOM node that may talk to us, and that we may call. It sees and writes what its account may."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    ae_title = models.CharField(max_length=16, unique=True)
    host = models.CharField(max_length=255, help_text="Name or address: what it calls from, and where it is called")
    port = models.PositiveIntegerField()
    tls = models.BooleanField(default=False, help_text="It is only talked to over TLS")
    account = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    into = models.ForeignKey(
        "library.Node", null=True, on_delete=models.SET_NULL, related_name="+", help_text="Null: the account's home"
    )
    description = models.CharField(max_length=255, blank=True)
    mirror_every_h = models.PositiveSmallIntegerField(null=True, help_text="Hours between mirrors; null: none")
    mirror_next = models.DateTimeField(null=True, db_index=True)
    created = models.DateTimeField(auto_now_add=True)
