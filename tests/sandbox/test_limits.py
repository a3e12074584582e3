from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest

from gateway.sandbox.clock import ManualClock
from gateway.sandbox.rates import CapGate, RateGate, RateWindow

from .upstreams import Upstreams, by_number

DAY = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_sliding_window_counts_the_seconds_before_each_call() -> None:
    gate = RateGate(RateWindow(2, 1))
    assert [gate.enter(now) for now in (10.0, 10.9, 10.99, 11.0, 11.5, 11.9)] == [True, True, False, True, False, True]


def test_a_fixed_window_starts_anew_with_each_whole_second() -> None:
    gate = RateGate(RateWindow(2, 1, "fixed"))
    assert [gate.enter(now) for now in (10.8, 10.9, 10.99, 11.0, 11.1, 11.2)] == [True, True, False, True, True, False]


def test_refused_calls_count_only_if_so_switched() -> None:
    lenient, severe = RateGate(RateWindow(1, 1)), RateGate(RateWindow(1, 1), refused_count=True)
    times = (10.0, 10.5, 11.2)
    assert [lenient.enter(now) for now in times] == [True, False, True]
    assert [severe.enter(now) for now in times] == [True, False, False]


def test_a_call_refused_by_one_window_is_not_counted_by_the_other() -> None:
    gate = RateGate(RateWindow(1, 1), RateWindow(2, 60))
    assert [gate.enter(now) for now in (0.0, 0.1, 1.0, 2.0)] == [True, False, True, False]


def test_setting_the_clock_back_empties_a_window() -> None:
    gate = RateGate(RateWindow(1, 60))
    assert [gate.enter(now) for now in (1000.0, 500.0)] == [True, True]


def test_no_limit_never_refuses_and_zero_always_does() -> None:
    assert all(RateGate(RateWindow(None, 1)).enter(0) for _ in range(1000))
    assert not RateGate(RateWindow(0, 1)).enter(0)
    assert CapGate(None).enter(0)
    assert not CapGate(0).enter(0)


async def test_hub_allows_five_calls_a_second(up: Upstreams, clock: ManualClock) -> None:
    await up.switch(hub={"perSecond": 5, "perMinute": 100})
    statuses = [(await up.hub(by_number(f"CN{i}"))).status_code for i in range(6)]
    assert statuses == [200] * 5 + [429]
    assert (await up.last())["violations"] == ["rate_exceeded"]
    clock.advance(1)
    assert (await up.hub(by_number("CN9"))).status_code == 200


async def test_hub_allows_a_hundred_calls_a_minute(up: Upstreams, clock: ManualClock) -> None:
    await up.switch(hub={"perSecond": 5, "perMinute": 100})
    for i in range(100):
        assert (await up.hub(by_number(f"CN{i}"))).status_code == 200
        clock.advance(0.25)
    assert (await up.hub(by_number("CN100"))).status_code == 429
    clock.advance(35)
    assert (await up.hub(by_number("CN100"))).status_code == 200


async def test_every_call_counts_whatever_it_asks(up: Upstreams) -> None:
    await up.switch(hub={"perSecond": 2})
    assert (await up.hub({})).status_code == 400
    assert (await up.hub(by_number("CN1", execute=False))).status_code == 200
    assert (await up.hub(by_number("CN1"))).status_code == 429


@pytest.mark.parametrize(("switch", "expected"), [(None, None), (3, "3")])
async def test_a_throttled_answer_has_a_retry_after_only_if_so_switched(
    up: Upstreams, switch: int | None, expected: str | None
) -> None:
    await up.switch(hub={"perSecond": 0, "throttleRetryAfterSeconds": switch})
    answer = await up.hub(by_number("CN1"))
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, expected)
    assert answer.json()["deleted"] is False


@pytest.mark.parametrize(
    ("hour", "minute", "is_open"), [(7, 59, True), (8, 0, False), (15, 59, False), (16, 0, True), (0, 0, True)]
)
@pytest.mark.parametrize("system", ["hub-property", "claimshop"])
async def test_the_documented_hours_are_sixteen_to_eight(
    up: Upstreams, clock: ManualClock, system: str, hour: int, minute: int, is_open: bool
) -> None:
    await up.delete(system, "CN0")
    _set(clock, hour, minute)
    await up.switch(token={"lifetimeSeconds": 86_400})
    up._token = None
    answer = await up.delete(system, "CN1")
    assert answer.status_code == (200 if is_open else 503)


async def test_hub_says_when_it_opens_in_seconds(up: Upstreams, clock: ManualClock) -> None:
    _set(clock, 15, 30)
    answer = await up.hub(by_number("CN1"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1800")
    assert (await up.last())["violations"] == ["closed_hours"]


async def test_hub_says_when_it_opens_as_a_date_if_so_switched(up: Upstreams, clock: ManualClock) -> None:
    await up.switch(hub={"closedRetryAfter": "date"})
    _set(clock, 15, 30)
    answer = await up.hub(by_number("CN1"))
    assert parsedate_to_datetime(answer.headers["retry-after"]) == DAY.replace(hour=16)


async def test_claimshop_names_its_hours_and_promises_no_retry_after(up: Upstreams, clock: ManualClock) -> None:
    _set(clock, 9, 0)
    answer = await up.claimshop(by_number("CN1"))
    assert answer.status_code == 503
    assert "16:00 to 08:00 UTC" in answer.json()["errors"][0]
    assert "retry-after" not in answer.headers


async def test_hours_can_be_switched_open_and_closed(up: Upstreams, clock: ManualClock) -> None:
    await up.switch(hub={"hours": "closed"}, forcedClosedSeconds=7)
    answer = await up.hub(by_number("CN1"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    _set(clock, 12, 0)
    await up.switch(hub={"hours": "open"})
    assert (await up.hub(by_number("CN1"))).status_code == 200


async def test_the_clock_offset_moves_the_hours(up: Upstreams) -> None:
    await up.hub(by_number("CN0"))
    await up.switch(clockOffsetSeconds=-8 * 3600)
    assert (await up.hub(by_number("CN1"))).status_code == 503


def _set(clock: ManualClock, hour: int, minute: int) -> None:
    clock.advance(DAY.replace(hour=hour, minute=minute).timestamp() - clock.now())
