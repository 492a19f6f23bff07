"""Who there is: users, groups, tokens. A principal is whoever a grant can name."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

EVERYONE = 0
"""The principal that stands for every signed-in account."""


class Principal(models.Model):
    """A user, a group or everyone: one number space, so that a grant has one foreign key."""

    class Kind(models.TextChoices):
        USER = "user"
        GROUP = "group"
        EVERYONE = "everyone"

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=8, choices=Kind)


class User(AbstractBaseUser):
    """An account of a person. Site roles are flags; what it may read is decided by grants alone."""

    principal = models.OneToOneField(Principal, primary_key=True, on_delete=models.PROTECT, related_name="user")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=150, help_text="The sign-in name")
    full_name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    is_active = models.BooleanField(default=True)
    is_admin = models.BooleanField(default=False, help_text="Runs the site")
    is_reviewer = models.BooleanField(default=False, help_text="Reviews models")
    is_auditor = models.BooleanField(default=False, help_text="Reads the whole audit")
    created = models.DateTimeField(auto_now_add=True)
    sessions_valid_after = models.DateTimeField(null=True, help_text="Sessions begun earlier are over")

    USERNAME_FIELD = "name"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = BaseUserManager["User"]()

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="user_name_unique")]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must still match: a new password, or ending all sessions, makes the old ones worthless."""
        marks = f"{self.password}\0{self.sessions_valid_after}"
        return salted_hmac("sinfonietta.session", marks, secret, algorithm="sha256").hexdigest()


class Group(models.Model):
    """People who are granted things together."""

    principal = models.OneToOneField(Principal, primary_key=True, on_delete=models.PROTECT, related_name="group")
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=150)
    description = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)
    members = models.ManyToManyField(User, through="Membership", related_name="groups")

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="group_name_unique")]


class Membership(models.Model):
    """A user in a group; managers add and remove members."""

    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    is_manager = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "user"], name="membership_unique")]


class Token(models.Model):
    """A secret for programs. Only its SHA-256 is kept; the secret is shown once."""

    class Scope(models.TextChoices):
        READ = "read"
        WRITE = "write"
        ADMIN = "admin"

    uid = models.UUIDField(default=uuid.uuid4, primary_key=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=150)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.WRITE)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField(max_length=12, help_text="The first characters, to tell tokens apart")
    created = models.DateTimeField(auto_now_add=True)
    expires = models.DateTimeField(null=True)
    last_used = models.DateTimeField(null=True, help_text="Kept to the minute")


class FailedAttempts(models.Model):
    """One count of wrong secrets over all doors, per sign-in name and address."""

    name = models.CharField(max_length=150)
    address = models.CharField(max_length=45, blank=True)
    count = models.PositiveIntegerField(default=0)
    last = models.DateTimeField()
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "address"], name="failed_attempts_unique")]


class Epoch(models.Model):
    """One row: how often anything changed that can take a right from a credential. Triggers raise it."""

    id = models.SmallIntegerField(primary_key=True)
    number = models.BigIntegerField()
