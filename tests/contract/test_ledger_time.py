"""The ledger's time goes on whatever becomes of the machine's clock (ARCHITECTURE.md, "One idea")."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.ledger.postgres_session import STEP_MICROSECONDS
from gateway.model.hours import SECOND
from tests.clock import ManualClock
from tests.contract.desk import Desk

STEPS = st.lists(
    st.tuples(st.sampled_from(["advance", "jump", "reopen"]), st.floats(-7_200, 7_200, allow_nan=False)), max_size=12
)


async def test_it_is_the_wall_clocks_time(desk: Desk, clock: ManualClock) -> None:
    clock.advance(10)

    assert desk.ledger.now() == pytest.approx(clock.now(), abs=1)


@pytest.mark.parametrize("seconds", [-3_600, -0.001])
async def test_a_step_back_does_not_take_it_back_nor_stop_it(desk: Desk, clock: ManualClock, seconds: float) -> None:
    before = desk.ledger.now()
    clock.jump(seconds)
    stepped = desk.ledger.now()
    clock.advance(5)

    assert before == stepped
    assert desk.ledger.now() == before + 5 * SECOND


async def test_it_catches_up_with_a_clock_that_was_behind(desk: Desk, clock: ManualClock) -> None:
    clock.jump(-3_600)
    clock.advance(1)
    clock.jump(7_200)
    await desk.ledger.check()

    assert desk.ledger.now() == pytest.approx(clock.now(), abs=1)


async def test_after_a_restart_it_goes_on_behind_what_was_recorded(desk: Desk, clock: ManualClock) -> None:
    await desk.accept("CN1")
    granted_at = (await desk.call()).granted_at
    clock.jump(-3_600)
    await desk.reopen()

    assert desk.ledger.now() > granted_at
    clock.advance(2)
    assert desk.ledger.now() == pytest.approx(granted_at + 2 * SECOND, abs=1_000)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
async def test_it_never_goes_back(desk: Desk, steps: list[tuple[str, float]]) -> None:
    last, passed = 0, 0.0
    for step, seconds in steps:
        if step == "reopen":
            await desk.ledger.check()
            await desk.reopen()
            # A process that begins does not know by how little a server's clock may have been behind the last one's.
            last -= STEP_MICROSECONDS + round(passed * SECOND / 1_000)
        elif step == "advance":
            desk.clock.advance(abs(seconds))
            passed += abs(seconds)
        else:
            desk.clock.jump(seconds)
        assert desk.ledger.now() >= last
        last = desk.ledger.now()
