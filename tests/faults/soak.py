"""A gateway under high load for a quarter of an hour, with faults sprinkled in: its memory and its files stay flat.

`make soak` (ARGS="--minutes 3"). Prints what the process holds each minute, and exits 1 if memory or open files grow
behind the warm-up. Load: callers that wait and callers that hang up, bulk, reads; upstreams that fail and break off.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from random import Random
from statistics import median

import httpx2
from msgspec import Struct

from tests.api.configuration import Change

from .processes import Site, site

WARM_UP_SHARE = 0.3
"""Of the whole time; what is made once is made by then."""
MOST_GROWTH_MB = 12.0
"""Between the first and the last third behind the warm-up. A leak of 100 bytes a request would show within minutes."""
MOST_NEW_FILES = 20
HANG_UP_SECONDS = 0.05
FAULTS = ("NOTFOUND", "ERROR500", "DROP-AFTER", "HTML", "FORBIDDEN", "UNAUTHORIZED-ONCE")
FAULT_SHARE = 0.05
CHANGE: Change = {
    **{f"backends.{name}.timeout_seconds": 2.0 for name in ("hub-dk", "claimshop-dk", "ecm")},
    **{f"backends.{name}.linger_seconds": 0.5 for name in ("hub-dk", "claimshop-dk", "ecm")},
    "limits.hub": {"per_second": None, "per_minute": None, "max_in_flight": 20},
    "limits.claimshop": {"max_in_flight": 20},
    "circuit.failure_ratio": 1.0,
    "server.max_queued_cases": 2_000,
}


class Held(Struct, frozen=True):
    """What the process holds at a moment, and how much it has answered up to then."""

    minutes: float
    memory_mb: float
    files: int
    threads: int
    ledger_mb: float
    answers: int


class Load:
    """Callers of all kinds, until they are told to stop."""

    def __init__(self, here: Site) -> None:
        self._here = here
        self._random = Random(20261122)  # noqa: S311 - the same load each time
        self._numbers = count()
        self.answers = Counter[str]()

    async def patient(self, http: httpx2.AsyncClient) -> None:
        """Waits for each deletion."""
        while True:
            await self._post(http, "acme-dk", [self._case()])

    async def impatient(self, http: httpx2.AsyncClient) -> None:
        """Hangs up on each."""
        while True:
            with suppress(TimeoutError, httpx2.TransportError):
                async with asyncio.timeout(HANG_UP_SECONDS):
                    await self._post(http, "acme-no", [self._case(), self._case()])

    async def bulk(self, http: httpx2.AsyncClient) -> None:
        """Makes operations of many cases, and reads them to their end."""
        while True:
            cases = [self._case() for _ in range(200)]
            answer = await self._post(http, "acme-no", cases, prefer="respond-async")
            while answer.is_success and answer.json()["status"] in {"running", "scheduled"}:
                await asyncio.sleep(0.5)
                answer = await http.get(answer.json()["links"]["self"])
                await http.get("/v1/operations", params={"limit": 20})
                await http.get("/v1/tenants")

    async def _post(
        self, http: httpx2.AsyncClient, tenant: str, cases: list[dict[str, str]], prefer: str = "wait=10"
    ) -> httpx2.Response:
        body = {"execute": True, "cases": cases}
        answer = await http.post(f"/v1/tenants/{tenant}/case-deletions", json=body, headers={"Prefer": prefer})
        said = answer.json()
        code = said.get("code") or next((fault["code"] for fault in said["results"][0]["errors"]), said["status"])
        self.answers[f"{answer.status_code} {code}"] += 1
        if answer.status_code == 503:
            await asyncio.sleep(0.2)
        return answer

    def _case(self) -> dict[str, str]:
        situation = self._random.choice(FAULTS) if self._random.random() < FAULT_SHARE else "CN"
        return {"caseNumber": f"{situation}-{next(self._numbers)}"}


def held(here: Site, folder: Path, began: float, load: Load) -> Held:
    """As the operating system sees the process."""
    process = Path(f"/proc/{here.gateway.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Held(
        minutes=(time.monotonic() - began) / 60,
        memory_mb=int(status["VmRSS"].split()[0]) / 1024,
        files=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        ledger_mb=sum(file.stat().st_size for file in folder.glob("gateway.db*")) / 1e6,
        answers=sum(load.answers.values()),
    )


async def soak(minutes: float, folder: Path) -> list[Held]:
    """Load for so long, and what the process held every ten seconds."""
    seen = list[Held]()
    async with site(folder, CHANGE) as here, here.caller() as http:
        switches = {"hub": {"latencySeconds": 0.02}, "claimshop": {"simultaneous": None}}
        await here.ask_sandbox("PUT", "/switches", json=switches)
        load, began = Load(here), time.monotonic()
        kinds = [*[load.patient] * 12, *[load.impatient] * 6, *[load.bulk] * 2]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(kind(http)) for kind in kinds]
            while time.monotonic() - began < minutes * 60:
                await asyncio.sleep(10)
                seen.append(held(here, folder, began, load))
                if len(seen) % 6 == 0:
                    print(line(seen[-1]), flush=True)
            for task in tasks:
                task.cancel()
        print("answers:", ", ".join(f"{times} {answer}" for answer, times in sorted(load.answers.items())))
    return seen


def line(now: Held) -> str:
    return (
        f"{now.minutes:5.1f} min  {now.memory_mb:6.1f} MB  {now.files:4d} files  {now.threads:3d} threads"
        f"  ledger {now.ledger_mb:7.1f} MB  {now.answers:8d} answers"
    )


def growth(seen: list[Held]) -> tuple[float, float]:
    """By how much memory (MB) and open files grew from the first to the last third behind the warm-up."""
    steady = seen[int(len(seen) * WARM_UP_SHARE) :]
    third = max(1, len(steady) // 3)
    first, last = steady[:third], steady[-third:]
    return (
        median(held.memory_mb for held in last) - median(held.memory_mb for held in first),
        median(held.files for held in last) - median(held.files for held in first),
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0)
    with tempfile.TemporaryDirectory() as folder:
        seen = asyncio.run(soak(parser.parse_args().minutes, Path(folder)))
    memory_mb, files = growth(seen)
    flat = memory_mb <= MOST_GROWTH_MB and files <= MOST_NEW_FILES
    print(f"growth behind the warm-up: {memory_mb:+.1f} MB, {files:+.0f} files: {'flat' if flat else 'NOT FLAT'}")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
