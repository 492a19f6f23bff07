"""The OpenAPI document: what REST Framework knows, and the errors that every operation may answer."""

from __future__ import annotations

import re
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

PROBLEMS = {
    "400": "The request cannot be read",
    "401": "Not signed in",
    "403": "Seen, but not allowed; or the CSRF token is missing",
    "404": "Not there, or not yours to see",
    "409": "A name is taken, or the state does not allow it",
    "422": "A rule is broken; `errors` names the fields",
    "429": "Too many attempts or requests",
    "503": "A part is away; see `Retry-After`",
}
# The one refusal that does not come from us: gunicorn does not read such an address.
TOO_LONG = {"description": "The address is too long", "content": {"text/html": {"schema": {"type": "string"}}}}
WITH_BODY = {
    "411": "Length required",
    "413": "Too large",
    "415": "Media type not supported",
    "507": "Disk or quota full",
}


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()), required=False)  # type: ignore[assignment]


LOCATION = {"Location": {"description": "Where it is", "schema": {"type": "string"}}}


class HouseSchema(AutoSchema):
    """Adds the problems to every operation, and names operations after their view."""

    def get_operation_id(self) -> str:
        """Method and view: ``get_collections``, ``get_collection``."""
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self.view).__name__.removesuffix("View"))
        return f"{self.method}_{name}".lower()

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """One operation of the document."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        problem = self.resolve_serializer(ProblemSerializer, "response").ref
        problems = PROBLEMS | (WITH_BODY if self.method in ("POST", "PUT", "PATCH") else {})
        for status, said in problems.items():
            content = {"application/problem+json": {"schema": problem}}
            operation["responses"].setdefault(status, {"description": said, "content": content})
        operation["responses"]["414"] = TOO_LONG
        for status in ("201", "202"):
            if status in operation["responses"]:
                operation["responses"][status]["headers"] = LOCATION
        return operation


class HouseAuthenticationScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The ways to authenticate, for the document."""

    target_class = "sinfonietta.interfaces.api.authentication.HouseAuthentication"
    name = ["cookie", "bearer", "basic"]  # noqa: RUF012 - the extension's own interface

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, str]]:
        """Cookie, bearer token, Basic."""
        return [
            {"type": "apiKey", "in": "cookie", "name": "sinfonietta_session"},
            {"type": "http", "scheme": "bearer"},
            {"type": "http", "scheme": "basic"},
        ]
