from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "sinfonietta.audit"
    label = "audit"
