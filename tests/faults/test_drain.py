"""SIGTERM at any moment under load (CONTRACT.md section 2, 7): nothing is lost, and everybody is answered."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from msgspec import Struct, field

from tests.api.configuration import Change

from .processes import Site, free_ports, site, until
from .test_crash import ended, submitted

SHORT, WHOLE = 3, 30
"""How many SIGTERMs, in `make test` and in `make test-faults`."""
CALL_SECONDS = 0.4
POSTERS = 6
QUICK: Change = {
    **{f"backends.{name}.timeout_seconds": 4.0 for name in ("hub-dk", "claimshop-dk", "ecm")},
    **{f"backends.{name}.linger_seconds": 1.0 for name in ("hub-dk", "claimshop-dk", "ecm")},
    "server.wait_seconds": 10,
}
SLOW, QUICKLY = (
    {system: {"latencySeconds": seconds} for system in ("hub", "claimshop", "ecm")} for seconds in (CALL_SECONDS, 0.0)
)


class Seen(Struct):
    """What callers and probes met while a process went down."""

    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    probes: list[tuple[float, int, int, int]] = field(default_factory=list)
    """When they were answered, and the status of /livez, /readyz and /metrics."""


async def post_until_refused(here: Site, seen: Seen, name: str) -> None:
    """One deletion after the other on a connection that is kept, each waited for, until nobody listens any more."""
    async with here.caller() as http:
        for number in range(10_000):
            body = {"execute": True, "cases": [{"caseNumber": f"{name}-{number}"}]}
            try:
                answer = await http.post("/v1/tenants/acme-dk/case-deletions", json=body)
            except httpx2.ConnectError:
                return
            except httpx2.TransportError as error:
                seen.unanswered.append(repr(error))
                return
            seen.answers.append((answer.status_code, answer.json()))


async def probe_until_refused(url: str, seen: Seen) -> None:
    async with httpx2.AsyncClient(base_url=url, timeout=5, trust_env=False) as http:
        with suppress(httpx2.TransportError):
            while True:
                live, ready, metrics = [await http.get(path) for path in ("/livez", "/readyz", "/metrics")]
                seen.probes.append((time.monotonic(), live.status_code, ready.status_code, metrics.status_code))
                await asyncio.sleep(0.01)


async def stopped_under_load(here: Site, probes_url: str, after_seconds: float, name: str) -> Seen:
    """Load, a SIGTERM, then a second one and a SIGINT, until the process has ended with 0."""
    seen = Seen()
    load = [asyncio.create_task(post_until_refused(here, seen, f"{name}-{poster}")) for poster in range(POSTERS)]
    load.append(asyncio.create_task(probe_until_refused(probes_url, seen)))

    async def probing() -> bool:
        return bool(seen.probes)

    await until(probing)  # on a busy machine it takes its callers longer to begin than the gateway to drain
    await asyncio.sleep(after_seconds)
    again = asyncio.create_task(_signal_again(here))
    assert await here.gateway.end(signal.SIGTERM) == 0
    over = time.monotonic()
    await asyncio.gather(again, *load)
    assert seen.unanswered == []
    assert {status for status, _ in seen.answers} <= {200, 202}
    check_probes(seen, over)
    return seen


async def _signal_again(here: Site) -> None:
    await asyncio.sleep(0.05)
    here.gateway.send(signal.SIGTERM)
    await asyncio.sleep(0.05)
    here.gateway.send(signal.SIGINT)


def check_probes(seen: Seen, over: float) -> None:
    assert {(live, metrics) for _, live, _, metrics in seen.probes} == {(200, 200)}
    ready = [status for _, _, status, _ in seen.probes]
    first_draining = ready.index(503) if 503 in ready else len(ready)
    assert set(ready[:first_draining]) <= {200}
    assert set(ready[first_draining:]) <= {503}, "once fallen, readiness stays so"
    assert over - seen.probes[-1][0] < 1.0, "metrics are there until the end"


async def arrived(here: Site, count: int) -> None:
    """Wait until the sandbox has received so many calls in all."""

    async def have_arrived() -> bool:
        return len(await here.history()) >= count

    await until(have_arrived)


async def drains(folder: Path, count: int) -> None:
    random = Random(20261122)  # noqa: S311 - the same moments each time, as far as the machine allows
    probes_port, _ = free_ports()
    accepted, fell = dict[str, str](), False
    async with site(folder, {**QUICK, "server.metrics_port": probes_port}) as here:
        bulk = [await submitted(here, system, f"bulk-{system}", 60) for system in ("claimshop", "oracle-ecm")]
        for number in range(count):
            await here.ask_sandbox("PUT", "/switches", json=SLOW if number % 2 else QUICKLY)
            probes_url = f"http://127.0.0.1:{probes_port}"
            seen = await stopped_under_load(here, probes_url, random.uniform(0.05, 1.2), f"D{number}")
            heard = {call["heard"] for call in await here.history()}
            assert heard == {True}, "every answer of an upstream was waited for"
            fell = fell or any(ready == 503 for _, _, ready, _ in seen.probes)
            accepted |= {body["operationId"]: body["results"][0]["case"]["caseNumber"] for _, body in seen.answers}
            await here.start_gateway()
        envelopes = [await ended(here, operation_id) for operation_id in [*bulk, *accepted]]
        history = await here.history()

    assert fell, "no probe saw readiness fall"
    assert {envelope["status"] for envelope in envelopes} == {"succeeded"}
    assert {result["attempts"] for envelope in envelopes for result in envelope["results"]} == {1}
    called = [case for call in history for case in call["cases"]]
    assert len(called) == len(set(called)), "nothing was sent twice"
    assert set(called) >= set(accepted.values())


async def test_sigterm_under_load_loses_nothing_and_leaves_nobody_without_an_answer(tmp_path: Path) -> None:
    """Posts go on while it drains. If the metrics' listener stops with the API's, connections are closed with a request
    on its way, waiting callers are cut off, or a second signal ends the drain, this fails."""
    await drains(tmp_path, SHORT)


@pytest.mark.faults
async def test_so_it_is_at_thirty_moments(tmp_path: Path) -> None:
    await drains(tmp_path, WHOLE)


async def test_a_call_that_outlasts_the_drain_is_given_up_and_resumed_by_the_next_process(tmp_path: Path) -> None:
    """Without a bound the process would stay for as long as the call does."""
    async with site(tmp_path, {**QUICK, "server.drain_seconds": 0.3}) as here:
        await here.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 2.0}})
        operation_id = await submitted(here, "hub-property", "long", 1)
        await arrived(here, 1)
        assert await here.gateway.end(signal.SIGTERM) == 0
        await here.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 0}})
        await here.start_gateway()
        envelope = await ended(here, operation_id)
        history = await here.history()

    assert envelope["status"] == "succeeded"
    assert len({call["requestId"] for call in history}) == 1


@pytest.mark.parametrize("after_seconds", [0.05, 0.2, 0.4, 0.6, 0.8])
async def test_sigterm_while_it_starts_ends_it_with_0(after_seconds: float, tmp_path: Path) -> None:
    """From the moment on at which the command has begun; before that there is only Python itself."""
    async with site(tmp_path, QUICK) as here:
        assert await here.gateway.end(signal.SIGTERM) == 0
        here.gateway.start()
        await asyncio.sleep(after_seconds)
        has_begun = here.gateway.catches(signal.SIGTERM)
        code = await here.gateway.end(signal.SIGTERM)

    assert code == 0 or (code == -signal.SIGTERM and not has_begun)


DEAF = """
import gateway.config, os, signal, weakref
from gateway.cli.main import main

