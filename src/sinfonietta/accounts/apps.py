from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "sinfonietta.accounts"
    label = "accounts"
