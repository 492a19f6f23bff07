"""What happens in rooms below, and whom it is told to. Called in the transaction of what happened."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from sinfonietta.accounts.actor import SYSTEM, Actor
from sinfonietta.accounts.models import EVERYONE, Membership, User
from sinfonietta.jobs.models import Job
from sinfonietta.library.models import Level, Node
from sinfonietta.notices import services
from sinfonietta.notices.models import Kind

LONGEST_DETAIL = 500


def shared(actor: Actor, node: Node, levels: Mapping[int, Level]) -> None:
    """Tell those who are new to a node, but who did it; not each account of the site where it is open to everyone."""
    principals = set(levels) - {EVERYONE}
    members = Membership.objects.filter(group__in=principals).values_list("user_id", flat=True)
    users = User.objects.filter(pk__in=principals | set(members), is_active=True).exclude(pk=actor.user_id)
    services.tell(actor=actor, kind=Kind.SHARED, users=users.values_list("pk", flat=True), subject=node.uid)


def job_ended(job: Job) -> None:
    """Tell who asked for a job that it is done or failed; one that was cancelled is no news to them."""
    kind = {Job.State.SUCCEEDED: Kind.DONE, Job.State.FAILED: Kind.FAILED}.get(Job.State(job.state))
    if kind is None or job.owner is None or job.kind not in settings.NOTICED_JOBS:
        return
    users = User.objects.filter(uid=job.owner, is_active=True).values_list("pk", flat=True)
    facts = {"job": job.kind, "detail": job.detail[:LONGEST_DETAIL]}
    services.tell(actor=SYSTEM, kind=kind, users=users, subject=job.uid, facts=facts)
