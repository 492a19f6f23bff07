"""What is done to a selection: move, copy, download; to the trash, back from it, or away for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from sinfonietta.accounts.actor import Actor
from sinfonietta.common.errors import Invalid, Problem
from sinfonietta.interfaces.http.access import signed_in
from sinfonietta.interfaces.http.authentication import actor_of
from sinfonietta.interfaces.http.zips import of_manifest, zip_response
from sinfonietta.interfaces.portal.views import parts
from sinfonietta.library import queries, services
from sinfonietta.library.names import numbered

MOST = 1000
TARGETED = ("move", "copy", "restore")
LARGE = " What is large is copied in the background: Jobs shows how far it is."


def _chosen(request: HttpRequest) -> list[UUID]:
    found = parts.uuids((request.POST if request.method == "POST" else request.GET).getlist("id"))
    if not 0 < len(found) <= MOST:
        raise Invalid("Choose something first." if not found else f"Choose at most {MOST:,} at a time.")
    return found


Undo = Callable[[Sequence[str]], Mapping[str, object]]
"""What takes an act back, told the ids that it was done to."""


def _for_each(
    request: HttpRequest, act: Callable[[Actor, UUID], object], done: str, undo: Undo | None = None
) -> HttpResponse:
    """Do it to each; say how many were done, and why the first that was not.

    ``act`` may return a remark as text.
    """
    actor, problems, changed = actor_of(request), [], []
    remarks: set[str] = set()
    for uid in _chosen(request):
        try:
            remark = act(actor, uid)
            remarks |= {remark} if isinstance(remark, str) else set()
            changed.append(str(uid))
        except Problem as problem:
            problems.append(problem)
    if problems and not changed:
        raise problems[0]
    sentence = f"{len(changed)} {done}."
    if problems:
        sentence += f" {len(problems)} not: {parts.problem_text(problems[0])}"
    sentence += "".join(sorted(remarks))
    return parts.said(request, sentence, undo=undo(changed) if undo else None, refresh=True)


@signed_in
@require_POST
def trash(request: HttpRequest) -> HttpResponse:
    """To the trash."""
    return _for_each(
        request,
        lambda actor, uid: services.trash(actor=actor, uid=uid),
        "moved to the trash",
        undo=lambda changed: {"url": reverse("portal:selection-restore"), "id": changed},
    )


@signed_in
@require_POST
def restore(request: HttpRequest) -> HttpResponse:
    """Back from the trash: to where it was, or into a target."""
    parent = target_of(request) if "target" in request.POST else None
    return _for_each(request, lambda actor, uid: services.restore(actor=actor, uid=uid, parent=parent), "brought back")


@signed_in
@require_POST
def purge(request: HttpRequest) -> HttpResponse:
    """Out of the trash, for ever."""
    return _for_each(request, lambda actor, uid: services.purge(actor=actor, uid=uid), "deleted for ever")


@signed_in
@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Into another container."""
    target = target_of(request)
    before = {str(one.uid): one.parent for one in queries.nodes_by_uid(actor=actor_of(request), uids=_chosen(request))}
    return _for_each(
        request,
        lambda actor, uid: services.move(actor=actor, uid=uid, parent=target),
        "moved",
        undo=lambda changed: {
            "url": reverse("portal:selection-put-back"),
            "id": changed,
            "to": [str(before[uid]) for uid in changed],
            "out_of": str(target),
        },
    )


@signed_in
@require_POST
def put_back(request: HttpRequest) -> HttpResponse:
    """Each out of the container that it was moved to, and back to where it was: the n-th ``id`` to the n-th ``to``."""
    chosen, places = _chosen(request), parts.uuids(request.POST.getlist("to"))
    out_of = parts.uuids([request.POST.get("out_of", "")])
    if len(places) != len(chosen) or not out_of:
        raise Invalid("Where it was is not known any more; move it by hand.")
    back = dict(zip(chosen, places, strict=True))
    return _for_each(
        request,
        lambda actor, uid: services.move(actor=actor, uid=uid, parent=back[uid], out_of=out_of[0]),
        "moved back",
    )


@signed_in
@require_POST
def copy(request: HttpRequest) -> HttpResponse:
    """A copy in another container; large ones are made in the background."""
    target = target_of(request)

    def act(actor: Actor, uid: UUID) -> str:
        return LARGE if services.copy(actor=actor, uid=uid, parent=target).job else ""

    return _for_each(request, act, "copied")


def target_of(request: HttpRequest) -> UUID:
    """The place that was chosen. Raises Invalid."""
    found = parts.uuids([request.POST.get("target", "")])
    if not found:
        raise Invalid("Choose where to.")
    return found[0]


@signed_in
@require_GET
def pick(request: HttpRequest) -> HttpResponse:
    """The dialog that chooses a target: the containers inside one, and the way up."""
    actor, chosen, action = actor_of(request), _chosen(request), request.GET.get("action", "")
    action = action if action in TARGETED else "move"
    there = queries.nodes_by_uid(actor=actor, uids=chosen[:1])
    context = places_to_pick(request)
    here = context["here"]
    stays = here and action == "move" and any(one.parent == here.uid for one in there)
    fields = [("action", action), *(("id", uid) for uid in chosen)]
    context |= {
        "title": f"{action.capitalize()} {len(chosen)} item{'' if len(chosen) == 1 else 's'} to",
        "verb": action.capitalize(),
        "again": reverse("portal:selection-pick"),
        "post": reverse(f"portal:selection-{action}"),
        "fields": [*fields, ("page", 1)] if "page" in request.GET else fields,
        "then": reverse("portal:node", args=[chosen[0]]) if "page" in request.GET else "",
        "refused": f"{'It is' if len(chosen) == 1 else 'They are'} here now; open another folder." if stays else "",
    }
    return render(request, "portal/_pick.html", context)


def places_to_pick(request: HttpRequest) -> dict[str, Any]:
    """What a dialog that chooses a place shows: the containers inside one (``in``), and the way up."""
    actor, inside = actor_of(request), parts.uuids([request.GET.get("in", "")])
    uid = inside[0] if inside else None
    trail = queries.breadcrumb(actor=actor, uid=uid) if uid else []
    return {
        "trail": trail,
        "here": trail[-1] if trail else None,
        "entries": queries.folders_to_move_into(actor=actor, uid=uid),
    }


@signed_in
@require_GET
def download(request: HttpRequest) -> HttpResponseBase:
    """One zip of all that is chosen, each under its name."""
    actor, chosen = actor_of(request), queries.nodes_by_uid(actor=actor_of(request), uids=_chosen(request))
    if not chosen:
        raise Invalid("None of that is there any more.")
    for entry in chosen:
        queries.note_read(actor=actor, action="node.archived", node=entry)
    name = chosen[0].name if len(chosen) == 1 else "sinfonietta"
    return zip_response(of_manifest(_rows(actor, chosen)), name)


def _rows(actor: Actor, chosen: list[queries.Entry]) -> Iterator[queries.ManifestRow]:
    taken: set[str] = set()
    for entry in chosen:
        name, number = entry.name, 2
        while name in taken:  # a selection from a search may hold two of one name
            name, number = numbered(entry.name, number), number + 1
        taken.add(name)
        for row in queries.manifest(actor=actor, uid=entry.uid):
            yield replace(row, path=name if entry.kind == "file" else f"{name}/{row.path}")
