"""The composition root: the only module that knows every part."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from random import uniform

import uvloop
from msgspec import Struct

from gateway.backends.registry import backend_for
from gateway.clock import Clock, SystemClock
from gateway.config.settings import BackendSettings, Retry, Settings
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.dispatcher import Dispatcher
from gateway.http.app import build, build_probes
from gateway.http.parts import Parts
from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.server import Server, listeners
from gateway.telemetry import logs
from gateway.telemetry.events import Event, LedgerFailed, Observer
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.registry import process_registry
from gateway.transport.channels import Channels
from gateway.upkeep import Upkeep
from gateway.version import __version__

OnBroken = Callable[[BaseException], None]
"""Told of a loop that ended by itself: that is a fault of ours, and the process must not go on as if it dispatched."""


class Gateway:
    """Every part of one process, put together; to be made within its event loop."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        metrics: Metrics,
        clock: Clock,
        observer: Observer,
        on_broken: OnBroken,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._on_broken = on_broken
        self._observer = observer
        self._channels = Channels(clock, observer)
        self._opened = {name: self._channels.open(backend) for name, backend in settings.backends.items()}
        self._dispatchers = {name: self._dispatcher(backend, clock) for name, backend in settings.backends.items()}
        self._upkeep = Upkeep(self.settings, ledger, metrics.levels, clock, observer)
        self._tasks: list[asyncio.Task[None]] = []
        self.parts = Parts(
            settings=self.settings,
            ledger=ledger,
            clock=clock,
            readiness=self._readiness,
            render_metrics=metrics.render,
            observer=observer,
        )
        ledger.subscribe(self._hint, self._freed)

    def settings(self) -> Settings:
        """The configuration in force."""
        return self._settings

    async def start(self) -> None:
        """Begin to dispatch what is due."""
        await self._upkeep.once()
        loops = [self._upkeep.run(), *(dispatcher.run() for dispatcher in self._dispatchers.values())]
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        for task in self._tasks:
            task.add_done_callback(self._loop_ended)

    async def drain(self) -> None:
        """Begin no call more, let waiting callers go, and see what is under way to its end, within `drain_seconds`."""
        self.parts.drain.begin()
        for dispatcher in self._dispatchers.values():
            dispatcher.stop()
        seconds = self._settings.server.drain_seconds
        await asyncio.gather(*(dispatcher.drained(seconds) for dispatcher in self._dispatchers.values()))

    async def close(self) -> None:
        """Release everything; what is queued stays for the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(dispatcher.abandon() for dispatcher in self._dispatchers.values()))
        for channel in self._opened.values():
            await channel.close()
        await self._channels.close()
        await self._ledger.close()

    def _dispatcher(self, backend: BackendSettings, clock: Clock) -> Dispatcher:
        def settings() -> tuple[BackendSettings, Retry]:
            return self._settings.backends[backend.name], self._settings.retry

        channel = self._opened[backend.name]
        carrier = Carrier(settings, backend_for(backend), channel, self._ledger, clock, self._observe, uniform)
        return Dispatcher(settings, carrier, channel, self._ledger, clock, self._observe, uniform)

    def _observe(self, event: Event) -> None:
        self._observer(event)
        if isinstance(event, LedgerFailed):
            self._upkeep.doubt()

    def _loop_ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_broken(error)

    def _hint(self, backend: str, cases: int) -> None:
        """Cases may be due at `backend`; or, with 0, a slot may be free for those that share its limits.

        Of the slots that its own calls free, a dispatcher knows without being told.
        """
        if cases and backend in self._dispatchers:
            self._dispatchers[backend].hint(cases)
        elif backend in self._dispatchers:
            group = self._settings.backends[backend].limits
            for name, dispatcher in self._dispatchers.items():
                if name != backend and self._settings.backends[name].limits == group:
                    dispatcher.hint(0)

    def _freed(self, backend: str) -> None:
        if backend in self._dispatchers:
            self._dispatchers[backend].hint(0)

    def _readiness(self) -> tuple[str, ...]:
        return () if self._upkeep.ledger_works else ("ledger_unavailable",)


class Running(Struct, frozen=True):
    """A gateway at work. `ports` are those that it listens on: the API's, and that of metrics and probes if any."""

    gateway: Gateway
    ports: tuple[int, ...]


@asynccontextmanager
async def running(settings: Settings, clock: Clock, log: Observer, on_broken: OnBroken) -> AsyncIterator[Running]:
    """A gateway that serves and dispatches within the block; at its end it drains, and releases everything.

    Raises ConfigurationError: a port is taken. Raises LedgerUnusable.
    """
    metrics = Metrics(process_registry(), __version__)

    def observer(event: Event) -> None:
        metrics(event)
        log(event)

    with ExitStack() as opened:
        bound = [opened.enter_context(listener) for listener in listeners(settings.server)]
        folder = settings.path.parent if settings.path else Path()
        ledger = open_ledger(settings.store.url, clock, observer, folder=folder)
        gateway = Gateway(settings, ledger, metrics, clock, observer, on_broken)
        apis = [build(gateway.parts), *(build_probes(gateway.parts) for _ in bound[1:])]
        servers = [Server(api, listener) for api, listener in zip(apis, bound, strict=True)]
        try:
            await gateway.start()
            serving = [asyncio.create_task(server.serve()) for server in servers]
            try:
                yield Running(gateway, tuple(listener.getsockname()[1] for listener in bound))
                await gateway.drain()
            finally:
                for server in servers:
                    server.stop()
                await asyncio.gather(*serving)
        finally:
            await gateway.close()


def serve(settings: Settings) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises ConfigurationError or LedgerUnusable before it listens."""
    logs.configure()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    broken: list[BaseException] = []
    stop = asyncio.Event()

    def on_broken(error: BaseException) -> None:
        broken.append(error)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, SystemClock(), logs.Logs(), on_broken):
        # What was made so far lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        await stop.wait()
    if broken:
        raise broken[0]
