"""A ledger under test with its clock, in few words: accept, claim, settle, look."""

from typing import TypedDict, TypeVar, Unpack

from msgspec import Struct

from gateway.config.settings import Circuit, Limits, Retry
from gateway.ledger.base import (
    NOT_BEGUN,
    Acceptance,
    Accepted,
    Again,
    CallSettlement,
    CaseSettlement,
    Claim,
    ClaimRules,
    Ledger,
    Pause,
    Verdict,
)
from gateway.ledger.pace import turn_microseconds
from gateway.model.calls import Call
from gateway.model.cases import Case, Identifier, Item
from gateway.model.hours import SECOND, Hours
from gateway.model.kinds import Evidence, IdentifierType, Kind, Status, System
from gateway.model.operations import CaseRecord, NewOperation, Operation
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error
from gateway.telemetry.events import Event, LedgerCommitted
from tests.clock import ManualClock
from tests.contract.places import Place

E = TypeVar("E")

UNLIMITED = Limits("hub")
TIMEOUT_SECONDS, LINGER_SECONDS, DEADLINE_SECONDS = 60.0, 30.0, 900.0
CIRCUIT = Circuit(window_calls=4, failure_ratio=0.5, open_seconds=60.0)
RETRY = Retry(deadline_seconds=DEADLINE_SECONDS)
LEASE_SECONDS = TIMEOUT_SECONDS + LINGER_SECONDS

SUCCEEDED = CaseOutcome(Status.SUCCEEDED, found=True, deleted=True, evidence=Evidence.CONFIRMED)
UNKNOWN = CaseOutcome(Status.UNKNOWN, errors=(error(Code.OUTCOME_UNKNOWN, "no answer"),))
NOT_FOUND = CaseOutcome(Status.FAILED, found=False, deleted=False, errors=(error(Code.CASE_NOT_FOUND, "no such case"),))
THROTTLED = CaseOutcome(Status.FAILED, errors=(error(Code.UPSTREAM_THROTTLED, "too many"),))
RESUMABLE = CaseOutcome(
    Status.FAILED, found=True, deleted=False, errors=(error(Code.UPSTREAM_ERROR, "broke", resumable=True),)
)
BROKE = CaseOutcome(Status.FAILED, errors=(error(Code.UPSTREAM_ERROR, "broke"),))
STILL_THERE = CaseOutcome(Status.SUCCEEDED, found=True, deleted=False, evidence=Evidence.CONFIRMED)
PENDING = CaseOutcome(Status.PENDING)


def numbers(*values: str, request_id: str | None = None) -> tuple[Case, ...]:
    """Deletion cases by case number."""
    return tuple(Case(Identifier(IdentifierType.CASE_NUMBER, value), request_id=request_id) for value in values)


def many(count: int, prefix: str = "CN") -> tuple[Case, ...]:
    """So many deletion cases."""
    return numbers(*(f"{prefix}{number}" for number in range(count)))


def ecm_case(case_id: str, *items: str) -> Case:
    """A removal's case with so many items, all of type code XA."""
    return Case(Identifier(IdentifierType.CASE_ID, case_id), tuple(Item(item, "XA") for item in items))


def removed(**items: Status | Code) -> tuple[ItemOutcome, ...]:
    """Outcomes of items by id: a status, or the code with which it failed (or stayed unknown)."""
    return tuple(_item(item, word) for item, word in items.items())


def _item(item: str, word: Status | Code) -> ItemOutcome:
    if isinstance(word, Status):
        return ItemOutcome(item, "XA", word, evidence=Evidence.CONFIRMED if word is Status.SUCCEEDED else None)
    status = Status.UNKNOWN if word is Code.OUTCOME_UNKNOWN else Status.FAILED
    return ItemOutcome(item, "XA", status, errors=(error(word, "said so"),))


class Request(TypedDict, total=False):
    """What a request says besides its cases, where it differs from the ordinary one."""

    tenant: str
    upstream_tenant: str
    kind: Kind
    system: System
    backend: str
    upstream: str
    execute: bool
    caller: str
    key: str | None
    fingerprint: str


class Rules(TypedDict, total=False):
    """What a claim goes by, where it differs from the ordinary one."""

    backend: str
    upstream: str
    limits: Limits
    hours: Hours | None
    cases_per_call: int
    retry: Retry


