"""PostgreSQL cannot be reached, in every way in which that happens (CONTRACT.md section 2, 1 to 4).

The sandbox's history is the witness that nothing was sent meanwhile, and nothing twice afterwards.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.api.configuration import Change
from tests.faults.fleet import Replica, check_once_each, fleet
from tests.faults.processes import until
from tests.faults.proxy import Network, proxy
from tests.faults.servers import Server, server

CAP, LATENCY = 5, 0.08
LEASE_SECONDS = 1.5
OPTIONS = ["--hub-rate", "30", "--hub-per-minute", "0", "--latency-seconds", str(LATENCY)]
PACED: Change = {
    "retry.max_attempts": 20,
    "retry.deadline_seconds": 120,
    "limits.hub.per_second": 30,
    "limits.hub.max_in_flight": CAP,
    "backends.hub-dk.timeout_seconds": LEASE_SECONDS - 0.5,
    "backends.hub-dk.linger_seconds": 0.5,
}
BEGUN_BEFORE_SECONDS = 0.5
"""A call that was granted before the ledger was lost begins no later than this (`dispatch.punctuality`)."""
ANSWER_SECONDS = 20.0
"""The gateway gives a transaction 10 seconds, and a new connection 5; the rest is for a machine under load."""


class Loss:
    """A way to lose the ledger, and to get it back."""

    def __init__(self, url: str, begin: Callable[[], Awaitable[None]], end: Callable[[], Awaitable[None]]) -> None:
        self.url = url
        self.begin = begin
        self.end = end


@asynccontextmanager
async def loss(how: str) -> AsyncIterator[tuple[Loss, Server]]:
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(server())
        if how == "stands still":
            yield Loss(made.url, made.stand_still, made.go_on), made
        elif how == "is restarted":
            yield Loss(made.url, made.stop, made.start), made
        else:
            network = await stack.enter_async_context(proxy(made.socket_path))

            async def fail() -> None:
                network.become(Network.CUT if how == "is cut off" else Network.SWALLOWS)

            async def work() -> None:
                network.become(Network.WORKS)

            yield Loss(made.url_through(network.port), fail, work), made


@pytest.mark.parametrize(
    "how",
    [
        "is restarted",
        "stands still",
        pytest.param("is cut off", marks=pytest.mark.faults),
        pytest.param("is swallowed", marks=pytest.mark.faults),
    ],
)
async def test_while_the_ledger_is_lost_nothing_is_sent_and_then_work_goes_on_by_itself(
    tmp_path: Path, how: str
) -> None:
    """If `Connection.wait` had no time limit, requests would hang as long as the server stands still.

    If a dispatcher sent what it was granted whenever the ledger's answer came, calls would arrive in the meantime.
    """
    async with loss(how) as (ledger, _), fleet(tmp_path, [ledger.url] * 2, PACED, options=OPTIONS) as here:
        bulk = [f"bulk-{number}" for number in range(100)]
        operations = [await here.replicas[0].accepted(*bulk)]
        await here.upstream.have_arrived(40)

        await ledger.begin()
        lost_at = time.time()
        refusals = await asyncio.gather(*(refused(replica, f"k{n}") for n, replica in enumerate(here.replicas)))
        await here.all_ready(ready=False)
        back_at = time.time()
        await ledger.end()

        await here.all_ready()
        cases = [f"of-k{number}" for number, _ in enumerate(here.replicas)]
        repeats = [replica.accepted(case, key=case[3:]) for case, replica in zip(cases, here.replicas, strict=True)]
        operations += await asyncio.gather(*repeats)
        envelopes = await here.ended(operations, at=here.replicas[1])
        history = await here.upstream.history()
        peak = (await here.upstream.summary())["peakSimultaneous"]["hub-property"]

    assert max(refusals) < ANSWER_SECONDS
    arrivals = [call["receivedAt"] for call in history]
    assert [at - lost_at for at in arrivals if lost_at + BEGUN_BEFORE_SECONDS + LATENCY < at < back_at] == []
    assert peak <= CAP
    check_once_each(history, bulk + cases)
    assert {envelope["status"] for envelope in envelopes} == {"succeeded"}


async def refused(replica: Replica, key: str) -> float:
    """Seconds until a request is answered that nothing could be recorded, or that nobody knows whether it was."""
    asked_at = time.monotonic()
    answer = await replica.delete(f"of-{key}", key=key)
    assert (answer.status_code, answer.json()["code"]) in {(503, "ledger_unavailable"), (503, "acceptance_unknown")}
    assert int(answer.headers["Retry-After"]) >= 1
    return time.monotonic() - asked_at


async def test_connections_that_are_terminated_again_and_again_cost_no_case_and_no_call(tmp_path: Path) -> None:
    """If a COMMIT of which no word came were taken for undone, its calls would be granted again and sent twice."""
    async with server() as ledger, fleet(tmp_path, [ledger.url] * 2, PACED, options=OPTIONS) as here:
        bulk = [f"bulk-{number}" for number in range(100)]
        operation_id = await here.replicas[0].accepted(*bulk)
        for go in range(1, 9):
            await here.upstream.have_arrived(go * 10)
            ledger.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name ~ '^case-g'")
        (envelope,) = await here.ended([operation_id], at=here.replicas[1])
        history = await here.upstream.history()

    check_once_each(history, bulk)
    assert envelope["status"] == "succeeded"


async def test_a_grant_whose_commit_has_no_known_result_is_not_sent_but_counts_as_sent(tmp_path: Path) -> None:
    """The server commits, and its word of that is lost. If that were taken for done, calls would arrive meanwhile."""
    async with (
        server() as ledger,
        proxy(ledger.socket_path) as network,
        fleet(tmp_path, [ledger.url_through(network.port)] * 2, PACED, options=OPTIONS) as here,
    ):
        bulk = [f"bulk-{number}" for number in range(60)]
        operation_id = await here.replicas[0].accepted(*bulk)
        await here.upstream.have_arrived(10)

        network.lose_commits_of("INSERT INTO calls")
        lost_at = time.time()
        await until_true(ledger, f"SELECT count(*) >= {CAP} FROM calls WHERE granted_at > {lost_at * 1e6:.0f}")  # noqa: S608
        back_at = time.time()
        network.become(Network.WORKS)

        (envelope,) = await here.ended([operation_id], at=here.replicas[1])
        history = await here.upstream.history()

    arrivals = [call["receivedAt"] for call in history]
    assert [at for at in arrivals if lost_at + BEGUN_BEFORE_SECONDS + LATENCY < at < back_at] == []
    check_once_each(history, bulk)
    assert envelope["status"] == "succeeded"


async def test_a_request_whose_commit_has_no_known_result_is_done_once_when_it_is_repeated(tmp_path: Path) -> None:
    """If a lost connection meant "nothing was written", the caller would be told so of what is then carried out."""
    async with (
        server() as ledger,
        proxy(ledger.socket_path) as network,
        fleet(tmp_path, [ledger.url_through(network.port)] * 2, PACED, options=OPTIONS) as here,
    ):
        network.lose_commits_of("INSERT INTO operations")
        answers = await asyncio.gather(*(replica.delete("CN1", key="k") for replica in here.replicas))
        network.become(Network.WORKS)
        repeated = [await replica.delete("CN1", key="k", prefer="wait=10") for replica in here.replicas]
        history = await here.upstream.history()

    assert "acceptance_unknown" in {answer.json().get("code") for answer in answers}
    assert [answer.status_code for answer in repeated] == [200, 200]
    assert len({answer.json()["operationId"] for answer in repeated}) == 1
    check_once_each(history, ["CN1"])


async def until_true(ledger: Server, sql: str) -> None:
    """Wait until an independent reader is answered true."""

    async def is_true() -> bool:
        return bool(ledger.rows(sql)[0][0])

    await until(is_true)
