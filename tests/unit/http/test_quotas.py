"""Requests a minute of a caller, and the RateLimit fields (draft-ietf-httpapi-ratelimit-headers-11)."""

import re

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.config.settings import Caller
from gateway.http.quotas import Quotas
from gateway.telemetry.events import QuotaExceeded
from tests.clock import ManualClock
from tests.unit.http.api import DELETIONS, DRY_KEY, ONE_CASE, TWO_CASES, Api


def caller(requests_per_minute: int | None) -> Caller:
    return Caller("job", frozenset(), frozenset(), execute=False, requests_per_minute=requests_per_minute)


@pytest.fixture
def api() -> Api:
    """`retention-job` may send three requests a minute."""
    made = Api()
    job = replace(made.settings.callers["retention-job"], requests_per_minute=3)
    made.settings = replace(made.settings, callers={**made.settings.callers, job.name: job})
    return made


def pass_seconds(api: Api, seconds: float) -> None:
    api.clock.instant += round(seconds * 1_000_000)


async def test_over_the_quota_a_request_is_refused_with_when_to_come_back(api: Api, client: httpx2.AsyncClient) -> None:
    statuses = []
    for _ in range(3):
        statuses.append((await client.get("/v1/tenants")).status_code)
        pass_seconds(api, 10)
    refused = await client.get("/v1/tenants")

    assert statuses == [200, 200, 200]
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert refused.headers["Retry-After"] == "30"
    assert refused.headers["RateLimit"] == '"requests";r=0;t=30'
    pass_seconds(api, 30)
    assert (await client.get("/v1/tenants")).status_code == 200
    assert [event.caller for event in api.events if isinstance(event, QuotaExceeded)] == ["retention-job"]


@pytest.mark.usefixtures("api")
async def test_what_is_left_stands_on_every_answer(client: httpx2.AsyncClient) -> None:
    found = await client.get("/v1/tenants")
    missing = await client.get("/v1/tenants/nobody")
    broken = await client.post("/v1/tenants/acme-dk/case-deletions", content=b"{")

    answers = (found, missing, broken)
    assert [answer.status_code for answer in answers] == [200, 404, 415]
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"requests";q=3;w=60'}
    assert [answer.headers["RateLimit"] for answer in answers] == [f'"requests";r={left};t=60' for left in (2, 1, 0)]
    for answer in answers:
        assert re.fullmatch(r'"[a-z]+"(;[a-z]+=[0-9]{1,15})+', answer.headers["RateLimit"]), "a structured field"


async def test_a_quota_is_of_one_caller_alone_and_unknown_callers_have_none(
    api: Api, client: httpx2.AsyncClient
) -> None:
    for _ in range(4):
        last = await client.get("/v1/tenants")
    async with api.client(DRY_KEY) as other, api.client("wrong") as nobody:
        unlimited = [await other.get("/v1/tenants") for _ in range(5)]
        refused = [await nobody.get("/v1/tenants") for _ in range(5)]

    assert last.status_code == 429
    assert {answer.status_code for answer in unlimited} == {200}
    assert {answer.status_code for answer in refused} == {401}
    assert not [answer for answer in (*unlimited, *refused) if "RateLimit" in answer.headers]


@pytest.mark.usefixtures("api")
async def test_probes_take_nothing_of_a_quota(client: httpx2.AsyncClient) -> None:
    for path in ("/livez", "/readyz", "/metrics", "/docs", "/openapi.json") * 3:
        assert (await client.get(path)).status_code == 200

    assert (await client.get("/v1/tenants")).headers["RateLimit"].startswith('"requests";r=2;')


async def test_over_the_quota_of_queued_cases_nothing_is_recorded(api: Api, client: httpx2.AsyncClient) -> None:
    job = replace(api.settings.callers["retention-job"], requests_per_minute=None, max_queued_cases=2)
    api.settings = replace(api.settings, callers={**api.settings.callers, job.name: job})
    headers = {"Prefer": "respond-async"}

    accepted = await client.post(DELETIONS, json=TWO_CASES, headers=headers)
    refused = await client.post(DELETIONS, json=ONE_CASE, headers=headers)
    async with api.client(DRY_KEY) as other:
        others = await other.post(DELETIONS, json={**ONE_CASE, "execute": False}, headers=headers)

    assert (accepted.status_code, others.status_code) == (202, 202)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert int(refused.headers["Retry-After"]) > 0
    assert [(event.caller, event.quota) for event in api.events if isinstance(event, QuotaExceeded)] == [
        ("retention-job", "queued_cases")
    ]
    assert len(api.fake.accepted) == 2


@given(
    limit=st.integers(1, 6),
    gaps=st.lists(st.floats(0, 40, allow_nan=False), max_size=60),
)
def test_no_sixty_seconds_see_more_than_the_quota_and_none_is_wasted(limit: int, gaps: list[float]) -> None:
    clock, granted = ManualClock(), list[float]()
    quotas = Quotas(clock)
    for gap in gaps:
        clock.advance(gap)
        allowance = quotas.take(caller(limit))
        assert allowance is not None
        recent = [instant for instant in granted if instant > clock.monotonic() - 60]
        assert allowance.granted == (len(recent) < limit)
        assert allowance.remaining == limit - min(limit, len(recent) + 1)
        if allowance.granted:
            granted.append(clock.monotonic())


def test_after_the_time_that_it_names_there_is_room() -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    while (found := quotas.take(caller(5))) and found.granted:
        clock.advance(3.3)
    assert found is not None
    clock.advance(found.seconds - 1)
    early = quotas.take(caller(5))
    clock.advance(1)
    due = quotas.take(caller(5))

    assert early is not None
    assert not early.granted
    assert due is not None
    assert due.granted


def test_a_quota_that_is_lowered_holds_at_once_and_one_that_is_lifted_is_forgotten() -> None:
    clock = ManualClock()
    quotas = Quotas(clock)
    for _ in range(10):
        quotas.take(caller(10))
        clock.advance(1)
    lowered = quotas.take(caller(4))

    assert lowered is not None
    assert (lowered.granted, lowered.remaining) == (False, 0)
    clock.advance(lowered.seconds)
    again = quotas.take(caller(4))
    assert again is not None
    assert again.granted
    assert quotas.take(caller(None)) is None
    fresh = quotas.take(caller(1))
    assert fresh is not None
    assert fresh.granted
