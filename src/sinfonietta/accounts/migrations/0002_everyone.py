"""The principal that stands for every signed-in account."""

from __future__ import annotations

from typing import Any

from django.db import migrations


def make(apps: Any, schema_editor: Any) -> None:
    apps.get_model("accounts", "Principal").objects.get_or_create(id=0, defaults={"kind": "everyone"})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
