"""Who the other nodes are. A node is there for those who may write where it files; administrators see all of them."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from django.db.models import Q, QuerySet

from sinfonietta.accounts import queries as accounts
from sinfonietta.accounts.actor import Actor, Origin, Scope
from sinfonietta.common.errors import Forbidden, NotFound
from sinfonietta.dicom.models import Peer
from sinfonietta.library import access
from sinfonietta.library.models import Collection, Level

RESOLVED_S = 60


def _usable(actor: Actor) -> QuerySet[Peer]:
    """The nodes in whose place the actor may write."""
    if actor.is_system:
        return Peer.objects.all()
    writable = access.readable(actor, Level.WRITE)
    homes = Collection.objects.filter(node__in=writable).exclude(home_of=None)
    return Peer.objects.filter(Q(into__in=writable) | Q(into=None, account__in=homes.values("home_of")))


def peers(*, actor: Actor) -> list[Peer]:
    """The nodes that the actor may use; all of them for administrators."""
    found = Peer.objects.all() if actor.is_admin else _usable(actor)
    return list(found.select_related("account", "into").order_by("ae_title"))


def usable(*, actor: Actor) -> list[Peer]:
    """The nodes that the actor may send to, query and fetch from."""
    return [] if actor.scope == Scope.READ else list(_usable(actor).order_by("ae_title"))


def peer(*, actor: Actor, uid: UUID) -> Peer:
    """One of the nodes that the actor sees. Raises NotFound."""
    found = Peer.objects.all() if actor.is_admin else _usable(actor)
    return _one(found, uid=uid)


def peer_for_use(*, actor: Actor, uid: UUID) -> Peer:
    """A node that the actor may send to, query and fetch from. Raises NotFound, Forbidden."""
    found = peer(actor=actor, uid=uid)
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    if not _usable(actor).filter(uid=uid).exists():
        raise Forbidden("This node is for those who may write where it files.")
    return found


def peer_titled(*, actor: Actor, ae_title: str) -> Peer:
    """One of the nodes that the actor sees, by its AE title. Raises NotFound."""
    found = Peer.objects.all() if actor.is_admin or actor.is_system else _usable(actor)
    return _one(found, ae_title=ae_title)


def peer_of_account(*, actor: Actor, uid: UUID) -> Peer:
    """The node that acts as the actor, for an answer that is owed to it. Raises NotFound when it was removed."""
    return _one(Peer.objects.filter(account=actor.user_id), uid=uid)


def destination(*, ae_title: str) -> Peer:
    """The node that a C-MOVE names. Raises NotFound."""
    return _one(Peer.objects.all(), ae_title=ae_title)


def _one(found: QuerySet[Peer], **which: object) -> Peer:
    row = found.filter(**which).select_related("account", "into").first()
    if row is None:
        raise NotFound("There is no such DICOM node, or it is not yours to see.")
    return row


@dataclass(frozen=True)
class Admitted:
    """A node that is calling: who it acts for here, and where its instances go."""

    peer: Peer
    actor: Actor
    target: UUID


def admit(*, ae_title: str, address: str, over_tls: bool, request: str) -> Admitted | None:
    """The node that calls with that title from that address; None for one that we do not know, or a closed account."""
    row = Peer.objects.select_related("account", "into").filter(ae_title=ae_title).first()
    if row is None or (row.tls and not over_tls) or _plain(address) not in addresses(row.host):
        return None
    origin = Origin(door="dimse", request=request, address=_plain(address))
    try:
        actor = accounts.actor_by_uid(row.account.uid, Scope.WRITE, origin)
        return Admitted(row, actor, place_of(row))
    except NotFound:
        return None


def is_known_address(address: str) -> bool:
    """Whether any node calls from there: strangers get no more than a few connections at a time."""
    return any(_plain(address) in addresses(host) for host in Peer.objects.values_list("host", flat=True).distinct())


def addresses(host: str) -> frozenset[str]:
    """The addresses of a host name or address; looked up again after a minute."""
    return _resolved(host, int(time.monotonic() / RESOLVED_S))


@lru_cache(maxsize=1024)
def _resolved(host: str, _minute: int) -> frozenset[str]:
    try:
        return frozenset({_plain(host)})
    except ValueError:
        pass
    try:
        return frozenset(_plain(str(found[4][0])) for found in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return frozenset()


def _plain(address: str) -> str:
    """An address as we compare it: IPv4 in IPv6's clothes is IPv4. Raises ValueError."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(found)


def place_of(row: Peer) -> UUID:
    """Where a node's instances go. Raises NotFound."""
    if row.into:
        return row.into.uid
    home = (
        Collection.objects.filter(home_of=row.account_id, node__trash=None).values_list("node__uid", flat=True).first()
    )
    if home is None:
        raise NotFound("The account of this node has no home.")
    return home
