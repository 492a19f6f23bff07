"""What is proposed and accepted when an association begins (PS3.8 7.1, PS3.7 annex D), by pynetdicom's classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import (
    AllStoragePresentationContexts,
    PresentationContext,
    build_context,
    negotiate_as_acceptor,
    negotiate_as_requestor,
)

from sinfonietta.dicom.network.association import Context
from sinfonietta.dicom.network.pdu import HEAD, ProtocolError

IMPLEMENTATION_UID = UID("2.25.212384126873203021407384187207531841467")
IMPLEMENTATION_NAME = "SINFONIETTA"
APPLICATION = UID("1.2.840.10008.3.1.1.1")
IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"

VERIFICATION = "1.2.840.10008.1.1"
COMMITMENT, COMMITMENT_INSTANCE = "1.2.840.10008.1.20.1", "1.2.840.10008.1.20.1.1"
PATIENT_ROOT, STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.1", "1.2.840.10008.5.1.4.1.2.2"
FIND, MOVE, GET = "1", "2", "3"
QUERIES = frozenset(f"{root}.{service}" for root in (PATIENT_ROOT, STUDY_ROOT) for service in (FIND, MOVE, GET))
SERVICES = frozenset({VERIFICATION, COMMITMENT}) | QUERIES
PLAIN = (EXPLICIT, IMPLICIT, BIG_ENDIAN)
"""Transfer syntaxes of messages that are no instances."""
MOST_CONTEXTS = 128
Roles = dict[UID, tuple[bool | None, bool | None]]
"""By SOP class whether the requestor is its user and its provider."""


@lru_cache
def storage_classes() -> frozenset[str]:
    """Every storage SOP class that pynetdicom or pydicom knows, retired ones too."""
    known = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    for uid, (name, kind, *_) in UID_dictionary.items():
        if kind == "SOP Class" and "Storage" in name and "Commitment" not in name and "Directory" not in name:
            known.add(uid)
    return frozenset(known)


@lru_cache
def transfer_syntaxes() -> frozenset[str]:
    """Every transfer syntax that pydicom knows, and the one of old GE devices."""
    return frozenset(uid for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax") | {"1.2.840.113619.5.2"}


def is_storage(uid: str, *, unknown_too: bool) -> bool:
    """Whether instances of a class are stored; ``unknown_too``: also private ones, which no dictionary has."""
    return uid in storage_classes() or (unknown_too and uid not in UID_dictionary and uid not in SERVICES)


@dataclass(frozen=True)
class Request:
    """An A-ASSOCIATE-RQ, read."""

    calling: str
    called: str
    application: str
    longest_pdu: int
    contexts: list[PresentationContext]
    roles: Roles


def read_request(content: bytes) -> Request:
    """An association request from its PDU, without the head. Raises ProtocolError, whatever is wrong with it."""
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(HEAD.pack(1, len(content)) + content)
        primitive = pdu.to_primitive()
        roles = _roles(primitive)
        contexts = [one for one in primitive.presentation_context_definition_list if one.transfer_syntax]
        return Request(
            str(primitive.calling_ae_title or "").strip(),
            str(primitive.called_ae_title or "").strip(),
            str(primitive.application_context_name or ""),
            primitive.maximum_length_received or 0,
            contexts,
            roles,
        )
    except Exception as error:  # garbage makes pynetdicom raise what it likes
        raise ProtocolError(f"The association request cannot be read ({type(error).__name__}).") from error


def _roles(primitive: A_ASSOCIATE) -> Roles:
    return {
        item.sop_class_uid: (bool(item.scu_role), bool(item.scp_role))
        for item in primitive.user_information
        if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid
    }


@dataclass(frozen=True)
class Answer:
    """An A-ASSOCIATE-AC as bytes, and what was agreed."""

    pdu: bytes
    contexts: list[Context]


def accept(request: Request, *, longest_pdu: int, unknown_classes: bool) -> Answer:
    """Accept what we can of a request."""
    agreed: list[PresentationContext] = []
    replies: dict[UID, SCP_SCU_RoleSelectionNegotiation] = {}
    for proposed in request.contexts:
        ours = _ours(proposed, request.roles, unknown_classes)
        results, roles = negotiate_as_acceptor([proposed], [ours] if ours else [], request.roles)
        agreed += results
        replies |= {role.sop_class_uid: role for role in roles if role.sop_class_uid}
    primitive = A_ASSOCIATE()
    primitive.application_context_name = APPLICATION
    primitive.calling_ae_title = request.calling
    primitive.called_ae_title = request.called
    primitive.result, primitive.result_source = 0, 1
    primitive.presentation_context_definition_results_list = agreed
    primitive.user_information = [*_user_information(longest_pdu), *replies.values()]
    pdu = A_ASSOCIATE_AC()
    pdu.from_primitive(primitive)
    return Answer(pdu.encode(), [_context(one) for one in agreed if one.result == 0])


def _ours(proposed: PresentationContext, roles: Roles, unknown_classes: bool) -> PresentationContext | None:
    """What we offer to a proposed context; None for a class that is not ours."""
    abstract = str(proposed.abstract_syntax)
    offered = [str(syntax) for syntax in proposed.transfer_syntax]
    if abstract in SERVICES:
        return build_context(abstract, list(PLAIN))
    if not is_storage(abstract, unknown_too=unknown_classes):
        return None
    wants_to_get = roles.get(UID(abstract), (True, False))[1]
    chosen = _for_sending(offered) if wants_to_get else _for_storing(offered)
    context = build_context(abstract, [chosen] if chosen else [EXPLICIT])
    context.scu_role = context.scp_role = True
    return context


def _for_sending(offered: Sequence[str]) -> str:
    """The syntax in which anything stored can be given: what is compressed is decoded, nothing is compressed."""
    return next((syntax for syntax in PLAIN[:2] if syntax in offered), _known(offered))


def _for_storing(offered: Sequence[str]) -> str:
    """The first that is offered; but explicit rather than implicit VR, which loses what private attributes are."""
    first = _known(offered)
    return EXPLICIT if first in PLAIN and EXPLICIT in offered else first


def _known(offered: Sequence[str]) -> str:
    return next((syntax for syntax in offered if syntax in transfer_syntaxes()), "")


def _context(agreed: PresentationContext) -> Context:
    return Context(
        agreed.context_id or 0,
        str(agreed.abstract_syntax),
        str(agreed.transfer_syntax[0]),
        as_scu=bool(agreed.as_scu),
        as_scp=bool(agreed.as_scp),
    )


def _user_information(
    longest_pdu: int,
) -> list[MaximumLengthNotification | ImplementationClassUIDNotification | ImplementationVersionNameNotification]:
    length = MaximumLengthNotification()
    length.maximum_length_received = longest_pdu
    uid = ImplementationClassUIDNotification()
    uid.implementation_class_uid = IMPLEMENTATION_UID
    name = ImplementationVersionNameNotification()
    name.implementation_version_name = IMPLEMENTATION_NAME
    return [length, uid, name]


@dataclass(frozen=True)
class Proposal:
    """A presentation context to ask for. ``as_scp``: we mean to be its provider (C-GET, reports of commitment)."""

    abstract: str
    syntaxes: tuple[str, ...]
    as_scp: bool = False


def propose(
    calling: str, called: str, proposals: Iterable[Proposal], *, longest_pdu: int
) -> tuple[bytes, list[PresentationContext]]:
    """An A-ASSOCIATE-RQ as bytes, and its contexts for ``agreed``. At most ``MOST_CONTEXTS`` proposals."""
    contexts = []
    roles: dict[str, SCP_SCU_RoleSelectionNegotiation] = {}
    for index, one in enumerate(proposals):
        context = build_context(one.abstract, list(one.syntaxes))
        context.context_id = 2 * index + 1
        contexts.append(context)
        if one.as_scp:
            role = SCP_SCU_RoleSelectionNegotiation()
            role.sop_class_uid = UID(one.abstract)
            role.scu_role, role.scp_role = False, True
            roles[one.abstract] = role
    primitive = A_ASSOCIATE()
    primitive.application_context_name = APPLICATION
    primitive.calling_ae_title, primitive.called_ae_title = calling, called
    primitive.presentation_context_definition_list = contexts
    primitive.user_information = [*_user_information(longest_pdu), *roles.values()]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(primitive)
    for context in contexts:
        context.scu_role = str(context.abstract_syntax) not in roles
        context.scp_role = not context.scu_role
    return pdu.encode(), contexts


def read_answer(content: bytes, proposed: Sequence[PresentationContext]) -> tuple[list[Context], int]:
    """What the other side accepted, and the longest PDU that it takes. Raises ProtocolError."""
    try:
        pdu = A_ASSOCIATE_AC()
        pdu.decode(HEAD.pack(2, len(content)) + content)
        primitive = pdu.to_primitive()
        results = primitive.presentation_context_definition_results_list
        agreed = negotiate_as_requestor(list(proposed), results, _roles(primitive))
        contexts = [_context(one) for one in agreed if one.result == 0]
        return contexts, primitive.maximum_length_received or 0
    except Exception as error:
        raise ProtocolError(
            f"The answer to the association request cannot be read ({type(error).__name__})."
        ) from error


REJECTIONS = {
    (1, 3): "it does not know our AE title",
    (1, 7): "it has another AE title",
    (3, 1): "it is too busy",
    (3, 2): "it has too many associations",
}


def read_rejection(content: bytes) -> str:
    """Why an association was rejected, in words."""
    try:
        pdu = A_ASSOCIATE_RJ()
        pdu.decode(HEAD.pack(3, len(content)) + content)
        return REJECTIONS.get((pdu.source or 0, pdu.reason_diagnostic or 0), "no reason that we know")
    except Exception:  # noqa: BLE001 - then it said nothing
        return "no reason given"
