"""Groups, for their members and managers; users, for administrators."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from sinfonietta.accounts import queries, services
from sinfonietta.accounts.models import User
from sinfonietta.common.errors import Problem
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts

MOST = 500


@signed_in
@require_http_methods(["GET", "POST"])
def groups(request: HttpRequest) -> HttpResponse:
    """The person's groups (an administrator's: all), and a new one."""
    actor, problem = actor_of(request), None
    if request.method == "POST":
        try:
            group = services.create_group(
                actor=actor, name=request.POST.get("name", ""), description=request.POST.get("description", "")
            )
            return redirect("portal:group", uid=group.uid)
        except Problem as error:
            problem = error
    context = {"groups": queries.groups(actor=actor).items, "problem": problem}
    return render(request, "portal/groups.html", context, status=problem.status if problem else 200)


@signed_in
@require_http_methods(["GET", "POST"])
def group(request: HttpRequest, uid: UUID) -> HttpResponse:
    """A group: its members, and for who manages it the ways to change it."""
    actor, problem = actor_of(request), None
    found = queries.group(actor=actor, uid=uid)
    if request.method == "POST":
        try:
            services.add_member(
                actor=actor,
                group=found,
                user=queries.user_named(actor=actor, name=request.POST.get("user", "").strip()),
                is_manager={"yes": True, "no": False}.get(request.POST.get("is_manager", "")),
            )
            return redirect("portal:group", uid=uid)
        except Problem as error:
            problem = error
    context = {
        "group": found,
        "members": queries.members(actor=actor, uid=uid).items,
        "manages": queries.manages(actor, found),
        "problem": problem,
    }
    return render(request, "portal/group.html", context, status=problem.status if problem else 200)


@signed_in
@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """Accounts that match what is typed into a field, whatever the field is called, as its suggestions."""
    text = next(iter(request.GET.dict().values()), "").strip()
    found = queries.find_principals(actor=actor_of(request), text=text) if text else []
    return render(request, "portal/_names.html", {"found": found})


@signed_in
@require_POST
def remove_member(request: HttpRequest, uid: UUID, user: UUID) -> HttpResponse:
    """Take somebody out of a group, or leave it."""
    actor = actor_of(request)
    found = queries.group(actor=actor, uid=uid)
    services.remove_member(actor=actor, group=found, user=queries.member(actor=actor, group=found, uid=user).user)
    parts.note(request, "They do not belong to the group any more.")
    return redirect("portal:groups" if user == actor.uid else reverse("portal:group", args=[uid]))


@signed_in
@require_POST
def delete_group(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Delete a group; what was granted to it ends."""
    actor = actor_of(request)
    services.delete_group(actor=actor, group=queries.group(actor=actor, uid=uid))
    parts.note(request, "The group is deleted.")
    return redirect("portal:groups")


@signed_in
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def users(request: HttpRequest) -> HttpResponse:
    """All accounts, and a new one."""
    actor, problem = actor_of(request), None
    text = request.GET.get("q", "").strip()
    queries.require_admin(actor)
    if request.method == "POST":
        try:
            made = services.create_user(
                actor=actor,
                name=request.POST.get("name", "").strip(),
                full_name=request.POST.get("full_name", "").strip(),
                email=request.POST.get("email", "").strip(),
                password=request.POST.get("password") or None,
            )
            parts.note(request, f"{made.name} has an account and a home collection.")
            return redirect("portal:users")
        except Problem as error:
            problem = error
    context = {
        "users": queries.users(actor=actor, text=text)[:MOST],
        "text": text,
        "problem": problem,
        "posted": request.POST,
    }
    return render(request, "portal/users.html", context, status=problem.status if problem else 200)


@signed_in
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def user(request: HttpRequest, uid: UUID) -> HttpResponse:
    """One account: roles, password, open or closed."""
    actor, problem = actor_of(request), None
    found = queries.user(actor=actor, uid=uid)
    if request.method == "POST":
        try:
            _change(request, found)
            return redirect("portal:user", uid=uid)
        except Problem as error:
            problem = error
    context = {"account": found, "problem": problem}
    return render(request, "portal/user.html", context, status=problem.status if problem else 200)


def _change(request: HttpRequest, found: User) -> None:
    actor, said = actor_of(request), request.POST
    if said.get("what") == "roles":
        roles = {role: role in said for role in ("is_admin", "is_reviewer", "is_auditor")}
        services.set_roles(actor=actor, user=found, **roles)
        parts.note(request, "The roles are saved.")
    elif said.get("what") == "password":
        services.set_password(actor=actor, user=found, password=said.get("password", ""))
        parts.note(request, "The password is set; their sessions have ended.")
    elif said.get("what") == "active":
        services.set_active(actor=actor, user=found, active=not found.is_active)
        parts.note(request, "The account is open." if found.is_active else "The account is closed.")
