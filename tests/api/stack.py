"""A gateway over a sandbox, each served by a real server in the test's event loop, and callers of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from gateway.app import Gateway, running
from gateway.clock import SystemClock
from gateway.config import load
from gateway.reload import Watch
from gateway.sandbox.app import build
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.switches import ClaimShopSwitches, HubSwitches, Switches
from gateway.telemetry.events import ConfigurationApplied, ConfigurationRefused, Event
from tests.tables import put_tables

from .configuration import JOB_KEY, Change, changed, configuration, write

PATIENCE_SECONDS = 15.0
DELETIONS = "case-deletions"
OPEN_ALWAYS = Switches(
    hub=HubSwitches(hours="open", per_second=None, per_minute=None), claimshop=ClaimShopSwitches(hours="open")
)

Json = dict[str, Any]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what happens in another task or process."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.01)


def numbers(*case_numbers: str) -> list[Json]:
    return [{"caseNumber": number} for number in case_numbers]


def customers(case_id: str, *ids: str) -> Json:
    return {"caseId": case_id, "customers": [{"customerId": one} for one in ids or ("CUST1",)]}


class Caller:
    """One caller of the gateway."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def submit(
        self,
        tenant: str,
        kind: str,
        cases: list[Json],
        *,
        execute: bool = True,
        prefer: str | None = None,
        key: str | None = None,
    ) -> httpx2.Response:
        given = {"Prefer": prefer, "Idempotency-Key": key}
        headers = {name: value for name, value in given.items() if value is not None}
        body = {"execute": execute, "cases": cases}
        return await self.http.post(f"/v1/tenants/{tenant}/{kind}", json=body, headers=headers)

    async def delete(self, tenant: str, *case_numbers: str, execute: bool = True, **more: Any) -> httpx2.Response:  # noqa: ANN401 - as submit
        return await self.submit(tenant, DELETIONS, numbers(*case_numbers), execute=execute, **more)

    async def accepted(self, tenant: str, kind: str, cases: list[Json], **more: Any) -> str:  # noqa: ANN401 - as submit
        """The id of an operation that nobody waits for."""
        answer = await self.submit(tenant, kind, cases, prefer="respond-async", **more)
        # Whatever the status is: the operation may have been faster than its answer, and have failed.
        assert "operationId" in answer.json(), answer.text
        return str(answer.json()["operationId"])

    async def operation(self, operation_id: str) -> Json:
        answer = await self.http.get(f"/v1/operations/{operation_id}")
        assert answer.status_code == 200, answer.text
        envelope: Json = answer.json()
        return envelope

    async def ended(self, operation_id: str) -> Json:
        """The envelope once every case has ended."""
        envelope: Json = {}

        async def has_ended() -> bool:
            envelope.update(await self.operation(operation_id))
            return envelope["status"] not in {"running", "scheduled"}

        await until(has_ended)
        return envelope

    async def cancel(self, operation_id: str) -> httpx2.Response:
        return await self.http.post(f"/v1/operations/{operation_id}/cancel")

    async def retry(self, operation_id: str, prefer: str = "wait=20") -> httpx2.Response:
        return await self.http.post(f"/v1/operations/{operation_id}/retry", headers={"Prefer": prefer})

    async def pages(self, path: str, **query: str | int) -> list[list[Json]]:
        """Every page of a list, one after the other."""
        found: list[list[Json]] = []
        while True:
            answer = await self.http.get(path, params=query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            found.append(page["items"])
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]


class Upstreams:
    """The sandbox, as a test looks at it and steers it."""

    def __init__(self, http: httpx2.AsyncClient, url: str) -> None:
        self.http = http
        self.url = url

    async def switch(self, **changes: object) -> None:
        answer = await self.http.put("/switches", json=changes)
        assert answer.status_code == 200, answer.text

    async def seed(self, *cases: Json) -> None:
        answer = await self.http.post("/cases", json=list(cases))
        assert answer.status_code == 200, answer.text

    async def revoke_tokens(self) -> None:
        (await self.http.post("/tokens/revoke")).raise_for_status()

    async def history(self, **query: str | int) -> list[Json]:
        """Calls in the order of arrival, at most 10,000."""
        answer = await self.http.get("/history", params=query)
        assert answer.status_code == 200, answer.text
        items: list[Json] = answer.json()["items"]
        return items

    async def calls(self, case: str) -> list[Json]:
        """Calls that named `case`."""
        return await self.history(case=case)

    async def business(self) -> list[Json]:
        """Every call but those for tokens."""
        return [entry for entry in await self.history() if entry["system"] != "token"]

    async def arrived(self, count: int) -> None:
        """Wait until so many calls have come, those for tokens aside."""

        async def have_come() -> bool:
            return len(await self.business()) >= count

        await until(have_come)

    async def summary(self) -> Json:
        summary: Json = (await self.http.get("/history/summary")).json()
        return summary


