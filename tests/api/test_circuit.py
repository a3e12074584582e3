"""A backend that fails is left alone, and taken up again by a call that deletes nothing."""

from .conftest import Stacks
from .stack import DELETIONS, numbers

CIRCUIT = {"circuit.window_calls": 2, "circuit.failure_ratio": 1.0, "circuit.open_seconds": 1.5}


async def test_a_failing_upstream_is_left_alone_and_taken_up_again_by_itself(stacks: Stacks) -> None:
    """Fails when waiting work is sent while the circuit is open, or when a deletion is what tests it."""
    async with stacks(CIRCUIT | {"retry.max_attempts": 2}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"fault": {"like": "STATUS-500"}})
        failed = await job.delete("acme-dk", "CN1")
        assert (failed.status_code, failed.json()["results"][0]["attempts"]) == (502, 2)

        refused = await job.delete("acme-dk", "CN2")
        assert (refused.status_code, refused.json()["code"]) == (503, "circuit_open")
        assert 1 <= int(refused.headers["Retry-After"]) <= 2
        waiting = await job.accepted("acme-dk", DELETIONS, numbers("CN3"))
        assert 'gateway_circuit_state{backend="hub-dk"} 2.0' in (await job.http.get("/metrics")).text
        assert (await job.delete("acme-no", "CN2")).status_code == 200, "other backends go on"

        await up.switch(hub={"fault": None})
        assert (await job.ended(waiting))["status"] == "succeeded"
        calls = [(call["cases"][0], call["execute"]) for call in await up.history(system="hub-property")]
        assert calls == [("CN1", True), ("CN1", True), ("CN3", False), ("CN3", True)]
        assert 'gateway_circuit_state{backend="hub-dk"} 0.0' in (await job.http.get("/metrics")).text


async def test_a_trial_that_finds_no_case_says_so_only_after_the_deletion_was_asked_for(stacks: Stacks) -> None:
    async with stacks(CIRCUIT | {"retry.max_attempts": 2, "circuit.open_seconds": 0.3}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"fault": {"like": "STATUS-500", "calls": 2}})
        await job.delete("acme-dk", "CN1")

        result = (await job.ended(await job.accepted("acme-dk", DELETIONS, numbers("NOTFOUND-1"))))["results"][0]

        assert (result["status"], result["errors"][0]["code"], result["attempts"]) == ("failed", "case_not_found", 1)
        calls = await up.calls("NOTFOUND-1")
        assert [call["execute"] for call in calls] == [False, True]
        assert len({call["requestId"] for call in calls}) == 2
