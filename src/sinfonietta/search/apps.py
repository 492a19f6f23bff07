from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "sinfonietta.search"
    label = "search"
