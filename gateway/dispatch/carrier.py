"""Carry out one granted call: word it, send it, read the answer, decide, and see that the outcome is recorded."""

import asyncio
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from gateway.backends.base import Backend
from gateway.dispatch.backoff import backoff_seconds
from gateway.dispatch.decide import Circumstances, decide
from gateway.dispatch.health import Health, codes_in
from gateway.dispatch.means import Means
from gateway.dispatch.punctuality import Punctuality
from gateway.errors import AnswerUnknown, CredentialMissing, CredentialRefused, LedgerError, NotSent
from gateway.ledger.base import NOT_BEGUN, Again, CallSettlement, CaseSettlement, Pause, Verdict
from gateway.ledger.pace import turn_microseconds
from gateway.model.calls import Call, Reading
from gateway.model.kinds import Purpose, Status
from gateway.model.merge import not_sent, unanswered
from gateway.model.outcomes import CaseOutcome, Code
from gateway.telemetry.events import CallEnded, CallSent, LedgerFailed
from gateway.telemetry.tracing import CallSpan

BROKEN = frozenset({500, 502, 504})
"""Statuses with which the backend itself fails. Not 503: that is how it says that it is closed."""


class Result(Struct, frozen=True):
    """How a call came back. `outcome`: the status as text, `unknown` or `not_sent`; `reason` is a fixed word.

    `answered`: the upstream is done with it. `failed`: whether the backend itself failed, null if that cannot be told.
    """

    reading: Reading
    outcome: str
    sent: bool
    answered: bool
    reason: str | None = None
    failed: bool | None = None


