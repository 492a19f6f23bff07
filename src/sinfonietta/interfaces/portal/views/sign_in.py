"""Signing in and out."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from sinfonietta.accounts import signin
from sinfonietta.accounts.queries import actor_for_user
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import NotSignedIn, TooManyAttempts
from sinfonietta.interfaces.http.access import open_to_all, signed_in
from sinfonietta.interfaces.http.authentication import actor_of, origin_of


@open_to_all
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The form; with a right name and password a session with a new key."""
    target = request.POST.get("next", request.GET.get("next", ""))
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        target = settings.LOGIN_REDIRECT_URL
    if request.method == "GET":
        if request.user.is_authenticated:
            return redirect(target)
        return render(request, "portal/sign_in.html", {"next": target})
    name = request.POST.get("name", "").strip()
    try:
        user = signin.check_password(name, request.POST.get("password", ""), origin=origin_of(request))
    except (NotSignedIn, TooManyAttempts) as problem:
        return render(
            request, "portal/sign_in.html", {"next": target, "name": name, "problem": problem}, status=problem.status
        )
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    audit.record(actor=actor_for_user(user, origin_of(request)), action="signin.done", target=user.uid)
    return redirect(target)


@signed_in
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this session."""
    actor = actor_of(request)
    audit.record(actor=actor, action="signin.ended", target=actor.uid)
    logout(request)
    return redirect("portal:sign-in")
