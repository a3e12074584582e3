"""The retry budget of a backend: at most `retry.budget_ratio` more traffic while the upstream fails."""

import pytest

from gateway.config.settings import Circuit, Retry
from gateway.ledger.base import Again, CallSettlement, CaseSettlement, Verdict
from gateway.ledger.budget import CAPACITY
from gateway.model.outcomes import Code
from tests.clock import ManualClock
from tests.contract.desk import THROTTLED, Desk, values

RETRY = Retry(max_attempts=1_000, budget_ratio=0.1, backoff_max_seconds=60)
AGAIN = Again("act", 0.5, failure=True)
NEVER = Circuit(window_calls=100_000)


async def first_and_further(desk: Desk, clock: ManualClock, cases: int, seconds: int) -> tuple[int, int]:
    """Every call fails: how many were a case's first, and how many came after those, with ten first calls a second."""
    await desk.accept(*(f"CN{number}" for number in range(cases)))
    seen: set[str] = set()
    further = 0
    for _ in range(seconds):
        clock.advance(1)
        claim = await desk.claim(slots=10, retry=RETRY)
        for call in claim.calls:
            (name,) = values(call)
            further += name in seen
            seen.add(name)
            await desk.judge(call, failed=True, again=AGAIN, circuit=NEVER)
    return len(seen), further


async def test_a_total_outage_is_met_with_a_tenth_more_calls_at_most(desk: Desk, clock: ManualClock) -> None:
    """Fails when retries are not charged: then they take every turn, and first calls hardly get any."""
    first, further = await first_and_further(desk, clock, 300, 40)

    assert first == 300
    assert CAPACITY <= further <= CAPACITY + 0.1 * first + 1


async def test_a_single_case_may_be_retried_without_first_calls_before_it(desk: Desk, clock: ManualClock) -> None:
    await desk.accept("CN1")
    for _ in range(int(CAPACITY)):
        await desk.judge((await desk.claim(retry=RETRY)).calls[0], failed=True, again=AGAIN, circuit=NEVER)
        clock.advance(1)

    assert len((await desk.claim(retry=RETRY)).calls) == 1


async def spent(desk: Desk, clock: ManualClock) -> None:
    """Twelve cases wait for a retry, and there is no token left."""
    await desk.accept(*(f"CN{number}" for number in range(12)))
    for call in (await desk.claim(retry=RETRY)).calls:
        await desk.judge(call, failed=True, again=AGAIN, circuit=NEVER)
    while True:
        clock.advance(1)
        claim = await desk.claim(retry=RETRY)
        if not claim.calls:
            return
        for call in claim.calls:
            await desk.judge(call, failed=True, again=AGAIN, circuit=NEVER)


async def test_without_a_token_retries_wait_until_the_backend_has_been_left_alone(
    desk: Desk, clock: ManualClock
) -> None:
    """Fails when a case whose retry has no token is forgotten, or ends."""
    await spent(desk, clock)
    claim = await desk.claim(retry=RETRY)
    assert claim.calls == ()
    assert claim.ask_again_at is not None
    await desk.wait_until(claim.ask_again_at - 1)
    assert (await desk.claim(retry=RETRY)).calls == ()
    clock.advance(0.001)

    assert len((await desk.claim(retry=RETRY)).calls) == 1


async def test_a_retry_that_works_brings_its_token_back(desk: Desk, clock: ManualClock) -> None:
    """Fails when an upstream that works again is still met with one retry a minute."""
    await spent(desk, clock)
    clock.advance(60)
    done = 0
    while calls := (await desk.claim(retry=RETRY)).calls:
        assert len(calls) == 1
        await desk.judge(calls[0], failed=False)
        done += 1

    assert done == 12


async def test_first_calls_are_never_held_back(desk: Desk, clock: ManualClock) -> None:
    await spent(desk, clock)
    await desk.accept("NEW")

    assert values(*(await desk.claim(retry=RETRY)).calls) == ["NEW"]


@pytest.mark.parametrize("code", [Code.UPSTREAM_THROTTLED, Code.CASE_LOCKED, Code.DELETION_IN_PROGRESS])
async def test_what_is_the_cases_own_matter_is_not_charged(desk: Desk, clock: ManualClock, code: Code) -> None:
    await spent(desk, clock)
    await desk.accept("BUSY")
    call = await desk.call(retry=RETRY)
    turned_away = CaseSettlement(0, THROTTLED, Again("act", 1.0), met=code)
    await desk.ledger.settle(CallSettlement(call, True, True, "429", (turned_away,), verdict=Verdict(False, NEVER)))
    clock.advance(1)

    assert values(*(await desk.claim(retry=RETRY)).calls) == ["BUSY"]


async def test_the_budget_outlives_a_restart(desk: Desk, clock: ManualClock) -> None:
    await spent(desk, clock)
    await desk.reopen()

    assert (await desk.claim(retry=RETRY)).calls == ()
