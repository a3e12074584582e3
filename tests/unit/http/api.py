"""The API over a ledger in memory, called in-process: settings, keys and requests that the tests share."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time

import httpx2
from msgspec.structs import replace

from gateway.config.settings import (
    BackendSettings,
    Caller,
    Credential,
    Limits,
    Route,
    Server,
    Settings,
    Tenant,
)  # fmt: skip
from gateway.http.app import Parts, build
from gateway.http.authentication import Verify, no_tokens
from gateway.http.drain import Drain
from gateway.http.intake import Intake
from gateway.ledger.base import Ledger
from gateway.model.hours import SECOND, Hours
from gateway.model.kinds import Kind, System
from gateway.telemetry.events import Event, HttpAnswered
from tests.fakes.ledger import FakeLedger
from tests.unit.http.documented import check_documented

NOON = 1_767_268_800 * SECOND
"""2026-01-01T12:00:00Z."""

KEY, DRY_KEY, OTHER_KEY = "key-of-the-retention-job", "key-that-may-not-execute", "key-of-another-tenant"
AUTH = {"X-API-Key": KEY}

DELETIONS = "/v1/tenants/acme-dk/case-deletions"
CLOSED_DELETIONS = "/v1/tenants/acme-night/case-deletions"
ONE_CASE = {"execute": True, "cases": [{"caseNumber": "CN10000"}]}
TWO_CASES = {"execute": True, "cases": [{"caseNumber": "CN10000"}, {"caseNumber": "CN39983"}]}
ONE_ENTITY = {
    "execute": True,
    "cases": [
        {
            "caseId": "CA100",
            "externalEntities": [{"externalEntity": "ACFTNETRSTACO1X", "externalEntityTypeCode": "XA"}],
        }
    ],
}


class HeldClock:
    """A clock that stands still until a test moves it. Waiting takes the clock to its end at once, unless `patient`."""

    def __init__(self, now: int = NOON) -> None:
        self.instant = now
        self.patient = False
        self.waited_for = asyncio.Event()

    def now(self) -> int:
        return self.instant

    def monotonic(self) -> float:
        return self.instant / SECOND

    async def wait(self, event: asyncio.Event, seconds: float | None) -> bool:
        self.waited_for.set()
        if self.patient:
            return await event.wait()
        await asyncio.sleep(0)
        if not event.is_set() and seconds is not None:
            self.instant += round(seconds * SECOND)
        return event.is_set()


def caller(
    name: str, key: str, *tenants: str, execute: bool = True, kinds: frozenset[Kind] = frozenset(Kind)
) -> Caller:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return Caller(name, frozenset(tenants), kinds, execute, api_key_sha256=frozenset({digest}))


def backend(name: str, system: System, limits: Limits, hours: Hours | None = None) -> BackendSettings:
    return BackendSettings(name, system, "http://127.0.0.1:1", Credential("none", "none"), limits, hours)


def settings(server: Server | None = None) -> Settings:
    hub = Limits("hub", per_second=5, per_minute=100, max_in_flight=5)
    night = Hours(time(16), time(8))
    callers = [
        caller("retention-job", KEY, "acme-dk", "acme-night", "acme-ecm"),
        caller("dry-runner", DRY_KEY, "acme-dk", execute=False, kinds=frozenset({Kind.CASE_DELETION})),
        caller("stranger", OTHER_KEY, "acme-night"),
    ]
    backends = [
        backend("hub-dk", System.HUB_PROPERTY, hub),
        backend("hub-night", System.HUB_PROPERTY, hub, night),
        backend("ecm", System.ORACLE_ECM, Limits("ecm", max_in_flight=20)),
    ]
    tenants = [
        Tenant("acme-dk", Route("hub-dk", "acme"), Route("ecm")),
        Tenant("acme-night", Route("hub-night", "acmenight")),
        Tenant("acme-ecm", None, Route("ecm")),
    ]
    return Settings(
        server=server or Server(),
        callers={caller.name: caller for caller in callers},
        backends={backend.name: backend for backend in backends},
        tenants={tenant.name: tenant for tenant in tenants},
    )


class Api:
    """One running API, and what there is to look at around it."""

    def __init__(self, server: Server | None = None, ledger: Ledger | None = None, verify: Verify = no_tokens) -> None:
        self.clock = HeldClock()
        self.fake = FakeLedger(self.clock)
        self.settings = settings(server)
        self.events: list[Event] = []
        self.reasons: tuple[str, ...] = ()
        self.drain = Drain()
        self.intake = Intake()
        self.parts = Parts(
            settings=lambda: self.settings,
            ledger=ledger or self.fake,
            clock=self.clock,
            readiness=lambda: self.reasons,
            render_metrics=lambda accept: ("text/plain; version=0.0.4; charset=utf-8", f"# {accept}\n".encode()),
            observer=self.events.append,
            drain=self.drain,
            intake=self.intake,
            verify=verify,
        )
        self.app = build(self.parts)

    def configure(self, **changes: object) -> None:
        """Change fields of `server`, as a restart would."""
        self.settings = replace(self.settings, server=replace(self.settings.server, **changes))

    @asynccontextmanager
    async def client(self, key: str | None = KEY) -> AsyncIterator[httpx2.AsyncClient]:
        headers = {} if key is None else {"X-API-Key": key}
        transport = httpx2.ASGITransport(app=self.app)
        hooks = {"response": [self._check]}
        async with httpx2.AsyncClient(
            transport=transport, base_url="http://gateway", headers=headers, event_hooks=hooks
        ) as client:
            yield client

    @property
    def answered(self) -> HttpAnswered:
        """The last request, as it was told of."""
        return [event for event in self.events if isinstance(event, HttpAnswered)][-1]

    async def _check(self, response: httpx2.Response) -> None:
        await response.aread()
        check_documented(self.answered.route, response)
