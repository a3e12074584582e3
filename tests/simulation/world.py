"""Real API, real ledger, real dispatchers; upstreams that take as long as the test says, and forget nothing."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx2
import msgspec

from gateway.backends.registry import backend_for
from gateway.config.settings import BackendSettings, Caller, Credential, Limits, Route, Server, Settings, Tenant
from gateway.dispatch.carrier import Carrier
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.means import Means, Rules
from gateway.http.app import Parts, build
from gateway.ledger.ledger import SqlLedger
from gateway.ledger.sqlite import SqliteStore
from gateway.ledger.store import Effects, Transaction
from gateway.model.calls import Answer, UpstreamRequest
from gateway.model.hours import SECOND, Hours
from gateway.model.kinds import Kind, System
from tests.simulation.loop import SimulatedClock, SimulatedLoop
from tests.tables import put_tables

T = TypeVar("T")
Json = dict[str, Any]
KEY = "key of the simulation"
HUB = Limits("hub", per_second=5, per_minute=100, max_in_flight=5)
ECM = Limits("ecm", max_in_flight=20)
JSON = (("content-type", "application/json"),)


class Sent(msgspec.Struct):
    """One call as its upstream saw it: the cases it named, and from when to when, in seconds since 1970."""

    backend: str
    cases: list[str]
    began: float
    ended: float | None = None


Reply = Callable[[Sent], int]
"""The status with which a call is answered; 200 says that all of it was done."""


class Upstream:
    """`Channel` to an upstream that takes `duration()` seconds for a call."""

    def __init__(self, name: str, clock: SimulatedClock, duration: Callable[[], float]) -> None:
        self.name = name
        self.duration = duration
        self.reply: Reply = lambda _sent: 200
        self.sent: list[Sent] = []
        self._clock = clock

    async def ready(self, count: int) -> None:
        del count

    async def send(self, request: UpstreamRequest, *, trace: tuple[tuple[str, str], ...] = ()) -> Answer:
        del trace
        asked = msgspec.json.decode(request.body)
        cases = [case["caseId"] for case in asked] if isinstance(asked, list) else [asked["caseNumber"]]
        call = Sent(self.name, cases, self._clock.now() / SECOND)
        self.sent.append(call)
        status = self.reply(call)
        await asyncio.sleep(self.duration())
        call.ended = self._clock.now() / SECOND
        body = _ecm_body(asked) if isinstance(asked, list) else _hub_body(asked, status)
        return Answer(status, JSON, msgspec.json.encode(body), self._clock.now())

    async def close(self) -> None:
        return


def _deletion(case: str) -> Json:
    return {"caseNumber": case}


def _removal(case: str) -> Json:
    return {"caseId": case, "customers": [{"customerId": "C"}]}


def _hub_body(asked: Json, status: int) -> Json:
    done = status == 200
    return {"requestId": asked["requestId"], "found": True, "deleted": done, "errors": [] if done else ["No."]}


def _ecm_body(asked: list[Json]) -> Json:
    said = {"MESSAGE": "removed successfully.", "STATUS": "SUCCESS"}
    entries = [
        {**said, "caseId": case["caseId"], "customers": [{**said, **item} for item in case["customers"]]}
        for case in asked
    ]
    return {**said, "RESULTARRAY": entries}


class _Store:
    """A store during whose work no time passes."""

    poll_seconds: float | None = None

    def __init__(self, store: SqliteStore, loop: SimulatedLoop) -> None:
        self._store = store
        self._loop = loop
        self.now = store.now

    async def write(self, work: Callable[[Transaction], T], *, in_line: bool = False) -> T:
        with self._loop.thread():
            return await self._store.write(work, in_line=in_line)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        return await self._store.read(work)

    def on_effects(self, listener: Callable[[Effects], None]) -> None:
        self._store.on_effects(listener)

    async def wipe(self) -> bool:
        with self._loop.thread():
            return await self._store.wipe()

    def on_commit(self, listener: Callable[[float], None]) -> None:
        """How long a commit took in real time has no place in a simulated one."""

    async def close(self) -> None:
        with self._loop.thread():
            await self._store.close()


class World:
    """Everything of one process but its sockets."""

    def __init__(
        self,
        loop: SimulatedLoop,
        folder: Path,
        start: str,
        backends: Iterable[BackendSettings],
        tenants: Iterable[Tenant],
    ) -> None:
        self.clock = SimulatedClock(loop, round(datetime.fromisoformat(start).timestamp()) * SECOND)
        put_tables(folder / "ledger.db")
        self.ledger = SqlLedger(_Store(SqliteStore(folder / "ledger.db", self.clock), loop), lambda _event: None)
        self.settings = _settings(backends, tenants)
        self.random = Random(20261122)  # noqa: S311 - the same night each time
        self.upstreams = {name: Upstream(name, self.clock, lambda: 0.2) for name in self.settings.backends}
        self._dispatchers = {name: self._dispatcher(name) for name in self.settings.backends}
        self.ledger.subscribe(self._hint)
        parts = Parts(lambda: self.settings, self.ledger, self.clock, tuple, lambda _accept: ("text/plain", b""))
        self.app = build(parts)
        self.http: httpx2.AsyncClient

    @property
    def sent(self) -> list[Sent]:
        """Every call, in the order in which they began."""
        return sorted((call for up in self.upstreams.values() for call in up.sent), key=lambda call: call.began)

    def now(self) -> float:
        """Seconds since 1970."""
        return self.clock.now() / SECOND

    async def at(self, moment: float | str) -> None:
        """Let time pass until then: seconds since 1970, or ISO 8601 with an offset."""
        until = datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment
        await asyncio.sleep(max(0.0, until - self.now()))

    async def submit(self, tenant: str, *cases: str) -> str:
        """The id of a new operation, for which nobody waits."""
        kind, wanted = "case-deletions", [_deletion(case) for case in cases]
        if self.settings.tenants[tenant].cases is None:
            kind, wanted = "customer-removals", [_removal(case) for case in cases]
        body, headers = {"execute": True, "cases": wanted}, {"Prefer": "respond-async"}
        answer = await self.http.post(f"/v1/tenants/{tenant}/{kind}", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["operationId"])

    async def get(self, operation_id: str) -> Json:
        answer = await self.http.get(f"/v1/operations/{operation_id}")
        envelope: Json = answer.json()
        return envelope

    async def ended(self, operation_id: str) -> Json:
        """The envelope once every case has ended, whenever that is."""
        assert await self.ledger.finished(operation_id, 30 * 86_400)
        return await self.get(operation_id)

    def _dispatcher(self, name: str) -> Dispatcher:
        def rules() -> Rules:
            return Rules(self.settings.backends[name], self.settings.retry, self.settings.circuit)

        uniform = self.random.uniform
        means = Means(rules, self.upstreams[name], self.ledger, self.clock, lambda _event: None, uniform)
        return Dispatcher(means, Carrier(means, backend_for(self.settings.backends[name])))

    def _hint(self, backend: str, cases: int) -> None:
        """As the composition root hands them on: of freed slots, those with the same limits are told."""
        limits = self.settings.backends[backend].limits
        for name, dispatcher in self._dispatchers.items():
            if name == backend and cases:
                dispatcher.hint(cases)
            elif name != backend and self.settings.backends[name].limits == limits:
                dispatcher.hint(0)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Serving and dispatching within the block."""
        async with AsyncExitStack() as stack:
            transport = httpx2.ASGITransport(app=self.app)
            client = httpx2.AsyncClient(
                transport=transport, base_url="http://gateway", headers={"X-API-Key": KEY}, timeout=None
            )
            self.http = await stack.enter_async_context(client)
            loops = [asyncio.create_task(dispatcher.run()) for dispatcher in self._dispatchers.values()]
            try:
                yield
            finally:
                for dispatcher in self._dispatchers.values():
                    dispatcher.stop()
                await asyncio.gather(*loops)
                for dispatcher in self._dispatchers.values():
                    await dispatcher.drained(3_600)
                await self.ledger.close()


