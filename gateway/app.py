"""The composition root: the only module that knows every part."""

import asyncio
import gc
import signal
import socket
from pathlib import Path
from random import uniform

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from gateway.backends.registry import backend_for
from gateway.clock import Clock, SystemClock
from gateway.config.settings import BackendSettings, Retry, Settings
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.dispatcher import Dispatcher
from gateway.errors import ConfigurationError, Fault
from gateway.http.app import build, build_probes
from gateway.http.parts import Parts
from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.telemetry import logs
from gateway.telemetry.events import Event, Observer
from gateway.telemetry.metrics import Metrics
from gateway.transport.channels import Channels
from gateway.upkeep import Upkeep
from gateway.version import __version__


class Gateway:
    """Every part of one process, put together; to be made within its event loop."""

    def __init__(self, settings: Settings, ledger: Ledger, metrics: Metrics, clock: Clock, observer: Observer) -> None:
        self._settings = settings
        self._ledger = ledger
        self._channels = Channels(clock, observer)
        self._opened = {name: self._channels.open(backend) for name, backend in settings.backends.items()}
        self._dispatchers = {
            name: self._dispatcher(backend, clock, observer) for name, backend in settings.backends.items()
        }
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
        ledger.subscribe(self._hint)

    def settings(self) -> Settings:
        """The configuration in force."""
        return self._settings

    async def start(self) -> None:
        """Begin to dispatch what is due."""
        await self._upkeep.once()
        loops = [self._upkeep.run(), *(dispatcher.run() for dispatcher in self._dispatchers.values())]
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        for task in self._tasks:
            task.add_done_callback(_end_if_broken)

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
            task.remove_done_callback(_end_if_broken)
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._opened.values():
            await channel.close()
        await self._channels.close()
        await self._ledger.close()

    def _dispatcher(self, backend: BackendSettings, clock: Clock, observer: Observer) -> Dispatcher:
        def settings() -> tuple[BackendSettings, Retry]:
            return self._settings.backends[backend.name], self._settings.retry

        channel = self._opened[backend.name]
        carrier = Carrier(settings, backend_for(backend), channel, self._ledger, clock, observer, uniform)
        return Dispatcher(settings, carrier, channel, self._ledger, clock, observer, uniform)

    def _hint(self, backend: str, cases: int) -> None:
        dispatcher = self._dispatchers.get(backend)
        if dispatcher is not None:
            dispatcher.hint(cases)

    def _readiness(self) -> tuple[str, ...]:
        return () if self._upkeep.ledger_works else ("ledger_unavailable",)


def serve(settings: Settings) -> None:
    """Run a gateway until SIGTERM or SIGINT. Raises ConfigurationError or LedgerUnusable before it listens."""
    logs.configure()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    clock, registry = SystemClock(), CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    metrics, log = Metrics(registry, __version__), logs.Logs()

    def observer(event: Event) -> None:
        metrics(event)
        log(event)

    sockets = _bind(settings)
    folder = settings.path.parent if settings.path else Path()
    ledger = open_ledger(settings.store.url, clock, observer, folder=folder)
    gateway = Gateway(settings, ledger, metrics, clock, observer)
    servers = [_Server(build(gateway.parts), sockets[0])]
    servers += [_Server(build_probes(gateway.parts), extra) for extra in sockets[1:]]
    # What was made so far lives as long as the process: the collector need not walk it again and again.
    gc.collect()
    gc.freeze()
    stop = _stop_signal()
    try:
        await gateway.start()
        running = [asyncio.create_task(server.serve()) for server in servers]
        await stop.wait()
        await gateway.drain()
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)
    finally:
        await gateway.close()


class _Server(uvicorn.Server):
    """Uvicorn on a socket of ours; signals are for the whole process, not for one listener."""

    def __init__(self, app: object, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,  # type: ignore[arg-type]  # an ASGI 3 application
            lifespan="off",
            access_log=False,
            log_config=None,
            http="httptools",
            ws="none",
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._listener = listener

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Serve until told to exit."""
        await self._serve([self._listener])


def _bind(settings: Settings) -> list[socket.socket]:
    """The listening sockets: the API's, and that of metrics and probes if there is one."""
    server = settings.server
    ports = [("server.port", server.port)]
    if server.metrics_port is not None:
        ports.append(("server.metrics_port", server.metrics_port))
    return [_listen(server.host, key, port) for key, port in ports]


def _listen(host: str, key: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host}:{port} ({error.strerror}); choose another port"
        raise ConfigurationError((Fault(key, message),)) from error
    return listener


def _stop_signal() -> asyncio.Event:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _end_if_broken(task: "asyncio.Task[None]") -> None:
    """A loop that ends by itself has a fault of ours: the process must not go on as if it dispatched."""
    if not task.cancelled() and (error := task.exception()) is not None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": "a loop of the gateway broke", "exception": error}
        )
        signal.raise_signal(signal.SIGTERM)
