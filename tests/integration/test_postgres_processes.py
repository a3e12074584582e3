"""Two gateway processes on one PostgreSQL; the sandbox is the witness (CONTRACT.md section 2, 1 to 4)."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2

from tests.api.configuration import JOB_KEY, Change, configuration, write
from tests.faults.processes import Child, free_ports, until
from tests.postgres import Database

PATH = "/v1/tenants/acme-dk/case-deletions"
PER_SECOND, CAP = 30, 5
PACED: Change = {
    "retry.max_attempts": 20,
    "retry.deadline_seconds": 60,
    "limits.hub.per_second": PER_SECOND,
    "limits.hub.max_in_flight": CAP,
    "backends.hub-dk.timeout_seconds": 1.0,
    "backends.hub-dk.linger_seconds": 0.5,
}
Json = dict[str, Any]


class Replica:
    """One gateway process."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.process = Child(folder / "gateway.log", "serve", "--config", str(folder / "gateway.yaml"))

    async def ask(self, method: str, path: str, **more: Any) -> httpx2.Response:  # noqa: ANN401 - as httpx2
        headers = {"X-API-Key": JOB_KEY, **more.pop("headers", {})}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=30, trust_env=False) as http:
            return await http.request(method, path, **more)

    async def accepted(self, *names: str) -> str:
        """The id of an operation that nobody waits for."""
        body = {"execute": True, "cases": [{"caseNumber": name} for name in names]}
        answer = await self.ask("POST", PATH, json=body, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["operationId"])

    async def envelope(self, operation_id: str) -> Json:
        envelope: Json = (await self.ask("GET", f"/v1/operations/{operation_id}")).json()
        return envelope


class Sandbox:
    """The upstreams, which answer 429 over the limits that the gateways were told."""

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        limits = ["--hub-rate", str(PER_SECOND), "--hub-per-minute", "0"]
        arguments = ["--port", str(port), "--hours", "open", "--keys-dir", str(folder)]
        self.process = Child(folder / "sandbox.log", "sandbox", *arguments, *limits)

    async def history(self) -> list[Json]:
        async with httpx2.AsyncClient(base_url=self.url, timeout=10, trust_env=False) as http:
            items: list[Json] = (await http.get("/history")).json()["items"]
        return [entry for entry in items if entry["system"] == "hub-property"]

    async def slow_down(self) -> None:
        async with httpx2.AsyncClient(base_url=self.url, timeout=10, trust_env=False) as http:
            (await http.put("/switches", json={"hub": {"latencySeconds": 0.08}})).raise_for_status()


@asynccontextmanager
async def two_gateways(folder: Path) -> AsyncIterator[tuple[Sandbox, Replica, Replica]]:
    database = Database(empty=True)
    sandbox_port, _ = free_ports()
    sandbox = Sandbox(folder, sandbox_port)
    made = []
    for name, port in zip("ab", free_ports(), strict=True):
        (folder / name).mkdir()
        change = {**PACED, "server.port": port, "store.url": database.url}
        change |= {"credentials.scalepoint.private_key_file": "../tls.key"}
        change |= {"credentials.scalepoint.certificate_file": "../tls.crt"}
        write(folder / name, configuration(sandbox.url, change))
        made.append(Replica(folder / name, port))
    try:
        sandbox.process.start()
        await sandbox.process.ready(f"{sandbox.url}/healthz")
        for replica in made:
            replica.process.start()
        await asyncio.gather(*(replica.process.ready(f"{replica.url}/readyz") for replica in made))
        yield sandbox, made[0], made[1]
    finally:
        for child in (*(replica.process for replica in made), sandbox.process):
            child.clean_up()


async def ended(replica: Replica, operation_id: str) -> None:
    async def has_ended() -> bool:
        return (await replica.envelope(operation_id))["status"] not in {"running", "scheduled"}

    await until(has_ended)


async def test_300_deletions_over_two_gateways_of_which_one_is_killed_all_end_once_and_within_the_pace(
    tmp_path: Path,
) -> None:
    """With a pace that each process keeps for itself, the sandbox answers 429 within the first second."""
    async with two_gateways(tmp_path) as (sandbox, killed, survivor):
        await sandbox.slow_down()
        bulk = [f"bulk-{number}" for number in range(200)]
        operations = [await killed.accepted(*bulk[:100]), await survivor.accepted(*bulk[100:])]
        for number in range(50):
            operations.append(await killed.accepted(f"one-{number}"))
            operations.append(await survivor.accepted(f"other-{number}"))

        async def midway() -> bool:
            return len(await sandbox.history()) >= 120

        await until(midway)
        await killed.process.end(signal.SIGKILL)

        for operation_id in operations:
            await ended(survivor, operation_id)
        envelopes = [await survivor.envelope(operation_id) for operation_id in operations]
        history = await sandbox.history()

    assert {envelope["status"] for envelope in envelopes} == {"succeeded"}
    assert [call["answered"] for call in history if call["answered"] == 429] == []
    assert {violation for call in history for violation in call["violations"]} == set()
    done = [case for call in history if call["done"] == "deleted" for case in call["cases"]]
    assert len(done) == len(set(done)) == 300
    ids: dict[str, set[str]] = {}
    for call in history:
        for case in call["cases"]:
            ids.setdefault(case, set()).add(call["requestId"])
    assert {len(of_case) for of_case in ids.values()} == {1}