def hub(name: str = "hub", limits: Limits = HUB, hours: Hours | None = None, **more: Any) -> BackendSettings:  # noqa: ANN401 - its fields
    """A backend on Hub Property."""
    return BackendSettings(
        name, System.HUB_PROPERTY, "http://hub.test", Credential("none", "none"), limits, hours, **more
    )


def ecm(limits: Limits = ECM, **more: Any) -> BackendSettings:  # noqa: ANN401 - its fields
    """A backend on Oracle ECM."""
    return BackendSettings("ecm", System.ORACLE_ECM, "http://ecm.test", Credential("none", "none"), limits, **more)


def tenants(backend: str, *names: str) -> list[Tenant]:
    """Tenants with their cases on `backend`, each under its own name there."""
    if backend == "ecm":
        return [Tenant(name, ecm=Route(backend)) for name in names]
    return [Tenant(name, cases=Route(backend, name)) for name in names]


def _settings(backends: Iterable[BackendSettings], given: Iterable[Tenant]) -> Settings:
    known = {tenant.name: tenant for tenant in given}
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    caller = Caller("c", frozenset(known), frozenset(Kind), execute=True, api_key_sha256=frozenset({digest}))
    return Settings(
        server=Server(),
        callers={"c": caller},
        backends={backend.name: backend for backend in backends},
        tenants=known,
    )
