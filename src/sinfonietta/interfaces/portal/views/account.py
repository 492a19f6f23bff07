"""The person's own account: profile, password, tokens, sessions; their jobs."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.accounts import queries, services, signin
from sinfonietta.common.errors import Invalid, NotSignedIn, Problem
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of, origin_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.jobs import queries as job_queries
from sinfonietta.jobs import services as job_services

WRONG = "The present password is wrong."


@signed_in
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    """The account page."""
    return _page(request)


def _page(request: HttpRequest, status: int = 200, **more: object) -> HttpResponse:
    actor = actor_of(request)
    context = {
        "account": queries.own_user(actor=actor),
        "groups": queries.own_groups(actor=actor),
        "tokens": queries.tokens(actor=actor),
        **more,
    }
    return render(request, "portal/account.html", context, status=status)


@signed_in
@require_POST
def set_profile(request: HttpRequest) -> HttpResponse:
    """Name and mail address."""
    actor = actor_of(request)
    try:
        services.set_profile(
            actor=actor,
            user=queries.own_user(actor=actor),
            full_name=request.POST.get("full_name", "").strip(),
            email=request.POST.get("email", "").strip(),
        )
    except Problem as problem:
        return _page(request, problem.status, profile_problem=problem)
    parts.note(request, "Your profile is saved.")
    return redirect("portal:account")


@signed_in
@sensitive_post_parameters()
@require_POST
def set_password(request: HttpRequest) -> HttpResponse:
    """A new password; all other sessions end, this one stays."""
    actor = actor_of(request)
    user = queries.own_user(actor=actor)
    try:
        signin.check_password(user.name, request.POST.get("old", ""), origin=origin_of(request))
        services.set_password(actor=actor, user=user, password=request.POST.get("new", ""))
    except NotSignedIn:
        return _page(request, 422, password_problem=WRONG)
    except Problem as problem:
        return _page(request, problem.status, password_problem=parts.problem_text(problem))
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    parts.note(request, "Your password is changed; all other sessions have ended.")
    return redirect("portal:account")


@signed_in
@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End all sessions but this one."""
    actor = actor_of(request)
    services.end_sessions(actor=actor, user=queries.own_user(actor=actor))
    login(request, queries.own_user(actor=actor), backend=settings.AUTHENTICATION_BACKENDS[0])
    parts.note(request, "All other sessions have ended.")
    return redirect("portal:account")


@signed_in
@require_POST
def create_token(request: HttpRequest) -> HttpResponse:
    """A new token; its secret is shown on this answer only."""
    actor = actor_of(request)
    try:
        token, secret = services.create_token(
            actor=actor,
            user=queries.own_user(actor=actor),
            name=request.POST.get("name", ""),
            scope=request.POST.get("scope", "read"),
            days=_days(request.POST.get("days", "")),
        )
    except Problem as problem:
        return _page(request, problem.status, token_problem=problem)
    return _page(request, new_token=token, secret=secret)


def _days(text: str) -> int | None:
    """Nothing is a token without an end; a mistake never is."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 5 or not 0 < int(text) <= 36500:
        raise Invalid("A token is valid for 1 to 36,500 days, or without an end.")
    return int(text)


@signed_in
@require_POST
def revoke_token(request: HttpRequest, uid: UUID) -> HttpResponse:
    """End a token."""
    services.revoke_token(actor=actor_of(request), uid=uid)
    parts.note(request, "The token is revoked.")
    return redirect("portal:account")


@signed_in
@require_GET
def jobs(request: HttpRequest) -> HttpResponse:
    """The person's background work, newest first; the list keeps itself fresh while something runs."""
    page = job_queries.jobs(actor=actor_of(request), cursor=request.GET.get("cursor") or None, limit=50)
    active = any(job.state in ("queued", "running") for job in page.items)
    return render(
        request, "portal/_jobs.html" if parts.is_part(request) else "portal/jobs.html", {"page": page, "active": active}
    )


@signed_in
@require_POST
def cancel_job(request: HttpRequest, uid: UUID) -> HttpResponse:
    """Ask a job to end."""
    job_services.cancel(actor=actor_of(request), uid=uid)
    return parts.said(request, "The job has been asked to end.", refresh=True)
