"""Recorded answers, `<system>/<situation>.json` as {status, headers, body}, and the calls that they answer.

A body that is a string stands for its text, any other for its JSON. Those of the vendors' documentation are as they
are there; the rest are derived from it.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from gateway.config.settings import BackendSettings, Credential, Limits
from gateway.model.calls import Answer, Call, GrantedCase
from gateway.model.cases import Identifier, Item
from gateway.model.kinds import Evidence, IdentifierType, Kind, Purpose, Status, System
from gateway.model.outcomes import CaseOutcome, Code

RECEIVED_AT = 1_767_366_000_000_000
"""2026-01-02T15:00:00Z."""

REQUEST_ID = "00000000-0000-0000-0000-000000000000"
"""The request id of the recorded answers."""

CASE_NUMBER = Identifier(IdentifierType.CASE_NUMBER, "CN10000")


def answer(system: System, situation: str) -> Answer:
    """One recorded answer."""
    recorded = json.loads((Path(__file__).parent / system / f"{situation}.json").read_text(encoding="utf-8"))
    body = recorded["body"]
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(recorded["status"], tuple(recorded["headers"].items()), text.encode(), RECEIVED_AT)


def situations(system: System) -> set[str]:
    """The names of all recorded answers of a system."""
    return {path.stem for path in (Path(__file__).parent / system).glob("*.json")}


def backend_settings(system: System, base_url: str) -> BackendSettings:
    """A backend as the example configuration has it."""
    return BackendSettings("upstream", system, base_url, Credential("c", "none"), Limits("l"), country="dk")


def deletion_call(
    purpose: Purpose = Purpose.EXECUTE,
    *,
    begun: bool = False,
    identifier: Identifier = CASE_NUMBER,
    request_id: str | None = REQUEST_ID,
    tenant: str = "acme",
) -> Call:
    """A call that carries one deletion, at position 7."""
    case = GrantedCase(7, identifier, request_id=request_id, begun=begun)
    return Call("call-1", "operation-1", "upstream", Kind.CASE_DELETION, "acme-dk", tenant, purpose, (case,), 0)


def removal_case(
    position: int, case_id: str, items: Sequence[str | Item], *, unsettled: Sequence[str] = (), begun: bool = False
) -> GrantedCase:
    """An ECM case; an item that is given as a string has type code XA."""
    return GrantedCase(
        position,
        Identifier(IdentifierType.CASE_ID, case_id),
        items=tuple(item if isinstance(item, Item) else Item(item, "XA") for item in items),
        unsettled_items=frozenset((item, "XA") for item in unsettled),
        begun=begun,
    )


def removal_call(
    *cases: GrantedCase, kind: Kind = Kind.EXTERNAL_ENTITY_REMOVAL, purpose: Purpose = Purpose.EXECUTE
) -> Call:
    """A call that carries `cases`."""
    return Call("call-1", "operation-1", "upstream", kind, "acme-dk", "", purpose, cases, 0)


class Gist(Struct, frozen=True):
    """What an outcome says, without its texts and items."""

    status: Status
    codes: tuple[Code, ...] = ()
    found: bool | None = None
    deleted: bool | None = None
    evidence: Evidence | None = None
    resumable: bool = False


def gist(outcome: CaseOutcome) -> Gist:
    """The gist of `outcome`, each code once."""
    return Gist(
        outcome.status,
        tuple(dict.fromkeys(fault.code for fault in outcome.errors)),
        outcome.found,
        outcome.deleted,
        outcome.evidence,
        any(fault.resumable for fault in outcome.errors),
    )


UNKNOWN = Gist(Status.UNKNOWN, (Code.OUTCOME_UNKNOWN,))
DELETED = Gist(Status.SUCCEEDED, (), found=True, deleted=True, evidence=Evidence.CONFIRMED)
WOULD_DELETE = Gist(Status.SUCCEEDED, (), found=True, deleted=False, evidence=Evidence.CONFIRMED)
GONE = Gist(Status.SUCCEEDED, (), found=False, deleted=None, evidence=Evidence.INFERRED)


def failed(code: Code, *, found: bool | None = None, deleted: bool | None = False, resumable: bool = False) -> Gist:
    """A failure by the upstream's word."""
    return Gist(Status.FAILED, (code,), found, deleted, Evidence.CONFIRMED, resumable)


def turned_away(code: Code) -> Gist:
    """A failure of a request that was not looked at, so that nothing is known of its case."""
    return failed(code, deleted=None)
