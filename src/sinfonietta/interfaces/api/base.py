"""What the views of the API have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpResponse
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Forbidden, NotFound
from sinfonietta.common.paging import Page
from sinfonietta.interfaces.http.access import SIGNED_IN
from sinfonietta.interfaces.http.bodies import gather

T = TypeVar("T")


class HouseView(APIView):
    """A view for accounts: parses, calls one use case, renders."""

    access = SIGNED_IN
    takes_a_stream = False
    """Whether the body is a file, of any length, that the view reads itself."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Before the method runs. Raises NotSignedIn and others, TooLarge."""
        super().initial(request, *args, **kwargs)
        if not self.takes_a_stream:
            gather(request._request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Answers are for the one who asked, and true at that moment."""
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """Which methods there are (RFC 9110 9.3.7)."""
        return HttpResponse(status=204, headers={"Allow": ", ".join(self.allowed_methods)})

    @property
    def actor(self) -> Actor:
        """Who asks."""
        user = self.request.user
        assert isinstance(user, Actor)
        return user

    def seen_after(self, look: Callable[[], Response]) -> Response:
        """What there is to see after a change of rights; 204 where the caller has given away their own."""
        try:
            return look()
        except (Forbidden, NotFound):
            return Response(status=status.HTTP_204_NO_CONTENT)

    def said(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated body. Raises ValidationError (422)."""
        reader = serializer(data=self.request.data)
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)

    def asked(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated query parameters. Raises ValidationError (422)."""
        reader = serializer(data=self.request.query_params)
        reader.is_valid(raise_exception=True)
        return dict(reader.validated_data)


def listing(request: Request, page: Page[T], shapes: list[dict[str, Any]]) -> Response:
    """``{"results": [...], "next": url|null}``."""
    url = None
    if page.next:
        query = request.query_params.copy()
        query["cursor"] = page.next
        url = request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
    return Response({"results": shapes, "next": url})
