"""Record how a call ended: the second half of what `claim` began."""

from gateway.ledger.base import CallSettlement, CaseSettlement, Pause
from gateway.ledger.outcomes import end_case, withdrawn, write_outcome
from gateway.ledger.rows import CALLED_BEFORE, ENDED, IN_FLIGHT, WAITING
from gateway.ledger.store import Transaction
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import Status
from gateway.telemetry.events import BackendPaused, CaseRetried


def settle(tx: Transaction, settlement: CallSettlement) -> None:
    """Free the call's slot and its cases, unless the upstream may still be working on it, and write what became of it.

    Fenced by the call's id: a late answer counts only for a case that no newer call has been granted.
    """
    call = settlement.call
    tx.run(
        """UPDATE calls SET settled_at = :now, outcome = :outcome,
               held_until = CASE WHEN :free = 1 AND held_until > :now THEN :now ELSE held_until END
           WHERE id = :id""",
        {
            "id": call.id,
            "now": tx.now,
            "outcome": settlement.outcome,
            "free": int(settlement.answered or not settlement.sent),
        },
    )
    cancelled = tx.row(
        "SELECT 1 FROM operations WHERE id = :id AND cancelled_at IS NOT NULL", {"id": call.operation_id}
    )
    for case in settlement.cases:
        if _is_current(tx, call, case):
            _settle_case(tx, settlement, case, cancelled=cancelled is not None)
    if settlement.pause is not None:
        _pause(tx, call.backend, settlement.pause)
    tx.effects.work(call.backend, 0)


def _is_current(tx: Transaction, call: Call, case: CaseSettlement) -> bool:
    return bool(
        tx.row(
            f"""SELECT 1 FROM cases WHERE operation_id = :operation AND position = :position AND call_id = :call
                AND (state = {IN_FLIGHT} OR state = {ENDED} AND status = 'unknown')""",  # noqa: S608 - constants
            {"operation": call.operation_id, "position": case.position, "call": call.id},
        )
    )


def _settle_case(tx: Transaction, settlement: CallSettlement, case: CaseSettlement, *, cancelled: bool) -> None:
    operation_id = settlement.call.operation_id
    if settlement.sent:
        tx.run(
            "UPDATE cases SET attempts = attempts + 1 WHERE operation_id = :operation AND position = :position",
            {"operation": operation_id, "position": case.position},
        )
    if case.again is None:
        end_case(tx, operation_id, case.position, case.outcome, retry_after_seconds=case.retry_after_seconds)
    elif cancelled and case.again.step == "act":
        end_case(tx, operation_id, case.position, withdrawn(tx, operation_id, case.position, case.outcome))
    else:
        _wait_again(tx, settlement, case)


def _wait_again(tx: Transaction, settlement: CallSettlement, case: CaseSettlement) -> None:
    again, call = case.again, settlement.call
    if again is None:
        return
    if settlement.sent:
        write_outcome(tx, call.operation_id, case.position, case.outcome)
    tx.run(
        f"""UPDATE cases SET state = {WAITING}, due_at = :due_at, step = :step, failures = failures + :failure,
                lane = CASE WHEN :called = 1 THEN {CALLED_BEFORE} ELSE lane END
            WHERE operation_id = :operation AND position = :position""",  # noqa: S608 - constants
        {
            "operation": call.operation_id,
            "position": case.position,
            "due_at": tx.now + round(again.delay_seconds * SECOND),
            "step": again.step,
            "failure": int(again.failure),
            "called": int(again.delay_seconds > 0 or settlement.sent),
        },
    )
    code = case.outcome.code
    tx.effects.events.append(
        CaseRetried(
            operation_id=call.operation_id,
            position=case.position,
            backend=call.backend,
            reason=code if code is not None else Status.PENDING.value,
            delay_seconds=again.delay_seconds,
        )
    )


def _pause(tx: Transaction, backend: str, pause: Pause) -> None:
    until = tx.now + round(pause.seconds * SECOND)
    tx.run(
        """INSERT INTO pauses (backend, until, reason) VALUES (:backend, :until, :reason)
           ON CONFLICT (backend) DO UPDATE SET until = excluded.until, reason = excluded.reason
           WHERE pauses.until < excluded.until""",
        {"backend": backend, "until": until, "reason": pause.reason.value},
    )
    if pause.closed:
        tx.run(
            f"""UPDATE cases SET first_called_at = first_called_at + :length
                WHERE backend = :backend AND state = {WAITING} AND lane = {CALLED_BEFORE}
                  AND first_called_at IS NOT NULL""",  # noqa: S608 - constants
            {"backend": backend, "length": until - tx.now},
        )
    tx.effects.events.append(BackendPaused(backend, pause.reason, pause.seconds))
