"""The gateway is killed at random moments, or told to stop, while it works (CONTRACT.md section 2, 1, 2, 3 and 7)."""

import asyncio
import signal
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Any

import httpx2

from tests.api.configuration import Change

from .processes import Site, site, until

KILLS = 5
WORK: dict[str, tuple[str, int]] = {
    "hub-property": ("/v1/tenants/acme-dk/case-deletions", 120),
    "claimshop": ("/v1/tenants/acme-no/case-deletions", 60),
    "oracle-ecm": ("/v1/tenants/acme-dk/customer-removals", 150),
}
"""Where the bulk operation of each system is sent, and how many cases it has."""
QUICK: Change = {
    "retry.max_attempts": 20,
    "retry.deadline_seconds": 60,
    "limits.ecm.max_in_flight": 8,
    **{f"backends.{name}.timeout_seconds": 1.0 for name in ("hub-dk", "claimshop-dk", "ecm")},
    **{f"backends.{name}.linger_seconds": 0.2 for name in ("hub-dk", "claimshop-dk", "ecm")},
}
LATENCY = {system: {"latencySeconds": 0.08} for system in ("hub", "claimshop", "ecm")}
CAPS = {"hub-property": 5, "claimshop": 3, "oracle-ecm": 8}

Json = dict[str, Any]


async def test_after_kills_at_random_moments_every_operation_ends_and_nothing_is_blindly_repeated(
    tmp_path: Path,
) -> None:
    random = Random(20261121)  # noqa: S311 - the same moments each time, as far as the machine allows
    async with site(tmp_path, QUICK) as here:
        await here.ask_sandbox("PUT", "/switches", json=LATENCY)
        operations = {
            system: await submitted(here, system, f"bulk-{system}", count) for system, (_, count) in WORK.items()
        }
        singles = asyncio.create_task(persistent_caller(here, 12))
        for _ in range(KILLS):
            await more_calls(here, random.randint(4, 30))
            await asyncio.sleep(random.uniform(0, 0.08))
            assert await here.gateway.end(signal.SIGKILL) == -signal.SIGKILL
            await here.start_gateway()

        envelopes = {system: await ended(here, operation_id) for system, operation_id in operations.items()}
        single_ids = await singles
        for operation_id in single_ids:
            assert (await ended(here, operation_id))["status"] == "succeeded"
        history = await here.history()
        peaks = (await here.ask_sandbox("GET", "/history/summary"))["peakSimultaneous"]
        listed = await pages(here, "/v1/operations")

    assert {operation["operationId"] for operation in listed} == {*operations.values(), *single_ids}
    assert len(single_ids) == 12
    check_repetitions(history)
    for system, envelope in envelopes.items():
        assert peaks[system] <= CAPS[system]
        check_results(system, envelope, history)
    assert envelopes["hub-property"]["summary"]["succeeded"] == WORK["hub-property"][1], "Hub can always be settled"


async def test_what_a_crash_left_unknown_on_claimshop_is_settled_by_a_retry(tmp_path: Path) -> None:
    async with site(tmp_path, QUICK) as here:
        await here.ask_sandbox("PUT", "/switches", json={"claimshop": {"latencySeconds": 0.3}})
        operation_id = await submitted(here, "claimshop", "k", 6)
        await more_calls(here, 3)
        await here.gateway.end(signal.SIGKILL)
        await here.start_gateway()
        crashed = await ended(here, operation_id)
        async with here.caller() as http:
            await http.post(f"/v1/operations/{operation_id}/retry")
        settled = await ended(here, operation_id)
        history = await here.history()

    assert crashed["summary"]["unknown"] == 3
    assert crashed["summary"]["succeeded"] == 3
    assert settled["status"] == "succeeded"
    probed = [result for result in settled["results"] if result["evidence"] == "inferred"]
    assert [(result["found"], result["deleted"]) for result in probed] == [(False, None)] * 3
    assert [call["execute"] for call in history].count(False) == 3
    check_repetitions(history)


