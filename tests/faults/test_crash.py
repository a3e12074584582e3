"""The gateway is killed, or told to stop, while it works (CONTRACT.md section 2, 2 and 7); `test_kills` does more."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx2

from tests.api.configuration import Change

from .processes import Site, site, until

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

Json = dict[str, Any]


async def test_what_a_crash_left_unknown_on_claimshop_is_found_out_by_a_dry_run(tmp_path: Path) -> None:
    """If a lost call counts as never sent, no dry run comes, and every deletion is sent a second time."""
    async with site(tmp_path, QUICK) as here:
        await here.ask_sandbox("PUT", "/switches", json={"claimshop": {"latencySeconds": 0.3}})
        operation_id = await submitted(here, "claimshop", "k", 6)
        await more_calls(here, 3)
        await here.gateway.end(signal.SIGKILL)
        await here.start_gateway()
        settled = await ended(here, operation_id)
        history = await here.history()

    assert settled["status"] == "succeeded"
    probed = [result for result in settled["results"] if result["evidence"] == "inferred"]
    assert [(result["found"], result["deleted"]) for result in probed] == [(False, None)] * 3
    assert [call["execute"] for call in history].count(False) == 3
    assert {call["cases"][0] for call in history if call["execute"]} == {f"k-{number}" for number in range(6)}
    assert len(history) == 6 + 3


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
