"""The composition root: the only module that knows every part."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

import uvloop
from msgspec import Struct

from gateway.backends.registry import backend_for
from gateway.checkpointing import Checkpointing, Signer
from gateway.clock import Clock, SystemClock
from gateway.config.audit import keyring, signing_key
from gateway.config.changes import Changes, changes, refusals
from gateway.config.settings import Audit, Settings
from gateway.errors import ConfigurationError, Fault, LedgerError
from gateway.http.app import build, build_probes
from gateway.http.parts import Parts
from gateway.http.problems import Refusal
from gateway.identity.issuers import Issuers
from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.left_behind import LeftBehind
from gateway.lines import Lines
from gateway.listener_tls import RotatingTls
from gateway.model.kinds import KINDS_OF
from gateway.recordkeeping import Recordkeeping
from gateway.reload import Watch
from gateway.server import Server, listeners
from gateway.tasks import OnBroken, background, watched
from gateway.telemetry import crashes, logs, otlp
from gateway.telemetry.configured import Expected
from gateway.telemetry.events import (
    ConfigurationApplied,
    ConfigurationFollowed,
    DrainBegun,
    Event,
    LedgerFailed,
    Observer,
    ServingBegun,
)
from gateway.telemetry.levels import LISTENER, CertificateEnds
from gateway.telemetry.log_levels import LEVELS
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.registry import process_registry
from gateway.telemetry.tracing import OFF, Tracing
from gateway.transport.certificates import Expiries
from gateway.transport.channels import Channels
from gateway.transport.documents import KeySets
from gateway.upkeep import Upkeep
from gateway.version import __version__, revision

STOPPING = (signal.SIGTERM, signal.SIGINT)


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
        signer: Signer | None = None,
        tracing: Tracing = OFF,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._on_broken = on_broken
        self._observer = observer
        self._channels = Channels(clock, observer)
        self._lines = Lines(self._channels, ledger, clock, self._observe, on_broken, tracing)
        self._going = frozenset[tuple[str, str]]()
        self._issuers = Issuers(KeySets(clock).fetch, clock, observer)
        self._metrics = metrics
        metrics.expect(_expected(settings))
        expiries = Expiries()
        self._upkeep = Upkeep(
            self.settings, ledger, metrics.levels, clock, observer, lambda now: _certificates(expiries, now)
        )
        self._recordkeeping = self._records(signer, clock)
        self._left_behind = LeftBehind(self.settings, self._lines.serve, ledger, clock, self._observe)
        self._tasks: list[asyncio.Task[None]] = []
        self.parts = Parts(
            settings=self.settings,
            ledger=ledger,
            clock=clock,
            readiness=self._readiness,
            render_metrics=metrics.render,
            serves=self._takes_in,
            observer=observer,
            verify=self._issuers.verify,
            tracing=tracing,
        )
        ledger.subscribe(self._lines.hint, lambda backend: self._lines.hint(backend, 0))

    def settings(self) -> Settings:
        """The configuration in force."""
        return self._settings

    async def start(self) -> None:
        """Begin to dispatch what is due, and have the keys of token issuers at hand."""
        self._issuers.follow(self._settings.issuers)
        await self._upkeep.once()
        self._lines.change(self._settings)
        self._tasks = [
            watched(part.run(), self._on_broken) for part in (self._upkeep, self._recordkeeping, self._left_behind)
        ]

    async def apply(self, settings: Settings) -> None:
        """Put `settings` in force, but for what needs a restart (CONTRACT.md section 3).

        Raises ConfigurationError, and changes nothing: an upstream that is gone from them has unfinished work.
        """
        found = changes(self._settings, settings)
        self._going = frozenset((backend.name, backend.upstream) for backend in found.gone)
        try:
            if self._going:
                await self._demand_no_work(found)
            self._lines.change(found.settings)
            self._settings = found.settings
            self._issuers.follow(self._settings.issuers)
        finally:
            self._going = frozenset()
        self._observer(ConfigurationFollowed(found.needs_restart))
        if found.changed or found.needs_restart:
            removed = tuple(backend.name for backend in found.gone if backend.name not in self._settings.backends)
            self._observer(ConfigurationApplied(found.changed, found.needs_restart, removed))
            self._metrics.expect(_expected(self._settings))
            await self._upkeep.once()

    async def drain(self) -> None:
        """Begin no call more, let waiting callers go, and see what is under way to its end, within `drain_seconds`."""
        self.parts.drain.begin()
        self._observer(DrainBegun())
        await self._lines.drain(self._settings.server.drain_seconds)

    async def close(self) -> None:
        """Release everything; what is queued stays for the next process."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._lines.close()
        await self._channels.close()
        await self._issuers.close()
        await self._ledger.close()

    async def _demand_no_work(self, found: Changes) -> None:
        """Raise ConfigurationError if a backend that is gone has unfinished work; none is taken in meanwhile."""
        try:
            await self._ledger.check()  # behind every acceptance that was asked for before
            unended = {(work.backend, work.upstream) for work in await self._ledger.unended()}
        except LedgerError as error:
            unknown = f"the ledger cannot say whether a removed backend has work that has not ended: {error}"
            raise ConfigurationError((Fault("backends", unknown),)) from error
        if faults := refusals(found, unended):
            raise ConfigurationError(faults)

    def _takes_in(self, backend: str, upstream: str) -> bool:
        return (backend, upstream) not in self._going and self._lines.serve(backend, upstream)

    def _records(self, signer: Signer | None, clock: Clock) -> Recordkeeping:
        records, now = self._ledger.records, self._ledger.now
        checkpointing = Checkpointing(signer, records, now, clock, self._observe) if signer else None
        return Recordkeeping(self.settings, records, now, clock, self._observe, checkpointing)

    def _observe(self, event: Event) -> None:
        self._observer(event)
        if isinstance(event, LedgerFailed):
            self._upkeep.doubt()

    def _readiness(self) -> tuple[str, ...]:
        return () if self._upkeep.ledger_works else ("ledger_unavailable",)


