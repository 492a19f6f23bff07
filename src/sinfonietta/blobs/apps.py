from django.apps import AppConfig


class BlobsConfig(AppConfig):
    name = "sinfonietta.blobs"
    label = "blobs"
