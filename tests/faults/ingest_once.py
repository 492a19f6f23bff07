"""Ingest one file into the installation of the environment, and say when it is acknowledged. For test_crash."""

from __future__ import annotations

import io
import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "sinfonietta.config.settings"
django.setup()

from django.conf import settings  # noqa: E402 - after setup

settings.INSPECTORS.clear()  # nothing but the way of the bytes

from sinfonietta.accounts.actor import Origin  # noqa: E402
from sinfonietta.accounts.models import User  # noqa: E402
from sinfonietta.accounts.queries import actor_for_user  # noqa: E402
from sinfonietta.ingest import services  # noqa: E402
from sinfonietta.library.queries import home  # noqa: E402

actor = actor_for_user(User.objects.get(name="alice"), Origin(door="test"))
parent = home(actor=actor)
assert parent
services.put(actor=actor, parent_uid=parent, name=sys.argv[1], stream=io.BytesIO(sys.argv[1].encode() * 1000))
sys.stdout.write("acknowledged\n")
sys.stdout.flush()