class Thing: pass

def load(*_):
    thing = Thing()
    callback = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGTERM))
    del thing
    os._exit(1)

gateway.config.load = load
main(["serve", "--config", "gateway.yaml"])
"""


def test_sigterm_is_heard_also_where_the_interpreter_passes_over_exceptions(tmp_path: Path) -> None:
    """One of 300 was lost while an exception was what ended the process: it came in a callback of an import."""
    (tmp_path / "gateway.yaml").touch()
    ended = subprocess.run([sys.executable, "-c", DEAF], cwd=tmp_path, check=False, capture_output=True)  # noqa: S603

    assert (ended.returncode, ended.stderr) == (0, b"")


async def test_sigterm_while_the_ledger_cannot_be_written_ends_within_the_drain(tmp_path: Path) -> None:
    """What came back meanwhile could not be recorded: the next process asks again, under the same request id."""
    async with site(tmp_path, {**QUICK, "server.drain_seconds": 1.0}) as here:
        await here.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 0.5}})
        operation_id = await submitted(here, "hub-property", "locked", 2)
        await arrived(here, 2)
        intruder = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        intruder.execute("BEGIN IMMEDIATE")
        try:
            assert await here.gateway.end(signal.SIGTERM) == 0
        finally:
            intruder.execute("ROLLBACK")
            intruder.close()
        await here.start_gateway()
        envelope = await ended(here, operation_id)
        history = await here.history()

    assert envelope["status"] == "succeeded"
    for case in ("locked-0", "locked-1"):
        assert len({call["requestId"] for call in history if case in call["cases"]}) == 1
