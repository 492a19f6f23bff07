"""What the person is told: the bell, the list, and what they want to be told of."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.notices import queries, services
from sinfonietta.notices.models import Kind


@signed_in
@require_GET
def notices(request: HttpRequest) -> HttpResponse:
    """The list, the latest first, and the wishes."""
    actor = actor_of(request)
    page = queries.notices(actor=actor, cursor=request.GET.get("cursor") or None)
    context = {"page": page, "has_unread": any(one.notice.read_at is None for one in page.items)}
    if parts.is_part(request):
        return render(request, "portal/_notices.html", context)
    wishes = [(kind, *told) for kind, told in queries.wishes(actor=actor).items()]
    return render(
        request, "portal/notices.html", context | {"wishes": wishes, "mails": bool(settings.OPTIONS.mail_url)}
    )


@signed_in
@require_GET
def bell(request: HttpRequest) -> HttpResponse:
    """The bell of the header, as it is now."""
    return render(request, "portal/_bell.html")


@signed_in
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Those that are named are read; all, where none is."""
    ids = [int(one) for one in request.POST.getlist("id") if one.isdecimal() and len(one) < 19]
    services.mark_read(actor=actor_of(request), ids=ids or None)
    return parts.said(request, "Read." if ids else "All are read.", refresh=True)


@signed_in
@require_POST
def set_wishes(request: HttpRequest) -> HttpResponse:
    """What the person wants to be told of, and how; without a mail server the wishes for mail stay as they are."""
    actor = actor_of(request)
    before, mails = queries.wishes(actor=actor), bool(settings.OPTIONS.mail_url)
    in_page, by_mail = request.POST.getlist("page"), request.POST.getlist("mail")
    wishes = {kind: (kind in in_page, kind in by_mail if mails else before[kind][1]) for kind in Kind}
    services.set_wishes(actor=actor, wishes=wishes)
    parts.note(request, "Your wishes are saved.")
    return redirect("portal:notices")
