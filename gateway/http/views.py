"""An operation as it is now, for one who may see it."""

from gateway.errors import CommitUnknown, LedgerUnavailable
from gateway.http.envelopes import MAX_INLINE_CASES
from gateway.http.intake import MOST_WAITING
from gateway.http.outlooks import outlooks
from gateway.http.parts import Parts
from gateway.http.problems import Problem, Refusal
from gateway.model.envelope import Envelope, envelope

NO_SUCH_OPERATION = "There is no such operation, or you have no grant for its tenant."


async def view(parts: Parts, operation_id: str) -> Envelope:
    """The operation with its results, if those are few enough. Raises Problem (404), LedgerUnavailable."""
    found = await parts.ledger.view(operation_id, inline=MAX_INLINE_CASES)
    if found is None:
        raise Problem(Refusal.NOT_FOUND, NO_SUCH_OPERATION)
    operation, cases = found
    if operation.status is not None:
        return envelope(operation, cases, None)
    found_outlooks = await outlooks(parts, parts.settings(), {operation.backend})
    places = await parts.ledger.places([operation])
    return envelope(operation, cases, found_outlooks.get(operation.backend), places.get(operation_id))


async def finished_view(parts: Parts, operation_id: str, seconds: float) -> Envelope:
    """The operation once it has ended, or as it is after `seconds`, when this process drains, or if too many wait.

    It has been accepted, whatever comes: raises CommitUnknown if its state cannot be read.
    """
    try:
        if seconds > 0 and parts.drain.waiting < MOST_WAITING:
            await parts.drain.until(parts.ledger.finished(operation_id, seconds))
        return await view(parts, operation_id)
    except LedgerUnavailable as error:
        raise CommitUnknown("what was asked for is recorded, but the outcome cannot be read") from error