def _certificates(expiries: Expiries, settings: Settings) -> CertificateEnds:
    tls = settings.server.tls
    return CertificateEnds(
        credentials=expiries.of({each.name: each.certificate_file for each in settings.credentials.values()}),
        listener=expiries.of({LISTENER: tls.certificate_file}).get(LISTENER) if tls else None,
        backends=expiries.of({each.name: each.client_certificate_file for each in settings.backends.values()}),
    )


def _expected(settings: Settings) -> Expected:
    """What metrics may come of the configuration."""
    calls = {
        name: {backend_for(backend).call_label(kind) for kind in KINDS_OF[backend.system]}
        for name, backend in settings.backends.items()
    }
    return Expected(settings, calls, [refusal.code for refusal in Refusal])


class Running(Struct, frozen=True):
    """A gateway at work. `ports` are those that it listens on: the API's, and that of metrics and probes if any.

    `watch` follows the configuration file.
    """

    gateway: Gateway
    ports: tuple[int, ...]
    watch: Watch


@asynccontextmanager
async def running(
    settings: Settings, clock: Clock, log: Observer, on_broken: OnBroken, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Running]:
    """A gateway that serves and dispatches within the block; at its end it drains, and releases everything.

    It follows the file of `settings`, whose `..._env` keys look in `environ`, where traces are asked for, too.
    Raises ConfigurationError: a port is taken, or traces are asked for and cannot be had. Raises LedgerUnusable.
    """
    metrics = Metrics(process_registry(), __version__, revision())

    def observer(event: Event) -> None:
        metrics(event)
        log(event)

    tracing = otlp.tracing(environ or {}, observer)
    with ExitStack() as opened:
        tls = RotatingTls(settings.server.tls) if settings.server.tls else None
        bound = [opened.enter_context(listener) for listener in listeners(settings.server)]
        folder = settings.path.parent if settings.path else Path()
        store, keys, signer = settings.store, keyring(settings.audit), _signer(settings.audit)
        ledger = open_ledger(store.url, clock, observer, folder=folder, password=store.password, keyring=keys)
        gateway = Gateway(settings, ledger, metrics, clock, observer, on_broken, signer, tracing)
        apis = [build(gateway.parts), *(build_probes(gateway.parts) for _ in bound[1:])]
        watch = Watch(settings, environ or {}, gateway.apply, clock, observer)
        # Probes come from where nobody has a certificate: their own listener stays plain.
        encryption = [tls.context if tls else None, *(None for _ in bound[1:])]
        servers = [Server(api, listener, how) for api, listener, how in zip(apis, bound, encryption, strict=True)]
        api, *probes = servers
        async with AsyncExitStack() as last_to_go:
            last_to_go.push_async_callback(tracing.close)
            for server in probes:  # there is something to be read until nothing else is left
                await last_to_go.enter_async_context(server.serving())
            try:
                await gateway.start()
                async with api.serving():
                    with background(watch.run(), on_broken):
                        ports = tuple(listener.getsockname()[1] for listener in bound)
                        observer(ServingBegun(__version__, revision(), ports, tracing is not OFF))
                        yield Running(gateway, ports, watch)
                    await gateway.drain()
            finally:
                await gateway.close()


def _signer(audit: Audit) -> Signer | None:
    key = signing_key(audit)
    if key is None or audit.checkpoint_file is None:
        return None
    return Signer(key, audit.checkpoint_file, audit.checkpoint_minutes * 60)


def serve(settings: Settings, environ: Mapping[str, str]) -> None:
    """Run a gateway until SIGTERM or SIGINT; SIGHUP has it look at its configuration at once.

    `environ` is where a changed configuration's `..._env` keys look.
    Raises ConfigurationError or LedgerUnusable before it listens.
    """
    logs.configure(LEVELS[settings.server.log_level], settings.server.log_format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, environ))


async def _serve(settings: Settings, environ: Mapping[str, str]) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(crashes.log_of_loop)
    broken: list[BaseException] = []
    stop = asyncio.Event()

    def on_broken(error: BaseException) -> None:
        broken.append(error)
        stop.set()

    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # what it does by default is to end the process
    async with running(
        settings, SystemClock(), logs.Logs(LEVELS[settings.server.log_level]), on_broken, environ
    ) as at_work:
        loop.add_signal_handler(signal.SIGHUP, at_work.watch.look_now)
        # What was made so far lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        await stop.wait()
    # All is done: a further signal has nothing to interrupt any more, and must not become the exit code.
    signal.pthread_sigmask(signal.SIG_BLOCK, (*STOPPING, signal.SIGHUP))
    if broken:
        raise broken[0]
