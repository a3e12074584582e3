"""Examples for the OpenAPI document: made by the code that makes the answers, so that they cannot drift from them."""

from collections import Counter
from typing import Any

import msgspec
from msgspec.structs import replace

from gateway.http.cursors import cursor
from gateway.http.envelopes import wire_envelope
from gateway.http.problems import Place, Problem, Refusal, invalid
from gateway.http.receipts import wire_receipt
from gateway.http.submissions import closed_until
from gateway.ledger.records import ReceiptRecord
from gateway.model.cases import Case, Identifier
from gateway.model.chain import GENESIS, Link, digest, link_hash
from gateway.model.envelope import Envelope
from gateway.model.hours import SECOND
from gateway.model.kinds import Evidence, IdentifierType, Kind, Status, System
from gateway.model.marks import ReceiptKey
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import CaseOutcome, Code, Error, ItemOutcome, error, merged_status
from gateway.model.receipts import body, receipt

OPERATION_ID = "0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"
REQUEST_ID = "3f0c7b1e-4f5a-4a53-9d0e-6f1c2b7a9e55"
CREATED_AT = 1_755_619_200 * SECOND + 125_000
"""2025-08-19T16:00:00.125Z."""

REQUESTS: dict[Kind, dict[str, Any]] = {
    Kind.CASE_DELETION: {
        "execute": True,
        "cases": [{"caseNumber": "CN10000"}, {"caseToken": "d1a72df4-f7d5-402c-a495-cc31b8b39a59"}],
    },
    Kind.EXTERNAL_ENTITY_REMOVAL: {
        "execute": True,
        "cases": [
            {
                "caseId": "CA100",
                "externalEntities": [{"externalEntity": "ACFTNETRSTACO1X", "externalEntityTypeCode": "XA"}],
            }
        ],
    },
    Kind.TRANSACTION_REMOVAL: {
        "execute": True,
        "cases": [
            {
                "caseId": "CA100",
                "transactions": [{"transactionReferenceId": "BOTRXNCSTLOSSSEVHH004", "transactionTypeCode": "B"}],
            }
        ],
    },
    Kind.CUSTOMER_REMOVAL: {"execute": True, "cases": [{"caseId": "CA100", "customers": [{"customerId": "CUST123"}]}]},
    Kind.ACCOUNT_REMOVAL: {"execute": True, "cases": [{"caseId": "CA100", "accounts": [{"accountId": "ACCT-123"}]}]},
}
"""A request of each kind, as the contract gives them."""


_TENANT = {
    "tenant": "acme-dk",
    "kinds": [
        {
            "kind": "case-deletion",
            "backend": "hub-dk",
            "system": "hub-property",
            "dryRun": True,
            "execute": True,
        }
    ],
    "backends": [
        {
            "backend": "hub-dk",
            "system": "hub-property",
            "hours": {"open": "16:00", "close": "08:00", "timezone": "UTC"},
            "open": True,
            "opensAt": None,
            "closesAt": "2025-08-20T08:00:00.000Z",
            "limits": {"perSecond": 5, "perMinute": 100, "maxInFlight": 5},
            "casesQueued": 120,
            "queueDoneAt": "2025-08-19T16:01:12.125Z",
        }
    ],
}

_REASONS = (
    error(Code.DELETION_FORBIDDEN_BY_STATE, "The case has pending payments", resumable=True),
    error(Code.UPSTREAM_REJECTED, "caseNumber has a wrong format"),
    error(Code.UPSTREAM_ERROR, "The upstream failed.", resumable=True),
    error(Code.UPSTREAM_THROTTLED, "The upstream asked for a slower pace."),
)


ENVELOPES = {
    200: ("succeeded", "dry_run"),
    202: ("running", "scheduled"),
    207: ("two_cases", "ecm_case"),
    404: ("case_not_found",),
    409: ("deletion_forbidden_by_state",),
    422: ("upstream_rejected",),
    502: ("upstream_error",),
    503: ("upstream_throttled",),
    504: ("outcome_unknown",),
}
"""The names of examples of an operation, by the status that it is answered with."""


def named() -> dict[str, Any]:
    """Every example of an answer, by its name."""
    succeeded, not_found = _ended(_deleted()), _failed(_not_found(), "CN39983", found=False)
    return {
        "succeeded": succeeded,
        "dry_run": _ended(_would_work(), execute=False),
        "running": _running(),
        "scheduled": _scheduled(),
        "two_cases": _ended(_deleted(), not_found),
        "ecm_case": _ecm(),
        "case_not_found": _ended(not_found),
        **{reason.code: _ended(_failed(reason)) for reason in _REASONS},
        "outcome_unknown": _ended(_unknown()),
        "operation_page": {"items": [{**succeeded, "results": None}], "nextCursor": None},
        "result_page": {"items": succeeded["results"], "nextCursor": cursor("results", 0)},
        "receipt": _receipt(names=True),
        "receipt_only": _receipt(names=False),
        "tenant": _TENANT,
        "tenant_page": {"items": [_TENANT], "nextCursor": None},
        "alive": {"status": "ok", "reasons": []},
        "draining": {"status": "not_ready", "reasons": ["draining"]},
        **{refusal.code: problem(refusal) for refusal in Refusal},
    }


