"""The loop of one backend: make ready, ask the ledger for permission, and carry out what it grants."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial

from gateway.dispatch.backoff import backoff_seconds
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.means import Means
from gateway.errors import CredentialRefused, LedgerError, NotSent
from gateway.ledger.base import ClaimRules
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.telemetry.events import CallGranted, LedgerFailed

_logger = logging.getLogger(__name__)

MOST_AT_ONCE = 256
"""How many calls a process has under way at a backend whose cap is null: every fan-out is bounded."""
LONGEST_WAIT_SECONDS = 5.0
"""The loop asks again at least this often, whatever it was told: so soon after its lease a call is missed whose process
died, and a missed hint costs time, never a case."""


class Dispatcher:
    """Sends what is due at one backend, for as long as it runs."""

    def __init__(
        self, means: Means, carrier: Carrier, neighbours: Callable[[], "Iterable[Dispatcher]"] = tuple
    ) -> None:
        """`neighbours` are the dispatchers of other backends that share this one's limits."""
        self._means = means
        self._carrier = carrier
        self._neighbours = neighbours
        self._hint = asyncio.Event()
        self._expected = 0
        self._waiting = True
        self._granted_at = 0.0
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
                await self._means.clock.wait(self._hint, wait_seconds)
            self._hint.clear()
            try:
                wait_seconds = await self._step()
                failures = 0
            except LedgerError as error:
                self._means.observer(LedgerFailed("claim", str(error)))
                backoff = backoff_seconds(self._means.rules().retry, failures, self._means.uniform)
                wait_seconds = max(0.1, backoff)
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
            return self._means.rules().retry.backoff_max_seconds
        return await self._claim(free)

    async def _claim(self, slots: int) -> float:
        """Ask for permission, and begin what is granted; seconds until it is worth asking again."""
        if self._stopping:
            return LONGEST_WAIT_SECONDS
        self._expected = 0
        claim = await self._means.ledger.claim(self._rules(slots))
        for call in claim.calls:
            self._granted_at = claim.asked_at
            self._means.observer(_granted(call))
            self._start(call, claim.asked_at)
        self._waiting = claim.ask_again_at is not None or self._expected > 0
        if claim.lost:
            await asyncio.gather(*(self._carrier.lose(call) for call in claim.lost))
        if claim.ask_again_at is None:
            return LONGEST_WAIT_SECONDS
        seconds = max(0.0, (claim.ask_again_at - claim.now) / SECOND)
        self._expected += int(seconds == 0)
        return min(LONGEST_WAIT_SECONDS, seconds)

    def _is_open(self) -> bool:
        hours = self._means.rules().backend.hours
        return hours is None or hours.is_open(self._means.ledger.now())

    def _free_slots(self) -> int:
        if self._carrier.health.troubled:
            return 0 if self._sending else 1
        cap = self._means.rules().backend.limits.max_in_flight or MOST_AT_ONCE
        return max(0, cap - self._sending)

    async def _make_ready(self, free: int) -> bool:
        """Have credential and connections at hand, so that a granted turn is used at once; false: better not to ask.

        If that fails, permission is asked for all the same: the call then fails in the ledger, where it is counted, and
        the case's deadline runs. Only a credential that is known not to work keeps everything waiting.
        """
        try:
            await self._means.channel.ready(min(free, self._expected))
        except CredentialRefused:
            return not self._carrier.health.distrusted
        except NotSent:
            return True
        return True

    def _start(self, call: Call, asked_at: float) -> None:
        self._sending += 1
        task = asyncio.create_task(self._carrier.carry(call, asked_at, self._came_back))
        self._under_way.add(task)
        task.add_done_callback(partial(self._ended, call))

    def _ended(self, call: Call, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            # Ours, not the upstream's. The case waits for the end of its lease, as after a crash.
            ids = {"call_id": call.id, "operation_id": call.operation_id, "request_id": call.request_id}
            _logger.error("a call could not be carried out", exc_info=fault, extra=ids)

    def _came_back(self) -> None:
        """A call is about to be settled: a claim made now stands behind that in the ledger, often in one commit.

        Who shares the limits asks first, or whoever has a slot would keep it: each freed slot would be its own again.
        """
        self._sending -= 1
        for neighbour in sorted(self._neighbours(), key=lambda other: other._granted_at):  # noqa: SLF001 - its own kind
            neighbour.hint(0)
        self.hint(0)

    def _rules(self, slots: int) -> ClaimRules:
        rules = self._means.rules()
        settings = rules.backend
        return ClaimRules(
            backend=settings.name,
            upstream=settings.upstream,
            limits=settings.limits,
            hours=settings.hours,
            slots=slots,
            cases_per_call=settings.cases_per_call,
            timeout_seconds=settings.timeout_seconds,
            linger_seconds=settings.linger_seconds,
            retry=rules.retry,
        )


def _granted(call: Call) -> CallGranted:
    return CallGranted(
        call_id=call.id,
        operation_id=call.operation_id,
        request_id=call.request_id,
        backend=call.backend,
        purpose=call.purpose,
        cases=len(call.cases),
        waited_seconds=max(0.0, (call.granted_at - call.due_at) / SECOND),
    )
