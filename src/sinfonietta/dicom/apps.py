from django.apps import AppConfig


class DicomConfig(AppConfig):
    name = "sinfonietta.dicom"
    label = "dicom"
