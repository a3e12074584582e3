"""A dispatcher on a real ledger, with a held clock and an upstream that answers as the test says."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.backends.registry import backend_for
from gateway.config.settings import BackendSettings, Circuit, Credential, Limits, Retry
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.means import Means, Rules
from gateway.ledger.base import Accepted, Ledger
from gateway.ledger.open import open_ledger
from gateway.model.calls import Answer, UpstreamRequest
from gateway.model.cases import Case, Identifier
from gateway.model.hours import Hours
from gateway.model.kinds import IdentifierType, Kind, System
from gateway.model.operations import CaseRecord, NewOperation
from gateway.telemetry.events import Event
from tests.tables import put_tables

NOON = 1_795_262_400_000_000
JSON = (("content-type", "application/json"),)
Reply = Answer | Exception


class HeldClock:
    """Stands still until it is moved; whoever waits for a moment that has passed then goes on."""

    def __init__(self, now: int = NOON) -> None:
        self._now = now
        self._moved = asyncio.Event()

    def now(self) -> int:
        return self._now

    def monotonic(self) -> float:
        return self._now / 1_000_000

    def move(self, seconds: float) -> None:
        self._now += round(seconds * 1_000_000)
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        until = None if seconds is None else self._now + round(seconds * 1_000_000)
        while not event.is_set() and (until is None or self._now < until):
            moved = asyncio.create_task(self._moved.wait())
            happened = asyncio.create_task(event.wait())
            _done, pending = await asyncio.wait({moved, happened}, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
        return event.is_set()


class ScriptedChannel:
    """Answers each call from a script, and remembers what was sent."""

    def __init__(self, replies: Callable[[UpstreamRequest], Reply]) -> None:
        self.replies = replies
        self.sent: list[dict[str, object]] = []
        self.ready_for: list[int] = []
        self.ready_error: Exception | None = None
        self.hold: asyncio.Event | None = None

    async def ready(self, count: int) -> None:
        self.ready_for.append(count)
        if self.ready_error is not None:
            raise self.ready_error

    async def send(self, request: UpstreamRequest, *, trace: tuple[tuple[str, str], ...] = ()) -> Answer:
        del trace
        self.sent.append(msgspec.json.decode(request.body))
        if self.hold is not None:
            await self.hold.wait()
        reply = self.replies(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def close(self) -> None:
        return


def deleted(request: UpstreamRequest) -> Answer:
    """Hub Property's answer to a deletion that worked."""
    asked = msgspec.json.decode(request.body)
    body = {"requestId": asked.get("requestId"), "found": True, "deleted": asked["execute"]}
    return Answer(200, JSON, msgspec.json.encode(body), NOON)


def answer(status: int, request: UpstreamRequest, **headers: str) -> Answer:
    """Hub Property's answer to a deletion that did not work."""
    asked = msgspec.json.decode(request.body)
    body = {"requestId": asked.get("requestId"), "found": True, "deleted": False, "errors": ["No."]}
    return Answer(status, (*JSON, *headers.items()), msgspec.json.encode(body), NOON)


class Rig:
    def __init__(
        self,
        ledger: Ledger,
        clock: HeldClock,
        channel: ScriptedChannel,
        settings: BackendSettings,
        events: list[Event],
    ) -> None:
        self.ledger, self.clock, self.channel = ledger, clock, channel
        self.events = events
        self.settings = settings
        self.retry = Retry()
        self.circuit = Circuit()
        means = Means(self._rules, channel, ledger, clock, self.events.append, lambda _low, high: high)
        self.dispatcher = Dispatcher(means, Carrier(means, backend_for(settings)))
        ledger.subscribe(self._hint)

    def _rules(self) -> Rules:
        return Rules(self.settings, self.retry, self.circuit)

    def _hint(self, _backend: str, cases: int) -> None:
        if cases:
            self.dispatcher.hint(cases)

    async def accept(self, *numbers: str) -> str:
        new = NewOperation(
            caller="c",
            kind=Kind.CASE_DELETION,
            tenant="acme",
            backend="hub",
            system=System.HUB_PROPERTY,
            upstream_tenant="acme",
            execute=True,
            cases=tuple(Case(Identifier(IdentifierType.CASE_NUMBER, number)) for number in numbers),
            fingerprint="f",
            upstream=self.settings.upstream,
        )
        accepted = await self.ledger.accept(new, max_queued_cases=100_000)
        assert isinstance(accepted, Accepted)
        return accepted.operation_id

    async def result(self, operation_id: str) -> CaseRecord:
        (record,) = await self.ledger.results(operation_id)
        return record

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let everything run until `condition` holds; the test fails if it does not come to hold."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - any condition, over parts that have no event for it
                await asyncio.sleep(0.001)

    async def finished_in_time(self, operation_id: str) -> CaseRecord:
        """Let time pass, half a minute at a time, until the operation has ended."""
        async with asyncio.timeout(20):
            while not await self.ledger.finished(operation_id, 0.01):
                self.clock.move(30)
        return await self.result(operation_id)

    async def finished(self, operation_id: str) -> CaseRecord:
        assert await self.ledger.finished(operation_id, 5), "the operation did not end"
        return await self.result(operation_id)


@asynccontextmanager
async def rig(
    folder: Path,
    replies: Callable[[UpstreamRequest], Reply] = deleted,
    *,
    limits: Limits | None = None,
    hours: Hours | None = None,
    run: bool = True,
) -> AsyncIterator[Rig]:
    clock = HeldClock()
    events: list[Event] = []
    put_tables(folder / "ledger.db")
    ledger = open_ledger(f"sqlite:///{folder}/ledger.db", clock, events.append)
    settings = BackendSettings(
        "hub",
        System.HUB_PROPERTY,
        "http://hub.test/ecx",
        Credential("none", "none"),
        limits or Limits("hub", per_second=5, per_minute=100, max_in_flight=5),
        hours,
    )
    made = Rig(ledger, clock, ScriptedChannel(replies), settings, events)
    loop = asyncio.create_task(made.dispatcher.run()) if run else None
    try:
        yield made
    finally:
        made.dispatcher.stop()
        if made.channel.hold is not None:
            made.channel.hold.set()
        if loop is not None:
            await loop
        assert await made.dispatcher.drained(5)
        await ledger.close()


def script(replies: Iterable[Callable[[UpstreamRequest], Reply] | Exception]) -> Callable[[UpstreamRequest], Reply]:
    """One reply after the other; the last one stays."""
    rest = list(replies)

    def reply(request: UpstreamRequest) -> Reply:
        following = rest.pop(0) if len(rest) > 1 else rest[0]
        return following if isinstance(following, Exception) else following(request)

    return reply