class Stack:
    """The two of them. `start` makes a new gateway over the same ledger file; `stop` drains and ends it."""

    def __init__(self, folder: Path, sandbox: SandboxServer, http: httpx2.AsyncClient, change: Change) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.upstreams = Upstreams(http, sandbox.url)
        self.tree = configuration(sandbox.url, change)
        self.events: list[Event] = []
        self.broken: list[BaseException] = []
        self.url = ""
        self.ports: tuple[int, ...] = ()
        self.watch: Watch | None = None
        self.environ: dict[str, str] = {}
        self._gateway: Gateway | None = None
        self._callers: dict[str | None, Caller] = {}
        self._opened = AsyncExitStack()

    @property
    def gateway(self) -> Gateway:
        assert self._gateway is not None, "no gateway runs"
        return self._gateway

    async def start(self) -> None:
        settings = load(write(self.folder, self.tree), {})
        at_work = await self._opened.enter_async_context(
            running(settings, SystemClock(), self.events.append, self.broken.append, self.environ)
        )
        self._gateway, self.ports, self.watch = at_work.gateway, at_work.ports, at_work.watch
        self.url = f"http://127.0.0.1:{self.ports[0]}"

    async def reconfigure(self, change: Change) -> ConfigurationApplied | ConfigurationRefused:
        """Change the file, have the gateway look at it now, and return what it says."""
        self.tree = changed(self.tree, change)
        write(self.folder, self.tree)
        return await self.look_now()

    async def look_now(self) -> ConfigurationApplied | ConfigurationRefused:
        assert self.watch is not None, "no gateway runs"
        known = len(self.told())
        self.watch.look_now()

        async def is_told() -> bool:
            return len(self.told()) > known

        await until(is_told)
        return self.told()[-1]

    def told(self) -> list[ConfigurationApplied | ConfigurationRefused]:
        """What the gateway said of changed configurations."""
        return [event for event in self.events if isinstance(event, ConfigurationApplied | ConfigurationRefused)]

    async def stop(self) -> None:
        self._callers.clear()
        await self._opened.aclose()
        assert self.broken == [], self.broken

    async def sandbox_goes(self) -> None:
        """Nobody listens at the upstreams' address any more; their cases and their history stay."""
        await self.sandbox.stop()

    async def sandbox_returns(self) -> None:
        self.sandbox = SandboxServer(self.sandbox.app, port=self.sandbox.port)
        await self.sandbox.start()

    async def caller(self, key: str | None = JOB_KEY) -> Caller:
        """Somebody with this API key; gone when the gateway stops."""
        if key not in self._callers:
            headers = {} if key is None else {"X-API-Key": key}
            client = httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False)
            self._callers[key] = Caller(await self._opened.enter_async_context(client))
        return self._callers[key]


@asynccontextmanager
async def stack(
    folder: Path, keys: Path, change: Change | None = None, environ: dict[str, str] | None = None, **options: object
) -> AsyncIterator[Stack]:
    """A stack with the gateway running; `change` is made to the configuration, `options` to the sandbox's.

    `environ` is the gateway's environment.
    """
    for name in ("tls.key", "tls.crt"):
        (folder / name).write_bytes((keys / name).read_bytes())
    sandbox = build(SandboxOptions(**{"keys_dir": keys, "switches": OPEN_ALWAYS, **options}))  # type: ignore[arg-type]  # its fields
    put_tables(folder / "gateway.db")
    async with SandboxServer(sandbox) as server, httpx2.AsyncClient(base_url=server.url, timeout=10) as http:
        both = Stack(folder, server, http, change or {})
        both.environ = environ or {}
        await both.start()
        try:
            yield both
        finally:
            await both.stop()
            await both.sandbox.stop()
