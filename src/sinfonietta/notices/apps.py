from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "sinfonietta.notices"
    label = "notices"
