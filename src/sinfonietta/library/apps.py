from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "sinfonietta.library"
    label = "library"
