from django.apps import AppConfig


class ArchivesConfig(AppConfig):
    name = "sinfonietta.archives"
    label = "archives"
