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
from gateway.model.outcomes import CaseOutcome, Code, Error, ItemOutcome, error

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

PROBED = frozenset({System.CLAIMSHOP})
"""Systems of which a dry run finds out what a deletion without an answer did.

The others get the same request again: Hub Property goes on where it stopped when it sees the same request id, and
removing from ECM what is gone does no harm.
"""

MAY_HAVE_ACTED = frozenset({Code.OUTCOME_UNKNOWN, Code.UPSTREAM_ERROR})
"""The upstream did not do what was asked for, or did not say so: what comes next counts towards the attempts."""

GIVEN_UP = "The deletion was never answered, and the case is still there."


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
        return _after_probe(case, outcome, given)
    again = _again(case, outcome, given)
    kept = _with_what_went_before(case, outcome, given.call.purpose)
    if again is not None:
        return CaseSettlement(case.position, kept, again, met=outcome.code)
    return CaseSettlement(case.position, kept, retry_after_seconds=given.wait_seconds)


def _still_there(outcome: CaseOutcome) -> bool:
    return outcome.status is Status.SUCCEEDED and outcome.evidence is not Evidence.INFERRED


def _after_probe(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> CaseSettlement:
    """The case is still there, so it may be deleted again, unless that has been tried often enough."""
    if case.failures < given.retry.max_attempts:
        return CaseSettlement(case.position, outcome, Again("act", 0.0))
    failed = replace(outcome, status=Status.FAILED, errors=(error(Code.UPSTREAM_ERROR, GIVEN_UP),))
    return CaseSettlement(case.position, failed)


def _again(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> Again | None:
    if outcome.code is None:
        return None
    step = _step(outcome.code, given)
    if not _asks_again(case, outcome.code, given, step):
        return None
    delay = _delay_within_deadline(case, outcome.code, given)
    return None if delay is None else Again(step, delay, failure=outcome.code in MAY_HAVE_ACTED)


def _step(code: Code, given: Circumstances) -> Step:
    """What the next call does: where a probe can tell, a deletion without an answer is not sent again before it."""
    if given.call.purpose is Purpose.PROBE:
        return "probe"
    unsettled = given.call.purpose is Purpose.EXECUTE and code is Code.OUTCOME_UNKNOWN
    return "probe" if unsettled and given.system in PROBED else "act"


def _asks_again(case: GrantedCase, code: Code, given: Circumstances, step: Step) -> bool:
    """Whether another call may do better. To find out what the last attempt did is no attempt."""
    if code not in MAY_HAVE_ACTED:
        return code in TURNED_AWAY or _worth_a_fresh_credential(case, code, given)
    finds_out = step == "probe" and given.call.purpose is Purpose.EXECUTE
    return finds_out or case.failures + 1 < given.retry.max_attempts


def _worth_a_fresh_credential(case: GrantedCase, code: Code, given: Circumstances) -> bool:
    """Once for each case that was sent; and for as long as it is known that the fault is not the case's."""
    if code is not Code.UPSTREAM_UNAUTHORIZED:
        return False
    return given.distrusted or (given.sent and case.last_code is not code)


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
    if outcome.status is Status.UNKNOWN and purpose is Purpose.EXECUTE:
        # It may have acted on what an earlier one had left: what that one told is no longer so.
        return replace(outcome, errors=_joined(outcome.errors, case.earlier.errors))
    return replace(case.earlier, errors=_joined(case.earlier.errors, outcome.errors))


def _joined(errors: tuple[Error, ...], others: tuple[Error, ...]) -> tuple[Error, ...]:
    known = {fault.code for fault in errors}
    return errors + tuple(fault for fault in others if fault.code not in known)


def _decide_items(case: GrantedCase, outcome: CaseOutcome, given: Circumstances) -> CaseSettlement:
    """Items that may do better are asked for again; the others have ended."""
    codes = [item.errors[0].code for item in outcome.items if _item_asks_again(case, item, given)]
    code = next((code for code in codes if code in MAY_HAVE_ACTED), codes[0] if codes else None)
    delay = None if code is None else _delay_within_deadline(case, code, given)
    told = {(item.id, item.type_code): _item(case, item, given, again=delay is not None) for item in outcome.items}
    items = tuple(told.get((item.id, item.type_code), item) for item in case.earlier_items)
    whole = case_over_items(items or tuple(told.values()), outcome.messages)
    if delay is not None:
        return CaseSettlement(case.position, whole, Again("act", delay, failure=code in MAY_HAVE_ACTED), met=code)
    return CaseSettlement(case.position, whole, retry_after_seconds=given.wait_seconds)


def _item_asks_again(case: GrantedCase, item: ItemOutcome, given: Circumstances) -> bool:
    return bool(item.errors) and _asks_again(case, item.errors[0].code, given, "act")


def _item(case: GrantedCase, item: ItemOutcome, given: Circumstances, *, again: bool) -> ItemOutcome:
    """An item that waits stays unknown, if it is: the ledger remembers that when it makes it pending."""
    if again and item.status is not Status.UNKNOWN and _item_asks_again(case, item, given):
        return ItemOutcome(item.id, item.type_code, Status.PENDING)
    refused = bool(item.errors) and item.errors[0].code in TELLS_NOTHING
    if refused and (item.id, item.type_code) in case.unsettled_items:
        unsettled = error(Code.OUTCOME_UNKNOWN, "An earlier call had no trustworthy answer.")
        return replace(item, status=Status.UNKNOWN, evidence=None, errors=(unsettled, *item.errors))
    return item
