"""The caller, whom to share with, tokens and groups."""

from __future__ import annotations

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sinfonietta.accounts import queries, services
from sinfonietta.interfaces.api import serializers as s
from sinfonietta.interfaces.api import shapes
from sinfonietta.interfaces.api.base import HouseView, listing
from sinfonietta.library.queries import home


class MeView(HouseView):
    @extend_schema(responses=s.MeShape)
    def get(self, request: Request) -> Response:
        """The caller's own account."""
        user = queries.own_user(actor=self.actor)
        groups = queries.own_groups(actor=self.actor)
        return Response(shapes.me(user, groups, home(actor=self.actor)))


class PrincipalsView(HouseView):
    @extend_schema(parameters=[s.PrincipalSearch], responses=s.page_of(s.PrincipalShape))
    def get(self, request: Request) -> Response:
        """Users and groups to share with, by part of a name."""
        asked = self.asked(s.PrincipalSearch)
        found = queries.find_principals(actor=self.actor, text=asked["q"], limit=asked["limit"])
        return Response({"results": [shapes.principal(one) for one in found], "next": None})


class TokensView(HouseView):
    @extend_schema(responses=s.page_of(s.TokenShape))
    def get(self, request: Request) -> Response:
        """The caller's tokens, without their secrets."""
        return Response({"results": [shapes.token(one) for one in queries.tokens(actor=self.actor)], "next": None})

    @extend_schema(request=s.NewToken, responses={201: s.NewTokenShape})
    def post(self, request: Request) -> Response:
        """A new token; its secret is shown only in this answer."""
        said = self.said(s.NewToken)
        token, secret = services.create_token(actor=self.actor, user=queries.own_user(actor=self.actor), **said)
        return Response(
            shapes.token(token) | {"token": secret},
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/tokens/{token.uid}"},
        )


class TokenView(HouseView):
    @extend_schema(responses=s.TokenShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One of the caller's tokens, without its secret."""
        return Response(shapes.token(queries.token(actor=self.actor, uid=uid)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """Revoke a token, at once."""
        services.revoke_token(actor=self.actor, uid=uid)
        return Response(status=status.HTTP_204_NO_CONTENT)


class GroupsView(HouseView):
    @extend_schema(parameters=[s.Paging], responses=s.page_of(s.GroupShape))
    def get(self, request: Request) -> Response:
        """The groups that the caller belongs to; an administrator sees all."""
        page = queries.groups(actor=self.actor, **self.asked(s.Paging))
        return listing(request, page, [shapes.group(one) for one in page.items])

    @extend_schema(request=s.NewGroup, responses={201: s.GroupShape})
    def post(self, request: Request) -> Response:
        """A new group, managed by the caller."""
        group = services.create_group(actor=self.actor, **self.said(s.NewGroup))
        return Response(
            shapes.group(group),
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/groups/{group.uid}"},
        )


class GroupView(HouseView):
    @extend_schema(responses=s.GroupShape)
    def get(self, request: Request, uid: UUID) -> Response:
        """One group."""
        return Response(shapes.group(queries.group(actor=self.actor, uid=uid)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID) -> Response:
        """Delete a group; what was granted to it ends."""
        services.delete_group(actor=self.actor, group=queries.group(actor=self.actor, uid=uid))
        return Response(status=status.HTTP_204_NO_CONTENT)


class MembersView(HouseView):
    @extend_schema(parameters=[s.Paging], responses=s.page_of(s.MemberShape))
    def get(self, request: Request, uid: UUID) -> Response:
        """Who belongs to a group."""
        page = queries.members(actor=self.actor, uid=uid, **self.asked(s.Paging))
        return listing(request, page, [shapes.member(one) for one in page.items])

    @extend_schema(request=s.NewMember, responses={201: s.MemberShape})
    def post(self, request: Request, uid: UUID) -> Response:
        """Add a member, or change whether they manage the group."""
        said = self.said(s.NewMember)
        membership = services.add_member(
            actor=self.actor,
            group=queries.group(actor=self.actor, uid=uid),
            user=queries.user_named(actor=self.actor, name=said["user"]),
            is_manager=said["is_manager"],
        )
        return Response(
            shapes.member(membership),
            status=status.HTTP_201_CREATED,
            headers={"Location": f"/api/v1/groups/{uid}/members/{membership.user.uid}"},
        )


class MemberView(HouseView):
    @extend_schema(responses=s.MemberShape)
    def get(self, request: Request, uid: UUID, user: UUID) -> Response:
        """Somebody who belongs to a group."""
        group = queries.group(actor=self.actor, uid=uid)
        return Response(shapes.member(queries.member(actor=self.actor, group=group, uid=user)))

    @extend_schema(responses={204: None})
    def delete(self, request: Request, uid: UUID, user: UUID) -> Response:
        """Remove a member."""
        group = queries.group(actor=self.actor, uid=uid)
        member = queries.member(actor=self.actor, group=group, uid=user)
        services.remove_member(actor=self.actor, group=group, user=member.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
