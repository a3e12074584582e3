"""What follows from a call for each of its cases: it has ended, or waits for another call. Pure.

The rule is CONTRACT.md section 2, promise 2: a deletion is sent again only when nothing was sent, or the upstream
answered that it did not happen, or the request carries an idempotency key, or a probe showed that the case is still
there. What is merely untold of an earlier call stays untold, whatever a later one was refused for.
"""

from msgspec import Struct
from msgspec.structs import replace

from gateway.config.settings import Retry
from gateway.dispatch.backoff import Uniform, backoff_seconds
from gateway.ledger.base import Again, CaseSettlement, Step
from gateway.model.calls import Call, GrantedCase
from gateway.model.kinds import Evidence, Purpose, Status, System
from gateway.model.merge import case_over_items
from gateway.model.outcomes import CaseOutcome, Code, ItemOutcome, error

TURNED_AWAY = frozenset(
    {
        Code.UPSTREAM_THROTTLED,
        Code.UPSTREAM_CLOSED,
        Code.UPSTREAM_UNREACHABLE,
        Code.DELETION_IN_PROGRESS,
        Code.CASE_LOCKED,
    }
)
"""Nothing happened, and the same request may do better later: tried again until the case's deadline."""

TELLS_NOTHING = TURNED_AWAY | {Code.UPSTREAM_UNAUTHORIZED, Code.UPSTREAM_REJECTED}
"""After these, what an earlier call of the same deletion did is as unknown as before."""

RESUMING = frozenset({System.HUB_PROPERTY})
"""Systems that go on where they stopped when they get the same request id again."""


class Circumstances(Struct, frozen=True):
    """What decides besides the outcome itself.

    `elapsed_seconds` is how long the call took. `wait_seconds` is how long the backend is left alone, null if it is
    not; `asked_to_wait`: the upstream itself named that time.
    `distrusted`: a fresh credential was refused before this call, and none has worked since.
    """

    call: Call
    system: System
    retry: Retry
    uniform: Uniform
    sent: bool = True
    elapsed_seconds: float = 0.0
    wait_seconds: float | None = None
    asked_to_wait: bool = False
    distrusted: bool = False


def decide(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> CaseSettlement:
    """What becomes of `case`, of which the call told `outcome`."""
    if outcome.items:
        return _decide_items(case, outcome, given)
    if given.call.purpose is Purpose.PROBE and _still_there(outcome):
        return CaseSettlement(case.position, outcome, Again("act", 0.0))
    again = _again(case, outcome, given)
    kept = _with_what_went_before(case, outcome, given.call.purpose)
    if again is not None:
        return CaseSettlement(case.position, kept, again, met=outcome.code)
    return CaseSettlement(case.position, kept, retry_after_seconds=given.wait_seconds)


def _still_there(outcome: CaseOutcome) -> bool:
    return outcome.status is Status.SUCCEEDED and outcome.evidence is not Evidence.INFERRED


def _again(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> Again | None:
    if outcome.code is None:
        return None
    step: Step = "probe" if given.call.purpose is Purpose.PROBE else "act"
    if outcome.code in TURNED_AWAY or _worth_a_fresh_credential(case, outcome.code, given):
        delay = _delay_within_deadline(case, outcome.code, given)
        return None if delay is None else Again(step, delay)
    if _may_be_repeated(outcome, given) and case.failures + 1 < given.retry.max_attempts:
        delay = _delay_within_deadline(case, outcome.code, given)
        return None if delay is None else Again(step, delay, failure=True)
    return None


def _worth_a_fresh_credential(case: GrantedCase, code: Code, given: Circumstances) -> bool:
    """Once for each case that was sent; and for as long as it is known that the fault is not the case's."""
    if code is not Code.UPSTREAM_UNAUTHORIZED:
        return False
    return given.distrusted or (given.sent and case.last_code is not code)


def _may_be_repeated(outcome: CaseOutcome, given: Circumstances) -> bool:
    """Whether sending the same request again does no harm although this one may have acted."""
    if outcome.code not in {Code.OUTCOME_UNKNOWN, Code.UPSTREAM_ERROR}:
        return False
    return given.call.purpose is not Purpose.EXECUTE or given.system in RESUMING


def _delay_within_deadline(case: GrantedCase, code: Code, given: Circumstances) -> float | None:
    """How long to wait; null when the deadline passes sooner. The time that an upstream says it is closed is free."""
    if code is Code.UPSTREAM_CLOSED and given.asked_to_wait:
        return given.wait_seconds
    delay = 0.0 if code is Code.UPSTREAM_UNAUTHORIZED else backoff_seconds(given.retry, case.attempts, given.uniform)
    delay = max(delay, given.wait_seconds or 0.0)
    return delay if given.elapsed_seconds + delay < case.open_seconds_left else None


def _with_what_went_before(case: GrantedCase, outcome: CaseOutcome, purpose: Purpose) -> CaseOutcome:
    """The outcome of the deletion as a whole: an earlier call's, where this one tells nothing of it."""
    if case.earlier is None or not case.earlier.begun:
        return outcome
    probe_broke = purpose is Purpose.PROBE and outcome.code is Code.UPSTREAM_ERROR
    if outcome.code not in TELLS_NOTHING and outcome.status is not Status.UNKNOWN and not probe_broke:
        return outcome
    known = {fault.code for fault in case.earlier.errors}
    newer = tuple(fault for fault in outcome.errors if fault.code not in known)
    return replace(case.earlier, errors=case.earlier.errors + newer) if newer else case.earlier


def _decide_items(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> CaseSettlement:
    """Only items that were turned away are asked for again; the others have ended."""
    code = next((item.errors[0].code for item in outcome.items if _turned_away(case, item, given)), None)
    delay = None if code is None else _delay_within_deadline(case, code, given)
    told = {(item.id, item.type_code): _item(case, item, given, again=delay is not None) for item in outcome.items}
    items = tuple(told.get((item.id, item.type_code), item) for item in case.earlier_items)
    whole = case_over_items(items or tuple(told.values()), outcome.messages)
    if delay is not None:
        return CaseSettlement(case.position, whole, Again("act", delay), met=code)
    return CaseSettlement(case.position, whole, retry_after_seconds=given.wait_seconds)


def _turned_away(case: GrantedCase, item: ItemOutcome, given: Circumstances) -> bool:
    code = item.errors[0].code if item.errors else None
    return code is not None and (code in TURNED_AWAY or _worth_a_fresh_credential(case, code, given))


def _item(case: GrantedCase, item: ItemOutcome, given: Circumstances, *, again: bool) -> ItemOutcome:
    if again and _turned_away(case, item, given):
        return ItemOutcome(item.id, item.type_code, Status.PENDING)
    refused = bool(item.errors) and item.errors[0].code in TELLS_NOTHING
    if refused and (item.id, item.type_code) in case.unsettled_items:
        unsettled = error(Code.OUTCOME_UNKNOWN, "An earlier call had no trustworthy answer.")
        return replace(item, status=Status.UNKNOWN, evidence=None, errors=(unsettled, *item.errors))
    return item
