from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "sinfonietta.ingest"
    label = "ingest"
