"""The envelope on the wire (CONTRACT.md section 1, "The envelope")."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.model.cases import Identifier
from gateway.model.envelope import Envelope
from gateway.model.kinds import Evidence, IdentifierType, Kind, Status, System
from gateway.model.operations import CaseRecord, Operation
from gateway.model.outcomes import Error, ItemOutcome

MAX_INLINE_CASES = 1_000
"""Operations with more cases show their results in pages only."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339, UTC, milliseconds."""


class Wire(Struct, frozen=True, rename="camel"):
    """An object in an answer: member names are in camelCase."""


class CaseReference(Wire, frozen=True):
    """The case as it was asked for: exactly one of the three."""

    case_number: str | UnsetType = UNSET
    case_token: str | UnsetType = UNSET
    case_id: str | UnsetType = UNSET


class ItemResult(Wire, frozen=True):
    """What became of one item of an ECM case."""

    id: str
    type_code: str | None
    status: Status
    message: Annotated[str | None, Meta(description="ECM's own words.")]
    evidence: Evidence | None
    errors: tuple[Error, ...]


class CaseResult(Wire, frozen=True):
    """What became of one case."""

    case: CaseReference
    status: Status
    found: Annotated[
        bool | None, Meta(description="Whether the upstream knew the case; null if not known, and on ECM.")
    ]
    deleted: Annotated[bool | None, Meta(description="Whether we deleted it; null if not known, and on ECM.")]
    request_id: Annotated[
        str | None, Meta(description="The id under which a Hub deletion can be resumed; null on ECM.")
    ]
    attempts: Annotated[int, Meta(description="How many calls were sent for it.")]
    evidence: Annotated[
        Evidence | None,
        Meta(description="`confirmed` by the upstream, or `inferred`: found gone after an unknown outcome."),
    ]
    items: Annotated[tuple[ItemResult, ...], Meta(description="In request order; empty for deletions.")]
    messages: tuple[str, ...]
    errors: tuple[Error, ...]


class Summary(Wire, frozen=True):
    """How many cases have which status."""

    total: int
    succeeded: int
    partial: int
    failed: int
    unknown: int
    pending: int
    cancelled: int


class Links(Wire, frozen=True):
    """Where to read on."""

    self: str
    results: str


class OperationEnvelope(Wire, frozen=True):
    """An operation: one schema for every kind, whatever the backend, at every stage."""

    operation_id: Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
    kind: Kind
    tenant: str
    backend: str
    system: System
    execute: bool
    status: Annotated[
        Status,
        Meta(description="The status that all cases share, else `partial`; `scheduled` or `running` until then."),
    ]
    summary: Summary
    results: Annotated[
        tuple[CaseResult, ...] | None,
        Meta(
            description="One for each case, in request order; null over 1,000 cases and in lists: see `links.results`."
        ),
    ]
    created_at: Instant
    not_before: Annotated[Instant | None, Meta(description="When the closed backend opens, of a scheduled operation.")]
    started_at: Instant | None
    finished_at: Instant | None
    estimated_finish_at: Annotated[Instant | None, Meta(description="A guess, while the operation has not ended.")]
    links: Links


def wire_envelope(shown: Envelope) -> OperationEnvelope:
    """The envelope in wire form."""
    operation = shown.operation
    place = location(operation.id)
    return OperationEnvelope(
        operation_id=operation.id,
        kind=operation.kind,
        tenant=operation.tenant,
        backend=operation.backend,
        system=operation.system,
        execute=operation.execute,
        status=shown.status,
        summary=_summary(operation),
        results=None if shown.cases is None else tuple(wire_result(case) for case in shown.cases),
        created_at=_required(operation.created_at),
        not_before=instant(shown.not_before),
        started_at=instant(operation.started_at),
        finished_at=instant(operation.finished_at),
        estimated_finish_at=instant(shown.estimated_finish_at),
        links=Links(self=place, results=f"{place}/results"),
    )


def wire_result(case: CaseRecord) -> CaseResult:
    """One case's result in wire form."""
    outcome = case.outcome
    return CaseResult(
        case=case_reference(case.identifier),
        status=outcome.status,
        found=outcome.found,
        deleted=outcome.deleted,
        request_id=case.request_id,
        attempts=case.attempts,
        evidence=outcome.evidence,
        items=tuple(_item(item) for item in outcome.items),
        messages=outcome.messages,
        errors=outcome.errors,
    )


def location(operation_id: str) -> str:
    """Where an operation is found."""
    return f"/v1/operations/{operation_id}"


def instant(microseconds: int | None) -> str | None:
    """Microseconds since 1970 as RFC 3339 in UTC, to the millisecond."""
    return None if microseconds is None else _required(microseconds)


def _required(microseconds: int) -> str:
    moment = _EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summary(operation: Operation) -> Summary:
    return Summary(
        total=operation.total,
        succeeded=operation.succeeded,
        partial=operation.partial,
        failed=operation.failed,
        unknown=operation.unknown,
        pending=operation.pending,
        cancelled=operation.cancelled,
    )


def case_reference(identifier: Identifier) -> CaseReference:
    """A case's identifier in wire form."""
    match identifier.type:
        case IdentifierType.CASE_NUMBER:
            return CaseReference(case_number=identifier.value)
        case IdentifierType.CASE_TOKEN:
            return CaseReference(case_token=identifier.value)
        case IdentifierType.CASE_ID:
            return CaseReference(case_id=identifier.value)


def _item(item: ItemOutcome) -> ItemResult:
    return ItemResult(
        id=item.id,
        type_code=item.type_code,
        status=item.status,
        message=item.message,
        evidence=item.evidence,
        errors=item.errors,
    )
