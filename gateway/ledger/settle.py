"""Record how a call ended: the second half of what `claim` began."""

from gateway.ledger.base import CallSettlement, CaseSettlement, Pause
from gateway.ledger.budget import CHARGED, give_back
from gateway.ledger.circuit import judge
from gateway.ledger.deadline import close
from gateway.ledger.outcomes import await_unknown_items, end_case, recorded, withdrawn, write_outcome
from gateway.ledger.rows import CALLED_BEFORE, IN_FLIGHT, RETRIED, WAITING
from gateway.ledger.store import Transaction
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import Purpose
from gateway.telemetry.events import BackendPaused, CaseRetried


def settle(tx: Transaction, settlement: CallSettlement) -> None:
    """Free the call's slot and its cases, unless the upstream may still be working on it, and write what became of it.

    Fenced by the call's id: a late answer counts only for a case that no newer call has been granted. Said again, since
    the commit that recorded it had no known result, it is without effect.
    """
    call = settlement.call
    tx.hold(call.operation_id)
    before = tx.row("SELECT settled_at, certain FROM calls WHERE id = :id", {"id": call.id})
    certain = settlement.answered or not settlement.sent
    if before is None or (before[0] is not None and (before[1] or not certain)):
        return
    late = before[0] is not None
    failed = None if settlement.verdict is None else int(settlement.verdict.failed)
    tx.run(
        """UPDATE calls SET settled_at = :now, outcome = :outcome, certain = :certain, failed = :failed,
               held_until = CASE WHEN :certain = 1 AND held_until > :now THEN :now ELSE held_until END
           WHERE id = :id""",
        {"id": call.id, "now": tx.now, "outcome": settlement.outcome, "certain": int(certain), "failed": failed},
    )
    cancelled = tx.row(
        "SELECT 1 FROM operations WHERE id = :id AND cancelled_at IS NOT NULL", {"id": call.operation_id}
    )
    for case in settlement.cases:
        if _is_current(tx, call, case, late=late):
            _settle_case(tx, settlement, case, cancelled=cancelled is not None, late=late)
    if settlement.not_begun:
        tx.run(
            """UPDATE paces SET bulk_at = bulk_at - :turn
               WHERE limits_group = (SELECT limits_group FROM calls WHERE id = :id)""",
            {"turn": settlement.not_begun, "id": call.id},
        )
    if settlement.pause is not None:
        _pause(tx, call.backend, settlement.pause)
    if settlement.verdict is not None and not late:
        judge(tx, call, settlement.verdict)
        if call.from_budget and not settlement.verdict.failed:
            give_back(tx, call.backend)
    tx.effects.work(call.backend, 0)


def _is_current(tx: Transaction, call: Call, case: CaseSettlement, *, late: bool) -> bool:
    """Whether the case has had no newer call. What has ended is only told its end: it does not begin to wait again."""
    row = tx.row(
        "SELECT state FROM cases WHERE operation_id = :operation AND position = :position AND call_id = :call",
        {"operation": call.operation_id, "position": case.position, "call": call.id},
    )
    if row is None:
        return False
    return bool(row[0] == IN_FLIGHT or (late and (row[0] == WAITING or case.again is None)))


def _settle_case(
    tx: Transaction, settlement: CallSettlement, case: CaseSettlement, *, cancelled: bool, late: bool
) -> None:
    operation_id = settlement.call.operation_id
    if _was_its_own(settlement) and not late:
        tx.run(
            "UPDATE cases SET attempts = attempts + 1 WHERE operation_id = :operation AND position = :position",
            {"operation": operation_id, "position": case.position},
        )
    if case.again is None:
        end_case(tx, operation_id, case.position, case.outcome, retry_after_seconds=case.retry_after_seconds)
    elif cancelled and case.again.step == "act":
        outcome = case.outcome if _was_its_own(settlement) else recorded(tx, operation_id, case.position)
        end_case(tx, operation_id, case.position, withdrawn(tx, operation_id, case.position, outcome))
    else:
        _wait_again(tx, settlement, case)


def _was_its_own(settlement: CallSettlement) -> bool:
    """Whether the call was sent for its cases' sake: what a trial meets is the backend's matter."""
    return settlement.sent and settlement.call.purpose is not Purpose.TRIAL


def _wait_again(tx: Transaction, settlement: CallSettlement, case: CaseSettlement) -> None:
    again, call = case.again, settlement.call
    if again is None:
        return
    own = _was_its_own(settlement)
    if own:
        write_outcome(tx, call.operation_id, case.position, case.outcome)
        await_unknown_items(tx, call.operation_id, case.position, case.outcome)
    tx.run(
        f"""UPDATE cases SET state = {WAITING}, due_at = :due_at, step = :step, failures = failures + :failure,
                last_code = CASE WHEN :own = 1 THEN :met ELSE last_code END,
                lane = CASE WHEN :charged = 1 THEN {RETRIED} WHEN :called = 1 THEN {CALLED_BEFORE} ELSE lane END
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - constants
        {
            "operation": call.operation_id,
            "position": case.position,
            "due_at": tx.now + round(again.delay_seconds * SECOND),
            "step": again.step,
            "failure": int(again.failure),
            "own": int(own),
            "met": case.met.value if case.met else None,
            "charged": int(case.met in CHARGED),
            "called": int(again.delay_seconds > 0 or own),
        },
    )
    tx.effects.work(call.backend)
    tx.effects.events.append(
        CaseRetried(
            operation_id=call.operation_id,
            position=case.position,
            backend=call.backend,
            reason=case.met or _why(settlement),
            delay_seconds=again.delay_seconds,
            call_id=call.id,
            request_id=call.request_id,
        )
    )


def _why(settlement: CallSettlement) -> str:
    if settlement.call.purpose is Purpose.TRIAL:
        return "trial"
    return "probe" if settlement.sent else "late"


def _pause(tx: Transaction, backend: str, pause: Pause) -> None:
    until = tx.now + round(pause.seconds * SECOND)
    # Before the closure: who writes this row keeps the other settles of the backend off its closures.
    tx.run(
        """INSERT INTO pauses (backend, until, reason) VALUES (:backend, :until, :reason)
           ON CONFLICT (backend) DO UPDATE SET until = excluded.until, reason = excluded.reason
           WHERE pauses.until < excluded.until""",
        {"backend": backend, "until": until, "reason": pause.reason.value},
    )
    if pause.closed:
        close(tx, backend, until)
    tx.effects.events.append(BackendPaused(backend, pause.reason, pause.seconds))
