"""Traces of real processes, by their environment alone: what one took in, the next one carries out."""

import signal
from pathlib import Path

import pytest

from tests.faults.processes import site, until
from tests.receiver import Receiver

PATH = "/v1/tenants/acme-dk/case-deletions"


async def test_the_work_of_the_next_process_has_a_link_to_the_request_that_the_last_one_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver().serving() as receiver:
        for name, value in (receiver.environ | {"OTEL_SERVICE_NAME": "deletions"}).items():
            monkeypatch.setenv(name, value)
        async with site(tmp_path, {"limits.hub.max_in_flight": 1}) as made:
            await made.ask_sandbox("PUT", "/switches", json={"hub": {"latencySeconds": 0.5}})
            cases = [{"caseNumber": f"CN{n}"} for n in range(3)]
            async with made.caller() as http:
                answer = await http.post(
                    PATH, json={"execute": True, "cases": cases}, headers={"Prefer": "respond-async"}
                )
            assert await made.gateway.end(signal.SIGTERM) == 0

            await made.start_gateway()
            async with made.caller() as http:

                async def ended() -> bool:
                    now = await http.get(answer.json()["links"]["self"])
                    return bool(now.json()["status"] == "succeeded")

                await until(ended)
            assert await made.gateway.end(signal.SIGTERM) == 0
            upstream = {entry["traceparent"][:-3] for entry in await made.history()}

    [request] = receiver.named("POST /v1/tenants/{tenant}/case-deletions")
    calls = receiver.named("call case-deletion")
    assert [call.links for call in calls] == [((request.trace_id, request.id),)] * 3
    assert {receiver.within(call)["DELETE deleteCase"].trace_parent for call in calls} == upstream
    processes = {(one["service.name"], one["service.instance.id"]) for one in receiver.resources}
    assert [name for name, _ in processes] == ["deletions"] * 2
