"""The loop of one backend: make ready, ask the ledger for permission, and carry out what it grants."""

import asyncio
import logging
from collections.abc import Callable

from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Retry
from gateway.dispatch.backoff import Uniform, backoff_seconds
from gateway.dispatch.carrier import Carrier
from gateway.errors import CredentialRefused, LedgerError, NotSent
from gateway.ledger.base import ClaimRules, Ledger
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.telemetry.events import CallGranted, LedgerFailed, Observer
from gateway.transport.base import Channel

_logger = logging.getLogger(__name__)

MOST_AT_ONCE = 256
"""How many calls a process has under way at a backend whose cap is null: every fan-out is bounded."""
LONGEST_WAIT_SECONDS = 5.0
"""The loop asks again at least this often, whatever it was told: so soon after its lease a call is missed whose process
died, and a missed hint costs time, never a case."""


class Dispatcher:
    """Sends what is due at one backend, for as long as it runs."""

    def __init__(
        self,
        settings: Callable[[], tuple[BackendSettings, Retry]],
        carrier: Carrier,
        channel: Channel,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        uniform: Uniform,
    ) -> None:
        self._settings = settings
        self._carrier = carrier
        self._channel = channel
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._uniform = uniform
        self._hint = asyncio.Event()
        self._expected = 0
        self._waiting = True
        self._stopping = False
        self._sending = 0
        self._under_way: set[asyncio.Task[None]] = set()

    @property
    def in_flight(self) -> int:
        """How many calls of this process have not come back."""
        return self._sending

    def hint(self, cases: int) -> None:
        """So many more cases may be due; 0: a slot, or a case that another call held, may be free."""
        self._expected += cases
        self._waiting = self._waiting or cases > 0
        if self._waiting:
            self._hint.set()

    async def run(self) -> None:
        """Dispatch until `stop`; what is under way then goes on."""
        failures, wait_seconds = 0, 0.0
        while not self._stopping:
            if wait_seconds > 0:
                await self._clock.wait(self._hint, wait_seconds)
            self._hint.clear()
            try:
                wait_seconds = await self._step()
                failures = 0
            except LedgerError as error:
                self._observer(LedgerFailed("claim", str(error)))
                wait_seconds = max(0.1, backoff_seconds(self._settings()[1], failures, self._uniform))
                failures += 1

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping = True
        self._hint.set()

    async def drained(self, seconds: float) -> bool:
        """Wait at most `seconds` for what is under way; whether all of it came to its end."""
        if not self._under_way:
            return True
        _done, pending = await asyncio.wait(self._under_way, timeout=seconds)
        return not pending

    async def abandon(self) -> None:
        """Give up what is still under way; when its leases end, the next process finds out what became of it."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _step(self) -> float:
        """One turn of the loop; seconds until the next, unless a hint comes before."""
        free = self._free_slots()
        if self._stopping or free == 0:
            return LONGEST_WAIT_SECONDS
        if self._expected == 0 or not self._is_open():
            # Only looks: an upstream is not so much as connected to before there is something to send.
            seconds = await self._claim(0)
            self._expected = int(seconds == 0)
            return seconds
        if not await self._make_ready(free):
            return self._settings()[1].backoff_max_seconds
        return await self._claim(free)

    async def _claim(self, slots: int) -> float:
        """Ask for permission, and begin what is granted; seconds until it is worth asking again."""
        asked_at = self._clock.monotonic()
        self._expected = 0
        claim = await self._ledger.claim(self._rules(slots))
        for call in claim.calls:
            self._observer(_granted(call))
            self._start(call, asked_at)
        if claim.lost:
            await asyncio.gather(*(self._carrier.lose(call) for call in claim.lost))
        self._waiting = claim.ask_again_at is not None or self._expected > 0
        if claim.ask_again_at is None:
            return LONGEST_WAIT_SECONDS
        seconds = max(0.0, (claim.ask_again_at - claim.now) / SECOND)
        self._expected += int(seconds == 0)
        return min(LONGEST_WAIT_SECONDS, seconds)

    def _is_open(self) -> bool:
        hours = self._settings()[0].hours
        return hours is None or hours.is_open(self._ledger.now())

    def _free_slots(self) -> int:
        if self._carrier.health.troubled:
            return 0 if self._sending else 1
        cap = self._settings()[0].limits.max_in_flight or MOST_AT_ONCE
        return max(0, cap - self._sending)

    async def _make_ready(self, free: int) -> bool:
        """Have credential and connections at hand, so that a granted turn is used at once; false: better not to ask.

        If that fails, permission is asked for all the same: the call then fails in the ledger, where it is counted, and
        the case's deadline runs. Only a credential that is known not to work keeps everything waiting.
        """
        try:
            await self._channel.ready(min(free, self._expected))
        except CredentialRefused:
            return not self._carrier.health.distrusted
        except NotSent:
            return True
        return True

    def _start(self, call: Call, asked_at: float) -> None:
        self._sending += 1
        task = asyncio.create_task(self._carrier.carry(call, asked_at, self._came_back))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Ours, not the upstream's. The case waits for the end of its lease, as after a crash.
            _logger.error("a call could not be carried out", exc_info=fault)

    def _came_back(self) -> None:
        """A call is about to be settled: a claim made now stands behind that in the ledger, often in one commit."""
        self._sending -= 1
        self.hint(0)

    def _rules(self, slots: int) -> ClaimRules:
        settings, retry = self._settings()
        return ClaimRules(
            backend=settings.name,
            limits=settings.limits,
            hours=settings.hours,
            slots=slots,
            cases_per_call=settings.cases_per_call,
            timeout_seconds=settings.timeout_seconds,
            linger_seconds=settings.linger_seconds,
            deadline_seconds=retry.deadline_seconds,
        )


def _granted(call: Call) -> CallGranted:
    return CallGranted(
        call_id=call.id,
        operation_id=call.operation_id,
        backend=call.backend,
        purpose=call.purpose,
        cases=len(call.cases),
        waited_seconds=max(0.0, (call.granted_at - call.due_at) / SECOND),
    )
