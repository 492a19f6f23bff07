"""Making the index anew, and searches that people keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count

from sinfonietta.accounts.actor import Actor, Scope
from sinfonietta.audit import services as audit
from sinfonietta.common.errors import Conflict, Forbidden, Invalid, NotFound
from sinfonietta.library.models import Node
from sinfonietta.library.names import encodable
from sinfonietta.search import documents, following, keeping, queries
from sinfonietta.search.language import LONGEST
from sinfonietta.search.models import SavedSearch, Sweep

Step = Callable[[float], None]
MOST_SAVED = 200


@dataclass
class Counts:
    """What came of it. ``strays``: documents of what is gone."""

    documents: int = 0
    strays: int = 0


def reindex(*, actor: Actor, step: Step = lambda done: None) -> Counts:
    """Make every document anew, while the index goes on to follow. ``step`` is told how far it is, and may raise.

    Broken off, it has done what it did; again, it does all. Raises Forbidden for who does not run the site.
    """
    if not (actor.is_system or actor.is_admin):
        raise Forbidden("Only who runs the site can have it indexed again.")
    counts, total = Counts(), max(1, Node.objects.aggregate(all=Count("id"))["all"])
    sweep = Sweep(renew=True)
    while True:
        seen = following.newest()
        found = list(following.swept(sweep)[: following.BATCH])
        if not found:
            break
        with transaction.atomic():
            keeping.keep(documents.make(found, seen))
        counts.documents += len(found)
        sweep.after_ancestry, sweep.after_id = found[-1].ancestry, found[-1].id
        step(min(counts.documents / total, 0.99))
    counts.strays = following.forget_strays()
    audit.record(actor=actor, action="search.reindexed", **asdict(counts))
    step(1.0)
    return counts


def save(*, actor: Actor, name: str, query: str) -> SavedSearch:
    """Keep a search under a name; one of that name asks that from now on. Raises Misunderstood, Invalid, Forbidden."""
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    name = name.strip()
    if not name or len(name) > 150 or not encodable(name) or not name.isprintable():
        raise Invalid("A name has 1 to 150 characters that can be seen.", errors={"name": ["not valid"]})
    queries.read(query)
    if len(query) > LONGEST:
        raise Invalid(f"A search has at most {LONGEST} characters.", errors={"query": ["too long"]})
    with transaction.atomic():
        mine = SavedSearch.objects.filter(user_id=actor.user_id)
        if mine.exclude(name=name).count() >= MOST_SAVED:
            raise Conflict(f"You keep {MOST_SAVED} searches already; delete one first.")
        try:
            saved, _ = mine.update_or_create(user_id=actor.user_id, name=name, defaults={"query": query})
        except IntegrityError as error:
            raise Conflict("A search of that name was saved at the same moment.") from error
        audit.record(actor=actor, action="search.saved", target=saved.uid)
    return saved


def forget(*, actor: Actor, uid: UUID) -> None:
    """Delete a saved search. Raises NotFound, Forbidden."""
    if not SavedSearch.objects.filter(user_id=actor.user_id, uid=uid).exists():
        raise NotFound("There is no such search.")
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    with transaction.atomic():
        SavedSearch.objects.filter(user_id=actor.user_id, uid=uid).delete()
        audit.record(actor=actor, action="search.forgotten", target=uid)
