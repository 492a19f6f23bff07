from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "sinfonietta.interfaces.api"
    label = "api"
