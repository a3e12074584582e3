"""Over a bound: a quick refusal that says when to come again, while everything else is answered."""

import asyncio
import time
from pathlib import Path
from statistics import median

import httpx2
import pytest

from tests.api.configuration import Change

from .flood import flood, large_post
from .processes import Site, site
from .test_crash import submitted

FULL: Change = {"server.max_queued_cases": 60, "server.max_cases": 10_000}
SLACK_SECONDS = 5.0
"""Far above what is promised and measured (docs/reliability.md): the machine may be doing something else."""


async def filled(here: Site) -> str:
    """An operation that stays, and leaves no room."""
    await here.ask_sandbox("PUT", "/switches", json={"claimshop": {"latencySeconds": 20}})
    return await submitted(here, "claimshop", "filling", 60)


async def watch(http: httpx2.AsyncClient, operation_id: str, over: asyncio.Event) -> list[tuple[str, int, float]]:
    """What reads and probes are answered meanwhile, and after how long."""
    seen = []
    while not over.is_set():
        for path in (f"/v1/operations/{operation_id}", "/livez", "/readyz", "/metrics"):
            began = time.perf_counter()
            answer = await http.get(path)
            seen.append((path, answer.status_code, time.perf_counter() - began))
    return seen


async def test_a_flood_of_large_requests_over_a_full_queue_is_refused_at_once_while_reads_and_probes_are_answered(
    tmp_path: Path,
) -> None:
    """Without the early look at the queue and the bound on large bodies, refusals would take many seconds."""
    async with site(tmp_path, FULL) as here, here.caller() as http:
        operation_id = await filled(here)
        over = asyncio.Event()
        watching = asyncio.create_task(watch(http, operation_id, over))
        answers = await flood(here.url, large_post(10_000), at_once=300, count=600)
        over.set()
        seen = await watching

    assert {(answer.status, answer.code) for answer in answers} == {(503, "overloaded")}
    assert {answer.retry_after for answer in answers} <= {"1", "30"}
    assert median(answer.seconds for answer in answers) < SLACK_SECONDS
    assert {status for _, status, _ in seen} == {200}
    assert max(seconds for _, _, seconds in seen) < SLACK_SECONDS
    assert len(seen) >= 4


async def test_more_large_requests_than_can_be_taken_in_are_refused_and_the_others_accepted(tmp_path: Path) -> None:
    """Without a bound all of them would be in memory at once."""
    async with site(tmp_path, {"server.max_queued_cases": 10_000_000}) as here:
        await here.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 20}})
        answers = await flood(here.url, large_post(10_000), at_once=60, count=60)

    statuses = [answer.status for answer in answers]
    assert 16 <= statuses.count(202) < 60
    refused = [answer for answer in answers if answer.status != 202]
    assert {(answer.status, answer.code, answer.retry_after) for answer in refused} == {(503, "overloaded", "1")}


async def test_a_copy_of_what_is_on_record_is_answered_although_the_queue_is_full(tmp_path: Path) -> None:
    """If the early refusal looked at the queue alone, the caller could not learn of its own operation."""
    async with site(tmp_path, {**FULL, "server.max_queued_cases": 3_000}) as here:
        await here.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 20}})
        first, *_ = await flood(here.url, large_post(3_000, "key"), at_once=1, count=1)
        copies = await flood(here.url, large_post(3_000, "key"), at_once=2, count=4)
        others = await flood(here.url, large_post(3_000, "other"), at_once=2, count=4)

    assert first.status == 202
    assert {copy.status for copy in copies} == {202}
    assert {other.status for other in others} == {503}


@pytest.mark.parametrize("beginning", [b"", b"GET /livez HTTP/1.1\r\nHost: gate"])
async def test_a_connection_that_never_says_what_it_wants_is_closed(beginning: bytes, tmp_path: Path) -> None:
    """Otherwise whoever opens enough of them takes every file that the process may open."""
    async with site(tmp_path, {}) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(here.url.rsplit(":", 1)[1]))
        writer.write(beginning)
        async with asyncio.timeout(30):
            assert await reader.read() == b""
        writer.close()
