"""What is taken in at once has a bound, and what is over it is refused without harm to what is inside."""

from contextlib import ExitStack

import pytest

from gateway.http import views
from gateway.http.intake import LARGE_AT_ONCE, LARGE_IN_LINE, MOST_REQUESTS, Intake, is_large
from gateway.http.problems import Problem, Refusal
from tests.unit.http.api import AUTH, DELETIONS, ONE_CASE, Api


async def test_requests_over_the_bound_are_refused_until_one_has_ended() -> None:
    intake = Intake()
    with ExitStack() as under_way:
        for _ in range(MOST_REQUESTS):
            under_way.enter_context(intake.request())
        with pytest.raises(Problem) as refused, intake.request():
            raise AssertionError
        assert refused.value.refusal is Refusal.OVERLOADED
        assert refused.value.headers == {"Retry-After": "1"}
    with intake.request():
        pass


async def test_large_bodies_have_a_bound_of_their_own() -> None:
    intake = Intake()
    with ExitStack() as under_way:
        for _ in range(LARGE_AT_ONCE + LARGE_IN_LINE):
            under_way.enter_context(intake.large_body())
        with pytest.raises(Problem), intake.large_body():
            raise AssertionError
        with intake.request():
            pass
    with intake.large_body():
        pass


@pytest.mark.parametrize(
    ("length", "large"),
    [(b"0", False), (b"65536", False), (b"65537", True), (b"99999999999999", True), (b"x", True), (None, True)],
)
def test_a_body_of_unknown_length_counts_as_large(length: bytes | None, *, large: bool) -> None:
    headers = [] if length is None else [(b"content-length", length)]
    assert is_large(headers) is large


async def test_a_full_house_still_answers_probes(api: Api) -> None:
    async with api.client() as client:
        with ExitStack() as under_way:
            for _ in range(MOST_REQUESTS):
                under_way.enter_context(api.intake.request())
            refused = await client.get("/v1/tenants")
            probes = [await client.get(path) for path in ("/livez", "/readyz", "/metrics")]

    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert [probe.status_code for probe in probes] == [200, 200, 200]


async def test_callers_over_the_bound_are_answered_without_a_wait(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_WAITING", 0)
    api.clock.patient = True
    async with api.client() as client:
        answer = await client.post(DELETIONS, json=ONE_CASE, headers={**AUTH, "Prefer": "wait=300"})

    assert answer.status_code == 202


async def test_who_is_asked_to_leave_is_told_so_with_every_answer(api: Api) -> None:
    async with api.client() as client:
        before = await client.get("/v1/tenants")
        api.drain.begin()
        after = await client.get("/v1/tenants")

    assert (before.headers.get("Connection"), after.headers.get("Connection")) == (None, "close")
