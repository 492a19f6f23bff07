from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "sinfonietta.jobs"
    label = "jobs"
