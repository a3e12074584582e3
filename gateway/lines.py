"""Lines lead to backends: each has the connections to one, and the loop that sends what is due there."""

import asyncio
from collections.abc import Callable

from msgspec import structs

from gateway.backends.registry import backend_for
from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Limits, Settings
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.means import Means, Rules
from gateway.ledger.base import Ledger
from gateway.tasks import OnBroken, watched
from gateway.telemetry.events import Observer
from gateway.telemetry.tracing import OFF, Tracing
from gateway.transport.base import Channel
from gateway.transport.channels import Channels

Neighbours = Callable[["Line"], list[Dispatcher]]
"""The dispatchers of other lines that share a line's limits."""

LONG_SECONDS = 3_600.0


class Line:
    """One backend at work. How it is reached stays the same as long as the line lives; pace and hours may change."""

    def __init__(
        self,
        rules: Rules,
        channel: Channel,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        neighbours: Neighbours,
        tracing: Tracing = OFF,
    ) -> None:
        self._rules = rules
        self._channel = channel
        means = Means(lambda: self._rules, channel, ledger, clock, observer, tracing=tracing)
        carrier = Carrier(means, backend_for(rules.backend))
        self.dispatcher = Dispatcher(means, carrier, lambda: neighbours(self))
        self._loop: asyncio.Task[None] | None = None

    @property
    def settings(self) -> BackendSettings:
        """What the configuration says of the backend."""
        return self._rules.backend

    def start(self, on_broken: OnBroken) -> None:
        """Begin to dispatch."""
        self._loop = watched(self.dispatcher.run(), on_broken)

    def follow(self, rules: Rules) -> None:
        """Go by `rules` from the next claim on."""
        self._rules = rules
        self.dispatcher.hint(0)  # what held cases back may not do so any more

    async def drain(self, seconds: float) -> bool:
        """Begin nothing more, and wait at most `seconds` for what is under way; whether all of it came to its end.

        A claim that the ledger is about to grant is under way, too.
        """
        clock = asyncio.get_running_loop()
        until = clock.time() + seconds
        self.dispatcher.stop()
        pending = set[asyncio.Task[None]]()
        if self._loop is not None:
            _done, pending = await asyncio.wait([self._loop], timeout=seconds)
        return await self.dispatcher.drained(max(0.0, until - clock.time())) and not pending

    async def finish(self) -> None:
        """Begin nothing more; return when what is under way has ended and every connection is closed."""
        while not await self.drain(LONG_SECONDS):
            pass
        await self.close()

    async def close(self) -> None:
        """End at once. What is still under way is found out about when its lease has ended."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])
        await self.dispatcher.abandon()
        await self._channel.close()


class Lines:
    """Every line of a process: one for each configured backend, and those that only finish what they began."""

    def __init__(
        self,
        channels: Channels,
        ledger: Ledger,
        clock: Clock,
        observer: Observer,
        on_broken: OnBroken,
        tracing: Tracing = OFF,
    ) -> None:
        self._channels = channels
        self._ledger = ledger
        self._clock = clock
        self._observer = observer
        self._on_broken = on_broken
        self._tracing = tracing
        self._lines: dict[str, Line] = {}
        self._finishing: dict[asyncio.Task[None], Line] = {}

    def change(self, settings: Settings) -> None:
        """Begin to go by `settings`: from the next claim on, and for calls under way not at all."""
        followed = {name: line for name, line in self._lines.items() if _can_follow(line, settings.backends.get(name))}
        rules = {name: Rules(backend, settings.retry, settings.circuit) for name, backend in settings.backends.items()}
        made = {name: self._make(rules[name]) for name in rules.keys() - followed.keys()}
        for name, line in followed.items():
            line.follow(rules[name])
        for name in self._lines.keys() - followed.keys():
            self._finish(self._lines[name])
        self._lines = followed | made
        for line in made.values():
            line.start(self._on_broken)

    def serve(self, backend: str, upstream: str) -> bool:
        """Whether a line leads to `backend` at `upstream`."""
        return backend in self._lines and self._lines[backend].settings.upstream == upstream

    def hint(self, backend: str, cases: int) -> None:
        """So many more cases may be due at `backend`; 0: a slot, or a case that another call held, may be free."""
        if backend in self._lines:
            self._lines[backend].dispatcher.hint(cases)

    async def drain(self, seconds: float) -> None:
        """Begin nothing more, and see what is under way to its end, within `seconds`."""
        every = (*self._lines.values(), *self._finishing.values())
        await asyncio.gather(*(line.drain(seconds) for line in every))

    async def close(self) -> None:
        """End at once; what is under way is found out about by the next process."""
        for task in self._finishing:
            task.cancel()
        await asyncio.gather(*self._finishing, return_exceptions=True)
        await asyncio.gather(*(line.close() for line in (*self._lines.values(), *self._finishing.values())))

    def _make(self, rules: Rules) -> Line:
        channel = self._channels.open(rules.backend)
        return Line(rules, channel, self._ledger, self._clock, self._observer, self._neighbours, self._tracing)

    def _neighbours(self, line: Line) -> list[Dispatcher]:
        """Those of other lines that share its limits; one that has taken its place is among them."""
        group = line.settings.limits.name
        others = (other for other in self._lines.values() if other is not line)
        return [other.dispatcher for other in others if other.settings.limits.name == group]

    def _finish(self, line: Line) -> None:
        task = watched(self._finished(line), self._on_broken)
        self._finishing[task] = line

    async def _finished(self, line: Line) -> None:
        await line.finish()
        del self._finishing[asyncio.current_task()]  # type: ignore[arg-type]  # a task runs this
        in_use = (*self._lines.values(), *self._finishing.values())
        await self._channels.keep({other.settings.credential for other in in_use})


def _can_follow(line: Line, settings: BackendSettings | None) -> bool:
    """Whether `settings` reach the same upstream in the same way.

    A call must not outlast the lease that it was granted with, so another time-out takes another line, too.
    """
    return settings is not None and _way(line.settings) == _way(settings)


def _way(settings: BackendSettings) -> BackendSettings:
    """All but what each claim is asked for with; of the limits only how many connections are kept."""
    limits = Limits("", max_in_flight=settings.limits.max_in_flight)
    return structs.replace(settings, limits=limits, hours=None, linger_seconds=0.0, cases_per_call=1)