async def test_sigterm_under_load_ends_with_0_and_the_next_process_goes_on(tmp_path: Path) -> None:
    async with site(tmp_path, QUICK) as here:
        await here.ask_sandbox("PUT", "/switches", json=LATENCY)
        operations = {system: await submitted(here, system, f"bulk-{system}", 40) for system in WORK}
        for _ in range(2):
            await more_calls(here, 15)
            assert await here.gateway.end(signal.SIGTERM) == 0
            before = await here.history()
            assert {call["heard"] for call in before} == {True}, "every answer was waited for"
            await here.start_gateway()

        envelopes = [await ended(here, operation_id) for operation_id in operations.values()]
        history = await here.history()

    assert [envelope["status"] for envelope in envelopes] == ["succeeded"] * 3
    assert {result["attempts"] for envelope in envelopes for result in envelope["results"]} == {1}
    assert len(history) == 120
    assert [call["violations"] for call in history] == [[]] * 120


async def submitted(here: Site, system: str, key: str, count: int) -> str:
    """The id of an operation of `count` cases, whose request is repeated until it is answered."""
    path, cases = WORK[system][0], [case_of(system, f"{key}-{number}") for number in range(count)]
    headers = {"Prefer": "respond-async", "Idempotency-Key": key}
    async with here.caller() as http:
        while True:
            try:
                answer = await http.post(path, json={"execute": True, "cases": cases}, headers=headers)
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
                continue
            assert answer.status_code in {200, 202}, answer.text
            return str(answer.json()["operationId"])


def case_of(system: str, name: str) -> Json:
    if system == "oracle-ecm":
        return {"caseId": name, "customers": [{"customerId": "C1"}, {"customerId": "C2"}]}
    return {"caseNumber": name}


async def persistent_caller(here: Site, count: int) -> list[str]:
    """One Hub deletion after the other, while the gateway comes and goes."""
    ids = []
    for number in range(count):
        ids.append(await submitted(here, "hub-property", f"single-{number}", 1))
        await asyncio.sleep(0.2)
    return ids


async def more_calls(here: Site, count: int) -> None:
    """Wait until the sandbox has received so many calls more."""
    before = len(await here.history())

    async def arrived() -> bool:
        return len(await here.history()) >= before + count

    await until(arrived)


async def ended(here: Site, operation_id: str) -> Json:
    """The envelope once every case has ended."""
    envelope: Json = {}
    async with here.caller() as http:

        async def has_ended() -> bool:
            envelope.update((await http.get(f"/v1/operations/{operation_id}")).json())
            return envelope["status"] not in {"running", "scheduled"}

        await until(has_ended)
    return envelope


async def pages(here: Site, path: str) -> list[Json]:
    async with here.caller() as http:
        page = (await http.get(path, params={"limit": 1000})).json()
    assert page["nextCursor"] is None
    items: list[Json] = page["items"]
    return items


def by_case(history: list[Json], system: str) -> dict[str, list[Json]]:
    calls: dict[str, list[Json]] = defaultdict(list)
    for call in history:
        for case in call["cases"] if call["system"] == system else ():
            calls[case].append(call)
    return calls


def check_repetitions(history: list[Json]) -> None:
    """By the upstreams' own record: no case twice at once, none under two ids, none repeated that cannot be."""
    assert {violation for call in history for violation in call["violations"]} == set()
    for case, calls in by_case(history, "hub-property").items():
        assert len({call["requestId"] for call in calls}) == 1, case
    for system in ("claimshop", "oracle-ecm"):
        for case, calls in by_case(history, system).items():
            assert len([call for call in calls if call["execute"] is not False]) == 1, case


def check_results(system: str, envelope: Json, history: list[Json]) -> None:
    """What callers are told is what the upstream did."""
    calls = by_case(history, system)
    for result in envelope["results"]:
        name = next(iter(result["case"].values()))
        done = [call for call in calls[name] if call["done"] in {"deleted", "removed"}]
        assert len(done) <= 1
        assert result["status"] in {"succeeded", "unknown"}, result
        if result["status"] == "succeeded":
            assert len(done) == 1, result
        assert result["attempts"] >= len(calls[name])
        if result["evidence"] == "inferred":
            assert calls[name][-1]["answered"] == 404
