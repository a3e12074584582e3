"""The limits, as the upstreams see them."""

import asyncio
from random import Random

from .configuration import Change
from .conftest import Stacks
from .stack import DELETIONS, numbers

TEN_A_SECOND: Change = {"limits.hub": {"per_second": 10, "per_minute": None, "max_in_flight": 5}}


async def test_no_429_is_caused_and_the_pace_is_used(stacks: Stacks) -> None:
    async with stacks(TEN_A_SECOND) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"perSecond": 10})

        answer = await job.delete("acme-dk", *(f"CN{i}" for i in range(22)))

        assert answer.status_code == 200
        calls = await up.business()
        assert {(call["answered"], *call["violations"]) for call in calls} == {(200,)}
        assert calls[-1]["receivedAt"] - calls[0]["receivedAt"] < 4  # at half the pace it is 4.2 s


async def test_single_deletions_start_within_three_turns_of_another_tenants_bulk(stacks: Stacks) -> None:
    """Whenever they arrive; some of the bulk is due again meanwhile, and bulk goes on all the time."""
    random = Random(20261122)  # noqa: S311 - the same moments each time, as far as the machine allows
    async with stacks(TEN_A_SECOND) as both:
        up, job = both.upstreams, await both.caller()
        cases = numbers(*(f"ERROR500-{i}" if i % 5 == 0 else f"CN{i}" for i in range(120)))
        bulk = await job.accepted("acme-dk", DELETIONS, cases)
        for number in range(10):
            await up.arrived(len(await up.business()) + random.randint(1, 4))
            await asyncio.sleep(random.uniform(0, 0.1))
            before = len(await up.business())

            answer = await job.delete("acme-hub-only", f"SINGLE-{number}")

            assert answer.status_code == 200
            names = [call["cases"][0] for call in await up.business()]
            assert names.index(f"SINGLE-{number}") - before <= 3
            assert names.count(f"SINGLE-{number}") == 1
        singles = [number for number, name in enumerate(names) if name.startswith("SINGLE")]
        assert len(names) - len(singles) > 2 * len(singles)
        assert {violation for call in await up.business() for violation in call["violations"]} == set()
        await job.cancel(bulk)


async def test_backends_that_share_a_group_share_its_cap_and_its_locks(stacks: Stacks) -> None:
    other = {"system": "hub-property", "credentials": "scalepoint", "limits": "hub", "hours": None}
    async with stacks({"limits.hub.max_in_flight": 3}) as both:
        await both.stop()
        both.tree["backends"]["hub-no"] = {**other, "base_url": f"{both.sandbox.url}/ecx"}
        both.tree["tenants"]["acme-no"]["cases"] = {"backend": "hub-no", "tenant": "acme"}
        await both.start()
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"latencySeconds": 0.1})
        cases = [f"CN{i}" for i in range(8)]

        one, two = await asyncio.gather(job.delete("acme-dk", *cases), job.delete("acme-no", *cases))

        summary = await up.summary()
        assert summary["peakSimultaneous"]["hub-property"] == 3
        assert "same_case_at_once" not in summary["violations"]
        assert one.json()["summary"]["succeeded"] + two.json()["summary"]["succeeded"] == 8


async def test_a_throttled_backend_is_left_alone_for_as_long_as_it_asks(stacks: Stacks) -> None:
    async with stacks({"limits.hub.max_in_flight": 1}) as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"throttleRetryAfterSeconds": 1})

        answer = await job.delete("acme-dk", "THROTTLED-1", "CN1", "CN2")

        assert answer.status_code == 200
        first, *later = await up.business()
        assert first["answered"] == 429
        assert min(call["receivedAt"] for call in later) - first["answeredAt"] >= 1
        assert len(later) == 3