class Carrier:
    """Carries out the calls of one backend."""

    def __init__(self, means: Means, backend: Backend) -> None:
        self._means = means
        self._backend = backend
        self._punctuality = Punctuality()
        self.health = Health()

    async def carry(self, call: Call, asked_at: float, came_back: Callable[[], None]) -> None:
        """Carry out `call`, permission for which was asked at `asked_at` (monotonic seconds).

        `came_back` is called, whatever happens, when nothing is left to do but to record the outcome.
        """
        began = self._means.clock.monotonic()
        with self._means.tracing.call(call, began - asked_at) as span:
            try:
                if self._punctuality.in_time(asked_at, began, self._means.rules().backend.limits):
                    result, settlement = await self._carry_out(call, began, span)
                else:
                    result = Result(Reading({}), NOT_BEGUN, sent=False, answered=False, reason="late")
                    settlement = _put_back(call, turn_microseconds(self._means.rules().backend.limits))
            finally:
                came_back()
            await self._record(settlement, span)
            self._tell(call, result, self._means.clock.monotonic() - began, span)

    async def lose(self, call: Call) -> None:
        """Settle a call that nobody will bring an answer of any more: whoever made it is gone.

        Its cases have their whole deadline before them: while nobody was there, nobody could do anything for them.
        """
        whole = self._means.rules().retry.deadline_seconds
        cases = tuple(replace(case, open_seconds_left=whole) for case in call.cases)
        call = replace(call, cases=cases)
        result = Result(unanswered(call), "unknown", sent=True, answered=False, reason="lost")
        with self._means.tracing.call(call, None) as span:
            await self._record(self._settlement(call, result, 0.0, None), span)
            self._tell(call, result, 0.0, span)

    async def _carry_out(self, call: Call, began: float, span: CallSpan) -> tuple[Result, CallSettlement]:
        result = await self._send(call, span)
        span.came_back(result.outcome, result.reason)
        distrusted = self.health.distrusted
        pause = self._take_note(call, result)
        elapsed = self._means.clock.monotonic() - began
        return result, self._settlement(call, result, elapsed, pause, distrusted=distrusted)

    async def _send(self, call: Call, span: CallSpan) -> Result:
        request = self._backend.build(call)
        trace_parent = span.send(request.method, self._label(call), self._means.rules().backend.base_url)
        self._means.observer(CallSent(call.id, call.operation_id, call.request_id, call.backend))
        try:
            answer = await self._means.channel.send(request, trace=_trace(call, trace_parent))
        except CredentialRefused as error:
            reading = not_sent(call, Code.UPSTREAM_UNAUTHORIZED, "The credential for the upstream was refused.")
            return Result(reading, "not_sent", sent=False, answered=False, reason=error.reason)
        except NotSent as error:
            reading = not_sent(call, Code.UPSTREAM_UNREACHABLE, "The upstream could not be reached.")
            failed = None if isinstance(error, CredentialMissing) else True
            return Result(reading, "not_sent", sent=False, answered=False, reason=error.reason, failed=failed)
        except AnswerUnknown as error:
            return Result(unanswered(call), "unknown", sent=True, answered=False, reason=error.reason, failed=True)
        reading = self._backend.read(call, answer)
        believed = _is_believed(reading)
        failed = not believed or answer.status in BROKEN
        return Result(reading, str(answer.status), sent=True, answered=believed, failed=failed)

    def _settlement(
        self, call: Call, result: Result, elapsed_seconds: float, pause: Pause | None, *, distrusted: bool = False
    ) -> CallSettlement:
        rules = self._means.rules()
        given = Circumstances(
            call=call,
            system=rules.backend.system,
            retry=rules.retry,
            uniform=self._means.uniform,
            sent=result.sent,
            elapsed_seconds=elapsed_seconds,
            wait_seconds=None if pause is None else pause.seconds,
            asked_to_wait=result.reading.pause_seconds is not None,
            distrusted=distrusted,
        )
        if call.purpose is Purpose.TRIAL:
            cases = _waiting_as_before(call)
        else:
            cases = tuple(decide(case, result.reading.outcomes[case.position], given) for case in call.cases)
        verdict = None if result.failed is None else Verdict(result.failed, rules.circuit)
        return CallSettlement(call, result.sent, result.answered, result.outcome, cases, pause, verdict)

    def _take_note(self, call: Call, result: Result) -> Pause | None:
        codes = codes_in(result.reading)
        self.health.note(call, codes, sent=result.sent)
        retry, uniform = self._means.rules().retry, self._means.uniform
        return self.health.pause(codes, result.reading.pause_seconds, retry, uniform)

    async def _record(self, settlement: CallSettlement, span: CallSpan) -> None:
        """Settle, however long the ledger cannot be reached: until then the outcome lives here alone."""
        span.settle()
        never, attempt = asyncio.Event(), 0
        while True:
            try:
                await self._means.ledger.settle(settlement)
            except LedgerError as error:
                call = settlement.call
                failed = LedgerFailed("settle", str(error), call.id, call.operation_id, call.request_id)
                self._means.observer(failed)
            else:
                return
            seconds = backoff_seconds(self._means.rules().retry, attempt, self._means.uniform)
            await self._means.clock.wait(never, seconds)
            attempt += 1

    def _label(self, call: Call) -> str:
        return self._backend.call_label(call.kind)

    def _tell(self, call: Call, result: Result, seconds: float, span: CallSpan) -> None:
        ended = CallEnded(
            call_id=call.id,
            operation_id=call.operation_id,
            backend=call.backend,
            call=self._label(call),
            purpose=call.purpose,
            outcome=result.outcome,
            reason=result.reason,
            seconds=seconds,
            unasked=result.reading.unasked,
            request_id=call.request_id,
            trace_parent=span.trace_parent or call.trace_parent,
            positions=tuple(case.position for case in call.cases),
            deletion_id=call.cases[0].request_id if len(call.cases) == 1 else None,
        )
        self._means.observer(ended)
        span.end(ended)


def _put_back(call: Call, turn: int) -> CallSettlement:
    """As if it had never been granted. `turn` is one of the pace, in microseconds."""
    cases = _waiting_as_before(call)
    return CallSettlement(call, sent=False, answered=False, outcome=NOT_BEGUN, cases=cases, not_begun=turn)


def _waiting_as_before(call: Call) -> tuple[CaseSettlement, ...]:
    again = Again("probe" if call.purpose is Purpose.PROBE else "act", 0.0)
    return tuple(CaseSettlement(case.position, CaseOutcome(Status.PENDING), again) for case in call.cases)


def _is_believed(reading: Reading) -> bool:
    """Whether the answer can be taken to be the upstream's last word on the call.

    One that cannot be trusted at all may be a proxy's: behind it the upstream may still be working.
    """
    return any(outcome.status is not Status.UNKNOWN for outcome in reading.outcomes.values())


def _trace(call: Call, trace_parent: str | None) -> tuple[tuple[str, str], ...]:
    headers = (("traceparent", trace_parent or call.trace_parent), ("X-Request-Id", call.request_id))
    return tuple((name, value) for name, value in headers if value)