def problem(refusal: Refusal) -> dict[str, Any]:
    """The problem that a refusal is answered with."""
    match refusal:
        case Refusal.INVALID_REQUEST:
            shown = invalid("/cases/3/caseNumber", "Expected `str`, got `int`.")
        case Refusal.MALFORMED_REQUEST:
            place = Place("/cases/3/caseNumber", "This member stands twice in its object.")
            shown = Problem(refusal, f"{place.pointer}: {place.detail}", places=(place,))
        case Refusal.OUTSIDE_OPENING_HOURS:
            shown = closed_until(CREATED_AT + SECOND, CREATED_AT)
        case _:
            shown = Problem(refusal)
    decoded: dict[str, Any] = msgspec.json.decode(shown.body())
    return decoded


def _deleted() -> CaseRecord:
    return _case("CN10000", CaseOutcome(Status.SUCCEEDED, found=True, deleted=True, evidence=Evidence.CONFIRMED))


def _would_work() -> CaseRecord:
    return _case("CN10000", CaseOutcome(Status.SUCCEEDED, found=True, deleted=False, evidence=Evidence.CONFIRMED))


def _not_found() -> Error:
    return error(Code.CASE_NOT_FOUND, "Case number CN39983 not found")


def _failed(reason: Error, number: str = "CN10000", *, found: bool = True) -> CaseRecord:
    evidence = Evidence.CONFIRMED
    return _case(number, CaseOutcome(Status.FAILED, found=found, deleted=False, evidence=evidence, errors=(reason,)))


def _unknown() -> CaseRecord:
    reason = error(Code.OUTCOME_UNKNOWN, "The request was sent, and no complete answer came: it may have been done.")
    return _case("CN10000", CaseOutcome(Status.UNKNOWN, errors=(reason,)))


def _case(number: str, outcome: CaseOutcome, attempts: int = 1) -> CaseRecord:
    return CaseRecord(0, Identifier(IdentifierType.CASE_NUMBER, number), REQUEST_ID, attempts, outcome)


def _ecm() -> dict[str, Any]:
    said = "ACFTNETRSTACO2X does not exist in case."
    missing = error(Code.ITEM_NOT_IN_CASE, said)
    items = (
        ItemOutcome("ACFTNETRSTACO1X", "XA", Status.SUCCEEDED, "Removed successfully.", Evidence.CONFIRMED),
        ItemOutcome("ACFTNETRSTACO2X", "XA", Status.FAILED, said, Evidence.CONFIRMED, (missing,)),
    )
    outcome = CaseOutcome(Status.PARTIAL, evidence=Evidence.CONFIRMED, items=items, errors=(missing,))
    case = CaseRecord(0, Identifier(IdentifierType.CASE_ID, "CA100"), None, 1, outcome)
    operation = replace(_operation((case,)), kind=Kind.EXTERNAL_ENTITY_REMOVAL, backend="ecm", system=System.ORACLE_ECM)
    return _shown(Envelope(operation, Status.PARTIAL, (case,)))


def _receipt(*, names: bool) -> dict[str, Any]:
    case, key = _deleted(), ReceiptKey(b"an example")
    said = body(receipt(_operation((case,)), "acme", (case,), 1, key))
    its_digest = digest(said)
    its_hash = link_hash(1, GENESIS, its_digest)
    link = Link(1, its_digest, its_hash, key.seal(its_hash))
    named = (Case(case.identifier, request_id=case.request_id),) if names else None
    shown: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(wire_receipt(ReceiptRecord(1, said, link, GENESIS, named)))
    )
    return shown


def _running() -> dict[str, Any]:
    cases = (_deleted(), _case("CN39983", CaseOutcome(Status.PENDING), attempts=0))
    return _shown(Envelope(_operation(cases), Status.RUNNING, cases, estimated_finish_at=CREATED_AT + 2 * SECOND))


def _scheduled() -> dict[str, Any]:
    cases = (_case("CN10000", CaseOutcome(Status.PENDING), attempts=0),)
    opens_at = CREATED_AT + 3_600 * SECOND
    operation = replace(_operation(cases), started_at=None)
    return _shown(Envelope(operation, Status.SCHEDULED, cases, opens_at, opens_at + SECOND))


def _ended(*cases: CaseRecord, execute: bool = True) -> dict[str, Any]:
    status = merged_status({case.outcome.status for case in cases})
    return _shown(Envelope(replace(_operation(cases), execute=execute), status, cases))


def _operation(cases: tuple[CaseRecord, ...]) -> Operation:
    counts = Counter(case.outcome.status for case in cases)
    status = merged_status(set(counts))
    ended = status is not Status.PENDING
    return Operation(
        id=OPERATION_ID,
        caller="retention-job",
        kind=Kind.CASE_DELETION,
        tenant="acme-dk",
        backend="hub-dk",
        system=System.HUB_PROPERTY,
        execute=True,
        total=len(cases),
        succeeded=counts[Status.SUCCEEDED],
        partial=counts[Status.PARTIAL],
        failed=counts[Status.FAILED],
        unknown=counts[Status.UNKNOWN],
        cancelled=0,
        status=status if ended else None,
        created_at=CREATED_AT,
        started_at=CREATED_AT + 12_000,
        finished_at=CREATED_AT + 431_000 if ended else None,
        cancelled_at=None,
        in_flight=False,
    )


def _shown(envelope: Envelope) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(wire_envelope(envelope))
    return shown
