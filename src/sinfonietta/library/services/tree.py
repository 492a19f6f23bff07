"""Collections, folders and filesets: made, named, described."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from sinfonietta.accounts.actor import SYSTEM, Actor, Scope
from sinfonietta.common.errors import Conflict, Forbidden, Invalid
from sinfonietta.common.time import now
from sinfonietta.library import access
from sinfonietta.library.changes import record, writing
from sinfonietta.library.models import STEP, Acl, AclEntry, Change, Collection, Level, Node, Owner
from sinfonietta.library.names import clean_name, encodable
from sinfonietta.library.services import events

if TYPE_CHECKING:
    from sinfonietta.accounts.models import User

DEEPEST = 100
"""Folders in folders."""
LONGEST_TEXT = 100_000


def insert(actor: Actor, parent: Node, kind: str, name: str) -> Node:
    """A new node below a locked parent. Raises Conflict when the name is taken, Invalid where it cannot be."""
    node = new_node(actor, parent, kind, clean_name(name))
    try:
        with transaction.atomic():
            node.save(force_insert=True)
    except IntegrityError as error:
        raise name_taken(node.name) from error
    return node


def new_node(actor: Actor, parent: Node, kind: str, name: str) -> Node:
    """A node that is not yet saved, with the rights of its parent. Raises Invalid where it cannot be."""
    may_hold(parent, kind)
    moment = now()
    return Node(
        kind=kind,
        parent=parent,
        ancestry=parent.below,
        name=name,
        acl_id=parent.acl_id,
        created=moment,
        modified=moment,
        created_by_id=None if actor.is_system else actor.user_id,
    )


def name_taken(name: str) -> Conflict:
    """The one thing that a writer may learn of a sibling they cannot see."""
    return Conflict(f"There is already something named “{name}” here.", errors={"name": ["taken"]})


def may_hold(parent: Node, kind: str) -> None:
    """Whether such a node may be in that container. Raises Invalid."""
    if parent.kind == Node.Kind.FILE:
        raise Invalid("A file cannot hold anything.", errors={"parent": ["is a file"]})
    if parent.kind == Node.Kind.FILESET and kind != Node.Kind.FILE:
        raise Invalid("A fileset holds files only.", errors={"parent": ["is a fileset"]})
    if len(parent.ancestry) // STEP >= DEEPEST:
        raise Invalid(f"Folders can be nested {DEEPEST} deep, not deeper.", errors={"parent": ["too deep"]})


def create_collection(*, actor: Actor, name: str, description: str = "") -> Node:
    """A new collection, owned by the actor. Raises Invalid, Forbidden for a token that may only read."""
    if actor.scope == Scope.READ:
        raise Forbidden("This token may only read.")
    with writing():
        node = _collection(actor.user_id, name, description)
        events.record(actor, "collection.created", node)
    return node


def make_home(user: User) -> None:
    """The home collection of a new account, in the transaction that makes the account."""
    with writing():
        node = _collection(user.pk, user.name, "")
        Collection.objects.filter(node=node).update(home_of=user, quota_bytes=settings.OPTIONS.home_quota_bytes)
        events.record(SYSTEM, "collection.created", node, home=True)


def _clean_text(description: str) -> str:
    if not encodable(description) or len(description) > LONGEST_TEXT:
        problem = f"A description has at most {LONGEST_TEXT} characters, and no NUL or broken ones."
        raise Invalid(problem, errors={"description": [problem]})
    return description


def _collection(owner_id: int, name: str, description: str) -> Node:
    acl = Acl.objects.create()
    moment = now()
    node = Node.objects.create(
        kind=Node.Kind.COLLECTION,
        ancestry="",
        name=clean_name(name),
        acl=acl,
        created=moment,
        modified=moment,
        created_by_id=owner_id,
    )
    Acl.objects.filter(id=acl.id).update(node=node)
    Collection.objects.create(node=node, description=_clean_text(description))
    Owner.objects.create(collection_id=node.id, user_id=owner_id)
    AclEntry.objects.create(acl=acl, principal_id=owner_id, level=Level.MANAGE)
    record(Change.What.ADDED, node)
    return node


def create_folder(*, actor: Actor, parent: UUID, name: str) -> Node:
    """A new folder. Raises NotFound, Forbidden, Conflict, Invalid."""
    return _create(actor, parent, Node.Kind.FOLDER, name)


def create_fileset(*, actor: Actor, parent: UUID, name: str) -> Node:
    """A new fileset: files that belong together. Raises NotFound, Forbidden, Conflict, Invalid."""
    return _create(actor, parent, Node.Kind.FILESET, name)


def _create(actor: Actor, parent: UUID, kind: Node.Kind, name: str) -> Node:
    with writing():
        node = insert(actor, access.locked(actor, parent, Level.WRITE), kind, name)
        record(Change.What.ADDED, node)
        events.record(actor, f"{kind.value}.created", node)
    return node


def ensure_folders(*, actor: Actor, parent: Node, parts: Sequence[str], last: str = Node.Kind.FOLDER) -> Node:
    """The folder at ``parts`` below a locked parent; what is missing is made, the last one of kind ``last``.

    Each existing step must be the actor's to write. Raises Conflict where a name is taken by something that cannot hold
    it, or that the actor cannot see.
    """
    for number, part in enumerate(parts):
        name = clean_name(part)
        found = Node.objects.filter(parent=parent, name=name, trash=None).first()
        if found is None:
            kind = last if number == len(parts) - 1 else Node.Kind.FOLDER
            made = insert(actor, parent, kind, name)
            made.level = parent.level
            record(Change.What.ADDED, made)
            events.record(actor, f"{made.kind}.created", made)
            parent = made
        elif found.kind == Node.Kind.FILE:
            raise name_taken(name)
        elif found.acl_id == parent.acl_id:
            found.level = parent.level
            parent = found
        else:
            parent = _own_step(actor, found)
    return parent


def _own_step(actor: Actor, found: Node) -> Node:
    """An existing folder with an ACL of its own: whether the actor may write there too."""
    seen = access.readable(actor).filter(id=found.id).annotate(**access.highest(actor)).first()
    if seen is None:
        raise name_taken(found.name)
    seen.level = access.capped(actor, seen.highest)
    return access.demand(actor, seen, Level.WRITE)


def rename(*, actor: Actor, uid: UUID, name: str, instead_of: str | None = None) -> Node:
    """Give a node another name. Raises NotFound, Forbidden, Conflict, Invalid.

    With ``instead_of``, the name that the caller knows it by: Conflict when it has another one by now.
    """
    name = clean_name(name)
    with writing():
        node = access.locked(actor, uid, Level.WRITE)
        if instead_of is not None and node.name != instead_of:
            raise Conflict(f"It has been given another name since, “{node.name}”.")
        if node.name == name:
            return node
        set_place(node, name=name)
        record(Change.What.CHANGED, node)
        events.record(actor, "node.renamed", node)
    return node


def set_place(node: Node, **fields: object) -> None:
    """Update name or parent of a node. Raises Conflict when the name is taken there."""
    try:
        with transaction.atomic():
            Node.objects.filter(id=node.id).update(modified=now(), **fields)
    except IntegrityError as error:
        raise name_taken(str(fields.get("name", node.name))) from error
    for field, value in fields.items():
        setattr(node, field, value)


def update_collection(
    *,
    actor: Actor,
    uid: UUID,
    name: str | None = None,
    description: str | None = None,
    deidentification: str | None = None,
    quota_bytes: int | EllipsisType | None = ...,
) -> Node:
    """Change what is given. The policy needs manage, the quota an administrator, the rest write.

    Raises NotFound, Forbidden, Invalid.
    """
    with writing():
        node = access.locked(actor, uid, Level.WRITE if deidentification is None else Level.MANAGE)
        if node.kind != Node.Kind.COLLECTION:
            raise Invalid("That is not a collection.")
        if quota_bytes is not ... and not (actor.is_admin or actor.is_system):
            raise Forbidden("Only an administrator sets quotas.")
        if name is not None:
            set_place(node, name=clean_name(name))
        changed: dict[str, object] = {} if quota_bytes is ... else {"quota_bytes": quota_bytes}
        changed |= {} if description is None else {"description": _clean_text(description)}
        changed |= {} if deidentification is None else {"deidentification": deidentification}
        if changed:
            Collection.objects.filter(node=node).update(**changed)
            Node.objects.filter(id=node.id).update(modified=now())
        record(Change.What.CHANGED, node)
        events.record(actor, "collection.changed", node, fields=sorted(changed) + ["name"] * (name is not None))
    return node