class Seen(Struct):
    """What a ledger told on the way: events, hints of work by backend, and how many seconds commits took."""

    events: list[Event]
    hints: list[tuple[str, int]]
    commits: list[float]

    def note(self, event: Event) -> None:
        if isinstance(event, LedgerCommitted):
            self.commits.append(event.seconds)
        else:
            self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """The events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


class Desk:
    """One ledger, opened at one place; `reopen` is a restart of the process."""

    def __init__(self, place: Place, clock: ManualClock) -> None:
        self._place = place
        self.clock = clock
        self.seen = Seen([], [], [])
        self.ledger = self._open()

    def _open(self) -> Ledger:
        ledger = self._place(self.clock, self.seen.note)
        ledger.subscribe(lambda backend, cases: self.seen.hints.append((backend, cases)))
        return ledger

    async def reopen(self) -> None:
        """Close the ledger and open it again."""
        await self.ledger.close()
        self.ledger = self._open()

    def new(self, cases: tuple[Case, ...], **request: Unpack[Request]) -> NewOperation:
        """A request, ready to be recorded; a tenant has its own name upstream unless told otherwise."""
        tenant = request.get("tenant", "acme")
        return NewOperation(
            caller=request.get("caller", "job"),
            kind=request.get("kind", Kind.CASE_DELETION),
            tenant=tenant,
            backend=request.get("backend", "hub"),
            system=request.get("system", System.HUB_PROPERTY),
            upstream_tenant=request.get("upstream_tenant", tenant),
            execute=request.get("execute", True),
            cases=cases,
            fingerprint=request.get("fingerprint", "one"),
            upstream=request.get("upstream", ""),
            idempotency_key=request.get("key"),
        )

    async def offer(
        self,
        cases: tuple[Case, ...],
        *,
        max_queued_cases: int = 1_000_000,
        quota: int | None = None,
        may_wait: bool = True,
        **request: Unpack[Request],
    ) -> Acceptance:
        """Whatever the ledger says to a request."""
        new = self.new(cases, **request)
        return await self.ledger.accept(new, max_queued_cases=max_queued_cases, quota=quota, may_wait=may_wait)

    async def accept(self, *cases: Case | str, **request: Unpack[Request]) -> str:
        """The id of the operation that a request makes; text stands for a case number."""
        chosen = tuple(case if isinstance(case, Case) else numbers(case)[0] for case in cases)
        accepted = await self.offer(chosen, **request)
        assert isinstance(accepted, Accepted)
        return accepted.operation_id

    async def remove(self, *cases: Case, **request: Unpack[Request]) -> str:
        """The id of an operation that removes items from ECM cases."""
        request |= {"kind": Kind.EXTERNAL_ENTITY_REMOVAL, "system": System.ORACLE_ECM, "upstream_tenant": ""}
        return await self.accept(*cases, **request)

    async def claim(self, slots: int = 100, **rules: Unpack[Rules]) -> Claim:
        """Ask for permission."""
        return await self.ledger.claim(
            ClaimRules(
                backend=rules.get("backend", "hub"),
                limits=rules.get("limits", UNLIMITED),
                hours=rules.get("hours"),
                slots=slots,
                cases_per_call=rules.get("cases_per_call", 1),
                timeout_seconds=TIMEOUT_SECONDS,
                linger_seconds=LINGER_SECONDS,
                retry=rules.get("retry", RETRY),
                upstream=rules.get("upstream", ""),
            )
        )

    async def call(self, **rules: Unpack[Rules]) -> Call:
        """The one call that a claim grants."""
        claim = await self.claim(**rules)
        assert len(claim.calls) == 1
        return claim.calls[0]

    async def settle(
        self, call: Call, outcome: CaseOutcome = SUCCEEDED, again: Again | None = None, *, sent: bool = True,
        answered: bool = True, retry_after_seconds: float | None = None, pause: Pause | None = None,
    ) -> None:  # fmt: skip
        """Tell the same of every case of a call."""
        cases = tuple(CaseSettlement(case.position, outcome, again, retry_after_seconds) for case in call.cases)
        word = "200" if answered else "unknown"
        await self.ledger.settle(CallSettlement(call, sent, answered, word, cases, pause))

    async def judge(
        self, call: Call, *, failed: bool, again: Again | None = None, circuit: Circuit = CIRCUIT
    ) -> None:  # fmt: skip
        """The backend worked, and the call with it; or it failed the call with an answer, as a 500 would."""
        outcome, met = (BROKE, Code.UPSTREAM_ERROR) if failed else (SUCCEEDED, None)
        cases = tuple(CaseSettlement(case.position, outcome, again, met=met) for case in call.cases)
        word = "500" if failed else "200"
        verdict = Verdict(failed, circuit)
        await self.ledger.settle(CallSettlement(call, True, True, word, cases, verdict=verdict))

    async def unanswered(self, call: Call, again: Again | None = None) -> None:
        """The call was sent and no answer came."""
        await self.settle(call, UNKNOWN, again, answered=False)

    async def put_back(self, call: Call, limits: Limits = UNLIMITED) -> None:
        """The call was not begun: nothing was sent."""
        cases = tuple(CaseSettlement(case.position, PENDING, Again("act", 0.0)) for case in call.cases)
        turn = turn_microseconds(limits)
        await self.ledger.settle(CallSettlement(call, False, False, NOT_BEGUN, cases, not_begun=turn))

    async def wait_again(self, call: Call, outcome: CaseOutcome = THROTTLED, seconds: float = 1.0) -> None:
        """The call was turned away, and the case waits for another."""
        await self.settle(call, outcome, Again("act", seconds))

    async def operation(self, operation_id: str) -> Operation:
        """The operation, which must exist."""
        found = await self.ledger.operation(operation_id)
        assert found is not None
        return found

    async def cases(self, operation_id: str) -> tuple[CaseRecord, ...]:
        """Every case of the operation."""
        return await self.ledger.results(operation_id, limit=1_000_000)

    async def case(self, operation_id: str, position: int = 0) -> CaseRecord:
        """One case of the operation."""
        return (await self.cases(operation_id))[position]

    async def status(self, operation_id: str, position: int = 0) -> Status:
        """The status of one case of the operation."""
        return (await self.case(operation_id, position)).outcome.status

    async def wait_until(self, instant: int) -> None:
        """Let time pass until the ledger's time is `instant`."""
        self.clock.advance(max(0, instant - self.ledger.now()) / SECOND)


def values(*calls: Call) -> list[str]:
    """The identifiers that the calls carry, in order."""
    return [case.identifier.value for call in calls for case in call.cases]
