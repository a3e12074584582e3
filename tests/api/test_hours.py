"""Opening hours: a schedule, not an error."""

from datetime import UTC, datetime, timedelta

import pytest

from .configuration import Change
from .conftest import Stacks
from .stack import DELETIONS, numbers


def closed_for(opens_in: timedelta) -> tuple[Change, datetime]:
    """Hours that are closed now, and when they open."""
    opens_at = (datetime.now(UTC) + opens_in).replace(second=0, microsecond=0)
    closes = opens_at + timedelta(hours=1)
    hours = {"open": f"{opens_at:%H:%M}", "close": f"{closes:%H:%M}", "timezone": "UTC"}
    return {"backends.hub-dk.hours": hours}, opens_at


@pytest.mark.parametrize("prefer", [None, "wait=10"])
async def test_a_request_that_would_wait_is_refused_with_the_time_of_opening(
    prefer: str | None, stacks: Stacks
) -> None:
    change, opens_at = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        job = await both.caller()

        answer = await job.delete("acme-dk", "CN1", prefer=prefer)

        assert (answer.status_code, answer.json()["code"]) == (503, "outside_opening_hours")
        assert answer.headers["Content-Type"] == "application/problem+json"
        wait = (opens_at - datetime.now(UTC)).total_seconds()
        assert wait - 5 < int(answer.headers["Retry-After"]) < wait + 5
        assert await job.pages("/v1/operations") == [[]]
        assert await both.upstreams.history() == []


async def test_respond_async_schedules_it_for_the_opening(stacks: Stacks) -> None:
    change, opens_at = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        job = await both.caller()

        answer = await job.delete("acme-dk", "CN1", prefer="respond-async")

        envelope = answer.json()
        assert (answer.status_code, envelope["status"]) == (202, "scheduled")
        assert datetime.fromisoformat(envelope["notBefore"]) == opens_at
        assert (envelope["startedAt"], envelope["results"][0]["attempts"]) == (None, 0)
        wait = (opens_at - datetime.now(UTC)).total_seconds()
        assert wait - 5 < int(answer.headers["Retry-After"]) < wait + 5
        (page,) = await job.pages("/v1/operations", status="scheduled")
        assert [item["operationId"] for item in page] == [envelope["operationId"]]
        assert await both.upstreams.history() == [], "not so much as a token is asked for"


async def test_a_scheduled_operation_is_cancelled_unsent(stacks: Stacks) -> None:
    change, _ = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        job = await both.caller()
        operation_id = await job.accepted("acme-dk", DELETIONS, numbers("CN1"))

        answer = await job.cancel(operation_id)

        assert (answer.json()["status"], answer.json()["notBefore"]) == ("cancelled", None)
        assert await both.upstreams.history() == []


async def test_a_scheduled_operation_survives_a_restart_into_open_hours(stacks: Stacks) -> None:
    change, _ = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        operation_id = await (await both.caller()).accepted("acme-dk", DELETIONS, numbers("CN1"))
        await both.stop()
        both.tree["backends"]["hub-dk"]["hours"] = None
        await both.start()

        envelope = await (await both.caller()).ended(operation_id)

        assert (envelope["status"], envelope["notBefore"]) == ("succeeded", None)
        assert len(await both.upstreams.business()) == 1


async def test_the_other_backends_stay_open(stacks: Stacks) -> None:
    change, _ = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        assert (await (await both.caller()).delete("acme-no", "CN1")).status_code == 200


async def test_a_tenant_shows_when_its_backend_opens(stacks: Stacks) -> None:
    change, opens_at = closed_for(timedelta(hours=3))
    async with stacks(change) as both:
        job = await both.caller()
        await job.accepted("acme-dk", DELETIONS, numbers("CN1", "CN2"))

        tenant = (await job.http.get("/v1/tenants/acme-dk")).json()

        hub, ecm = tenant["backends"]
        assert (hub["open"], datetime.fromisoformat(hub["opensAt"]), hub["casesQueued"]) == (False, opens_at, 2)
        assert (ecm["open"], ecm["opensAt"], ecm["hours"]) == (True, None, None)


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_an_upstreams_own_closing_schedules_what_waits_and_its_word_is_kept(form: str, stacks: Stacks) -> None:
    async with stacks() as both:
        up, job = both.upstreams, await both.caller()
        await up.switch(hub={"hours": "closed", "closedRetryAfter": form}, forcedClosedSeconds=2)

        answer = await job.delete("acme-dk", "CN1", prefer="wait=1")
        await up.switch(hub={"hours": "open"})

        envelope = answer.json()
        assert (answer.status_code, envelope["status"]) == (202, "scheduled")
        assert (await job.ended(envelope["operationId"]))["status"] == "succeeded"
        first, second = await up.business()
        assert (first["answered"], second["answered"]) == (503, 200)
        assert second["receivedAt"] - first["answeredAt"] >= (2 if form == "seconds" else 1)
        not_before = datetime.fromisoformat(envelope["notBefore"]).timestamp()
        assert abs(not_before - second["receivedAt"]) < 1
