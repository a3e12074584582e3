"""Several gateway processes on one PostgreSQL, in front of one sandbox: three programs as an operator runs them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.api.configuration import JOB_KEY, Change, configuration, write
from tests.faults.processes import Child, free_port, until

UNENDED = {"running", "scheduled"}
PAGE = 10_000
Json = dict[str, Any]


class Replica:
    """One gateway process."""

    def __init__(self, folder: Path, port: int, http: httpx2.AsyncClient) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log_file = folder / "gateway.log"
        self.process = Child(self.log_file, "serve", "--config", str(folder / "gateway.yaml"))
        self._http = http

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:  # noqa: ANN401 - as httpx2
        headers = {"X-API-Key": JOB_KEY, **more.pop("headers", {})}
        return await self._http.request(method, self.url + path, headers=headers, **more)

    async def delete(
        self, *names: str, key: str | None = None, prefer: str = "respond-async", tenant: str = "acme-dk"
    ) -> httpx2.Response:
        """The answer to a request to delete these cases."""
        headers = {"Prefer": prefer} | ({"Idempotency-Key": key} if key else {})
        body = {"execute": True, "cases": [{"caseNumber": name} for name in names]}
        return await self.ask("POST", f"/v1/tenants/{tenant}/case-deletions", json=body, headers=headers)

    async def accepted(self, *names: str, key: str | None = None, tenant: str = "acme-dk") -> str:
        """The id of an operation that nobody waits for."""
        answer = await self.delete(*names, key=key, tenant=tenant)
        assert answer.status_code in {200, 202}, answer.text  # 200: it was faster than its answer
        return str(answer.json()["operationId"])

    async def envelope(self, operation_id: str) -> Json:
        answer = await self.ask("GET", f"/v1/operations/{operation_id}")
        assert answer.status_code == 200, answer.text
        envelope: Json = answer.json()
        return envelope

    async def is_ready(self) -> bool:
        return (await self.ask("GET", "/readyz")).status_code == 200


class Upstream:
    """The sandbox, which answers 429 over its limits, and is the witness of what was sent."""

    def __init__(self, folder: Path, port: int, http: httpx2.AsyncClient, options: Sequence[str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        arguments = ["--port", str(port), "--hours", "open", "--keys-dir", str(folder), *options]
        self.process = Child(folder / "sandbox.log", "sandbox", *arguments)
        self._http = http

    async def history(self, since: int = 0) -> list[Json]:
        """Every call to Hub Property after the one numbered `since`, in the order of arrival."""
        items: list[Json] = []
        while True:
            asked: dict[str, str | int] = {"system": "hub-property", "since": since, "limit": PAGE}
            page = (await self._http.get(f"{self.url}/history", params=asked)).json()["items"]
            items += page
            if len(page) < PAGE:
                return items
            since = page[-1]["number"]

    async def summary(self) -> Json:
        """Counts of all calls since the start."""
        summary: Json = (await self._http.get(f"{self.url}/history/summary")).json()
        return summary

    async def arrived(self) -> int:
        """How many calls Hub Property has answered."""
        return sum((await self.summary())["answered"].get("hub-property", {}).values())

    async def have_arrived(self, count: int) -> None:
        """Wait until so many have."""

        async def enough() -> bool:
            return await self.arrived() >= count

        await until(enough, seconds=240)

    async def switch(self, **switches: Json) -> None:
        (await self._http.put(f"{self.url}/switches", json=switches)).raise_for_status()


class Fleet:
    """The sandbox and the gateways before it."""

    def __init__(self, upstream: Upstream, replicas: tuple[Replica, ...]) -> None:
        self.upstream = upstream
        self.replicas = replicas

    async def ended(self, operation_ids: Collection[str], *, at: Replica, seconds: float = 60.0) -> list[Json]:
        """Their envelopes, once every one has ended."""

        async def ended(operation_id: str) -> Json:
            envelope = await at.envelope(operation_id)
            while envelope["status"] in UNENDED:
                await asyncio.sleep(0.1)
                envelope = await at.envelope(operation_id)
            return envelope

        async with asyncio.timeout(seconds):
            return [await ended(operation_id) for operation_id in operation_ids]

    async def all_ready(self, *, ready: bool = True) -> None:
        """Wait until every replica says that it is ready, or that it is not."""

        async def agree() -> bool:
            return all([await replica.is_ready() is ready for replica in self.replicas])

        await until(agree)


@asynccontextmanager
async def fleet(
    folder: Path, urls: Sequence[str], change: Change | Callable[[str], Change], *, options: Sequence[str] = ()
) -> AsyncIterator[Fleet]:
    """A replica for each of `urls`, where its ledger is. `options` are the sandbox's, whose URL `change` is told."""
    async with AsyncExitStack() as stack:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        http = await stack.enter_async_context(httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False))
        upstream = Upstream(folder, free_port(), http, options)
        stack.callback(upstream.process.clean_up)
        upstream.process.start()
        await upstream.process.ready(f"{upstream.url}/healthz")
        asked = change(upstream.url) if callable(change) else change
        replicas = []
        for number, url in enumerate(urls):
            port = free_port()
            home = _home(folder / f"replica-{number}", upstream.url, {**asked, "server.port": port, "store.url": url})
            replica = Replica(home, port, http)
            stack.callback(replica.process.clean_up)
            replica.process.start()
            replicas.append(replica)
        await asyncio.gather(*(replica.process.ready(f"{replica.url}/readyz") for replica in replicas))
        yield Fleet(upstream, tuple(replicas))


def _home(folder: Path, sandbox_url: str, change: Change) -> Path:
    folder.mkdir()
    keys = {"private_key_file": "../tls.key", "certificate_file": "../tls.crt"}
    whose = {f"credentials.scalepoint.{key}": path for key, path in keys.items()}
    write(folder, configuration(sandbox_url, {**whose, **change}))
    return folder


def check_once_each(history: Sequence[Json], cases: Collection[str]) -> None:
    """By the sandbox's record: every case was deleted, once, under one id, never by two calls at once."""
    assert {violation for call in history for violation in call["violations"]} == set()
    assert Counter(call["answered"] for call in history)[429] == 0
    deleted = [case for call in history if call["done"] == "deleted" for case in call["cases"]]
    assert Counter(deleted) == Counter(cases)
    request_ids: dict[str, set[str]] = {}
    for call in history:
        for case in call["cases"]:
            request_ids.setdefault(case, set()).add(call["requestId"])
    assert {case for case, ids in request_ids.items() if len(ids) > 1} == set()
