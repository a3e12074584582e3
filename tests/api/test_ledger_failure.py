"""The ledger fails while the gateway runs: nothing is sent that could not be recorded, and it mends by itself."""

import asyncio
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .stack import DELETIONS, Caller, Stack, Upstreams, numbers


@contextmanager
def locked(ledger: Path) -> Iterator[None]:
    """Somebody else holds the file's write lock, as a backup or a person with a shell may."""
    other = sqlite3.connect(ledger, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def full_disk(ledger: Path) -> Iterator[None]:
    """Not one page fits into the ledger's journal, not even where it has been written before."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert ledger.with_name(f"{ledger.name}-wal").exists()
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def impatient(both: Stack) -> Path:
    """The ledger's file, for whose lock the gateway waits no more than a moment."""
    store = both.gateway._ledger._store  # type: ignore[attr-defined]  # to shorten a wait, no more
    store._connection.execute("PRAGMA busy_timeout = 50")
    return both.folder / "gateway.db"


async def readiness(caller: Caller) -> tuple[int, list[str]]:
    answer = await caller.http.get("/readyz")
    return answer.status_code, answer.json()["reasons"]


async def test_a_ledger_that_cannot_be_written_refuses_and_is_not_ready(
    both: Stack, job: Caller, up: Upstreams
) -> None:
    with locked(impatient(both)):
        answer = await job.delete("acme-dk", "CN1")
        await both.gateway._upkeep.once()

        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_unavailable")
        assert int(answer.headers["Retry-After"]) >= 1
        assert await readiness(job) == (503, ["ledger_unavailable"])
        assert (await job.http.get("/livez")).status_code == 200, "a restart would not help"
        assert await job.pages("/v1/operations") == [[]], "reading still works"
        assert await up.history() == []

    # What failed while it was locked may be told after this check, and is followed by another.
    async with asyncio.timeout(10):
        while await readiness(job) != (200, []):
            await both.gateway._upkeep.once()
    assert (await job.delete("acme-dk", "CN1")).status_code == 200


async def test_accepted_work_waits_for_the_ledger_and_then_goes_on_by_itself(
    both: Stack, job: Caller, up: Upstreams
) -> None:
    await up.switch(hub={"latencySeconds": 0.1})
    operation_id = await job.accepted("acme-dk", DELETIONS, numbers(*(f"CN{i}" for i in range(12))))
    await up.arrived(1)
    with locked(impatient(both)):
        made = len(await up.business())
        await both.gateway._upkeep.once()
        assert await readiness(job) == (503, ["ledger_unavailable"])
        assert len(await up.business()) <= made + 5, "no more than what had been granted before"

    envelope = await job.ended(operation_id)
    assert envelope["summary"]["succeeded"] == 12
    calls = await up.business()
    assert sorted(call["cases"][0] for call in calls) == sorted(f"CN{i}" for i in range(12))
    assert [result["attempts"] for result in envelope["results"]] == [1] * 12, "outcomes waited to be recorded"


async def test_on_a_full_disk_nothing_is_sent_and_the_same_key_makes_it_once(
    both: Stack, job: Caller, up: Upstreams
) -> None:
    with full_disk(both.folder / "gateway.db"):
        answer = await job.delete("acme-dk", "CN1", key="k")
        await both.gateway._upkeep.once()

        assert (answer.status_code, answer.json()["code"]) in {
            (503, "ledger_unavailable"),
            (503, "acceptance_unknown"),
        }
        assert await readiness(job) == (503, ["ledger_unavailable"])
        assert await up.business() == []

    await both.gateway._upkeep.once()
    assert await readiness(job) == (200, [])
    repeated = await job.delete("acme-dk", "CN1", key="k")
    assert (repeated.status_code, repeated.json()["status"]) == (200, "succeeded")
    assert len(await up.business()) == 1
    assert [len(page) for page in await job.pages("/v1/operations")] == [1]


async def test_without_a_key_a_repeated_request_after_a_refusal_deletes_once(
    both: Stack, job: Caller, up: Upstreams
) -> None:
    with locked(impatient(both)):
        assert (await job.delete("acme-no", "CN1")).status_code == 503
    assert (await job.delete("acme-no", "CN1")).status_code == 200
    assert [call["violations"] for call in await up.business()] == [[]]
