"""Carry out one granted call: word it, send it, read the answer, decide, and see that the outcome is recorded."""

import asyncio
from collections.abc import Callable
from random import uniform as random_uniform

from msgspec import Struct
from msgspec.structs import replace

from gateway.backends.base import Backend
from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Retry
from gateway.dispatch.backoff import Uniform, backoff_seconds
from gateway.dispatch.decide import Circumstances, decide
from gateway.dispatch.health import Health, codes_in
from gateway.dispatch.punctuality import Punctuality
from gateway.errors import AnswerUnknown, CredentialRefused, LedgerError, NotSent
from gateway.ledger.base import Again, CallSettlement, CaseSettlement, Ledger, Pause
from gateway.model.calls import Call, Reading
from gateway.model.kinds import Purpose, Status
from gateway.model.merge import not_sent, unanswered
from gateway.model.outcomes import CaseOutcome, Code
from gateway.telemetry.events import CallEnded, CallSent, LedgerFailed, Observer
from gateway.transport.base import Channel

NOT_BEGUN = "not_begun"


class Result(Struct, frozen=True):
    """How a call came back. `outcome`: the status as text, `unknown` or `not_sent`; `reason` is a fixed word."""

    reading: Reading
    outcome: str
    sent: bool
    answered: bool
    reason: str | None = None


class Carrier:
    """Carries out the calls of one backend."""

    def __init__(
        self,
        settings: Callable[[], tuple[BackendSettings, Retry]],
        backend: Backend,
        channel: Channel,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        uniform: Uniform = random_uniform,
    ) -> None:
        self._settings = settings
        self._backend = backend
        self._channel = channel
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._uniform = uniform
        self._punctuality = Punctuality()
        self.health = Health()

    async def carry(self, call: Call, asked_at: float, came_back: Callable[[], None]) -> None:
        """Carry out `call`, permission for which was asked at `asked_at` (monotonic seconds).

        `came_back` is called, whatever happens, when nothing is left to do but to record the outcome.
        """
        began = self._clock.monotonic()
        try:
            if self._punctuality.in_time(began - asked_at, self._settings()[0].limits):
                result, settlement = await self._carry_out(call, began)
            else:
                result = Result(Reading({}), NOT_BEGUN, sent=False, answered=False, reason="late")
                settlement = _put_back(call)
        finally:
            came_back()
        await self._record(settlement)
        self._tell(call, result, self._clock.monotonic() - began)

    async def lose(self, call: Call) -> None:
        """Settle a call that nobody will bring an answer of any more: whoever made it is gone.

        Its cases have their whole deadline before them: while nobody was there, nobody could do anything for them.
        """
        whole = self._settings()[1].deadline_seconds
        cases = tuple(replace(case, open_seconds_left=whole) for case in call.cases)
        call = replace(call, cases=cases)
        result = Result(unanswered(call), "unknown", sent=True, answered=False, reason="lost")
        await self._record(self._settlement(call, result, 0.0, None))
        self._tell(call, result, 0.0)

    async def _carry_out(self, call: Call, began: float) -> tuple[Result, CallSettlement]:
        result = await self._send(call)
        distrusted = self.health.distrusted
        pause = self._take_note(call, result)
        elapsed = self._clock.monotonic() - began
        return result, self._settlement(call, result, elapsed, pause, distrusted=distrusted)

    async def _send(self, call: Call) -> Result:
        request = self._backend.build(call)
        self._observer(CallSent(call.id, call.backend))
        try:
            answer = await self._channel.send(request, trace=_trace(call))
        except CredentialRefused as error:
            reading = not_sent(call, Code.UPSTREAM_UNAUTHORIZED, "The credential for the upstream was refused.")
            return Result(reading, "not_sent", sent=False, answered=False, reason=error.reason)
        except NotSent as error:
            reading = not_sent(call, Code.UPSTREAM_UNREACHABLE, "The upstream could not be reached.")
            return Result(reading, "not_sent", sent=False, answered=False, reason=error.reason)
        except AnswerUnknown as error:
            return Result(unanswered(call), "unknown", sent=True, answered=False, reason=error.reason)
        return Result(self._backend.read(call, answer), str(answer.status), sent=True, answered=True)

    def _settlement(
        self, call: Call, result: Result, elapsed_seconds: float, pause: Pause | None, *, distrusted: bool = False
    ) -> CallSettlement:
        settings, retry = self._settings()
        given = Circumstances(
            call=call,
            system=settings.system,
            retry=retry,
            uniform=self._uniform,
            sent=result.sent,
            elapsed_seconds=elapsed_seconds,
            wait_seconds=None if pause is None else pause.seconds,
            asked_to_wait=result.reading.pause_seconds is not None,
            distrusted=distrusted,
        )
        cases = tuple(decide(case, result.reading.outcomes[case.position], given) for case in call.cases)
        return CallSettlement(call, result.sent, result.answered, result.outcome, cases, pause)

    def _take_note(self, call: Call, result: Result) -> Pause | None:
        codes = codes_in(result.reading)
        self.health.note(call, codes, sent=result.sent)
        return self.health.pause(codes, result.reading.pause_seconds, self._settings()[1], self._uniform)

    async def _record(self, settlement: CallSettlement) -> None:
        """Settle, however long the ledger cannot be reached: until then the outcome lives here alone."""
        never, attempt = asyncio.Event(), 0
        while True:
            try:
                await self._ledger.settle(settlement)
            except LedgerError as error:
                self._observer(LedgerFailed("settle", str(error)))
            else:
                return
            await self._clock.wait(never, backoff_seconds(self._settings()[1], attempt, self._uniform))
            attempt += 1

    def _tell(self, call: Call, result: Result, seconds: float) -> None:
        self._observer(
            CallEnded(
                call_id=call.id,
                operation_id=call.operation_id,
                backend=call.backend,
                call=self._backend.call_label(call.kind),
                purpose=call.purpose,
                outcome=result.outcome,
                reason=result.reason,
                seconds=seconds,
                unasked=result.reading.unasked,
                request_id=call.request_id,
                trace_parent=call.trace_parent,
            )
        )


def _put_back(call: Call) -> CallSettlement:
    """As if it had never been granted, but for the pace, which counts it."""
    again = Again("probe" if call.purpose is Purpose.PROBE else "act", 0.0)
    cases = tuple(CaseSettlement(case.position, CaseOutcome(Status.PENDING), again) for case in call.cases)
    return CallSettlement(call, sent=False, answered=False, outcome=NOT_BEGUN, cases=cases)


def _trace(call: Call) -> tuple[tuple[str, str], ...]:
    headers = (("traceparent", call.trace_parent), ("X-Request-Id", call.request_id))
    return tuple((name, value) for name, value in headers if value)
