from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "sinfonietta.interfaces.portal"
    label = "portal"
