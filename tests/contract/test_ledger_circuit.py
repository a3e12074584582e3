"""The circuit of a backend (CONTRACT.md section 3, `circuit`): what opens it, what closes it, what it lets through."""

import pytest

from gateway.config.settings import Circuit, Limits
from gateway.ledger.base import Accepted, Again, Pause
from gateway.model.calls import Call
from gateway.model.hours import SECOND
from gateway.model.kinds import CircuitState, Purpose, Status, System
from gateway.model.outcomes import Code
from gateway.telemetry.events import CircuitChanged
from tests.clock import ManualClock
from tests.contract.desk import CIRCUIT, Desk, ecm_case, numbers, values

RETRY = Again("act", 1.0, failure=True)


async def calls(desk: Desk, count: int) -> tuple[Call, ...]:
    """So many calls under way, each for an operation of its own."""
    await desk.accept(*(f"CN{number}" for number in range(count)))
    claim = await desk.claim()
    assert len(claim.calls) == count
    return claim.calls


async def opened(desk: Desk) -> tuple[Call, ...]:
    """The circuit is open; two more calls are under way."""
    first, second, *others = await calls(desk, 4)
    await desk.judge(first, failed=True)
    await desk.judge(second, failed=True)
    return tuple(others)


async def state(desk: Desk) -> CircuitState:
    return (await desk.ledger.queues(["hub"]))["hub"].circuit


@pytest.mark.parametrize(
    ("failed", "opens"),
    [
        ([True, True], True),
        ([True], False),
        ([True, False, False, True], True),
        ([True, False, False, False, True], False),
    ],
    ids=["two", "one", "two_of_four", "two_of_five"],
)
async def test_it_opens_when_so_many_of_the_latest_calls_failed(desk: Desk, failed: list[bool], *, opens: bool) -> None:
    """Fails when successes are not counted, or when the window is longer or shorter than `window_calls`."""
    for call, failure in zip(await calls(desk, len(failed)), failed, strict=True):
        await desk.judge(call, failed=failure)

    assert await state(desk) is (CircuitState.OPEN if opens else CircuitState.CLOSED)


async def test_calls_that_say_nothing_of_the_backend_are_not_counted(desk: Desk) -> None:
    first, *others, last = await calls(desk, 8)
    await desk.judge(first, failed=True)
    for call in others:
        await desk.settle(call)
    await desk.judge(last, failed=True)

    assert await state(desk) is CircuitState.OPEN


async def test_while_it_is_open_nothing_is_granted(desk: Desk) -> None:
    await opened(desk)
    await desk.accept("CN9")
    claim = await desk.claim()

    assert claim.calls == ()
    assert claim.ask_again_at == pytest.approx(claim.now + CIRCUIT.open_seconds * SECOND, abs=SECOND)


async def test_backends_that_share_limits_have_circuits_of_their_own(desk: Desk) -> None:
    await opened(desk)
    await desk.accept("CN9", backend="other")

    assert values(await desk.call(backend="other")) == ["CN9"]


@pytest.mark.parametrize("system", [System.HUB_PROPERTY, System.CLAIMSHOP])
async def test_it_is_tested_by_one_call_that_deletes_nothing(desk: Desk, clock: ManualClock, system: System) -> None:
    """Fails when a deletion is what finds out, or when a second call goes before that one is back."""
    await opened(desk)
    await desk.accept("CN8", "CN9", system=system)
    clock.advance(CIRCUIT.open_seconds)
    assert await state(desk) is CircuitState.HALF_OPEN
    trial = await desk.call()

    assert trial.purpose is Purpose.TRIAL
    assert (await desk.claim()).calls == ()


async def test_ecm_knows_no_dry_run_and_is_tested_by_one_removal(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    await desk.remove(ecm_case("CA1", "A"), ecm_case("CA2", "B"))
    clock.advance(CIRCUIT.open_seconds)

    assert (await desk.call()).purpose is Purpose.EXECUTE
    assert (await desk.claim()).calls == ()


async def test_what_the_trial_meets_says_nothing_of_its_case(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    operation_id = await desk.accept("CN9")
    clock.advance(CIRCUIT.open_seconds)
    trial = await desk.call()
    await desk.judge(trial, failed=True, again=Again("act", 0.0))
    case = await desk.case(operation_id)

    assert (case.outcome.status, case.attempts) == (Status.PENDING, 0)
    assert case.request_id != trial.cases[0].request_id


async def test_a_trial_that_works_closes_it(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    await desk.accept("CN8", "CN9")
    clock.advance(CIRCUIT.open_seconds)
    await desk.judge(await desk.call(), failed=False, again=Again("act", 0.0))
    assert await state(desk) is CircuitState.CLOSED
    claim = await desk.claim()

    assert sorted(values(*claim.calls)) == ["CN8", "CN9"]
    assert {call.purpose for call in claim.calls} == {Purpose.EXECUTE}
    assert [event.state for event in desk.seen.of(CircuitChanged)] == [CircuitState.OPEN, CircuitState.CLOSED]


async def test_once_closed_earlier_failures_count_no_more(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    await desk.accept("CN8", "CN9")
    clock.advance(CIRCUIT.open_seconds)
    await desk.judge(await desk.call(), failed=False, again=Again("act", 0.0))
    clock.advance(1)
    first, _second = (await desk.claim()).calls
    await desk.judge(first, failed=True)

    assert await state(desk) is CircuitState.CLOSED


async def test_a_trial_that_fails_opens_it_again(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    await desk.accept("CN9")
    clock.advance(CIRCUIT.open_seconds)
    await desk.judge(await desk.call(), failed=True, again=Again("act", 0.0))
    claim = await desk.claim()

    assert claim.calls == ()
    assert claim.ask_again_at == claim.now + CIRCUIT.open_seconds * SECOND


async def test_a_case_that_fails_every_trial_keeps_no_other_from_the_next(desk: Desk, clock: ManualClock) -> None:
    """If what was called before always goes first, one case that its upstream cannot stand stops the whole backend."""
    poison, second, *_others = await calls(desk, 4)
    await desk.judge(poison, failed=True, again=RETRY)
    await desk.judge(second, failed=True)
    await desk.accept("single")
    await desk.accept("bulk 1", "bulk 2")
    tested = []
    for _ in range(4):
        clock.advance(CIRCUIT.open_seconds + 1)
        trial = await desk.call()
        tested += values(trial)
        await desk.judge(trial, failed=True, again=Again("act", 0.0))

    assert sorted(tested) == ["CN0", "bulk 1", "bulk 2", "single"]


@pytest.mark.parametrize("failed", [True, False])
async def test_what_was_under_way_when_it_opened_decides_nothing(
    desk: Desk, clock: ManualClock, *, failed: bool
) -> None:
    """Fails when a late answer closes the circuit before the trial, or holds it open longer."""
    late, _other = await opened(desk)
    await desk.accept("CN9")
    clock.advance(CIRCUIT.open_seconds - 1)
    await desk.judge(late, failed=failed)
    assert (await desk.claim()).calls == ()
    clock.advance(1)

    assert (await desk.call()).purpose is Purpose.TRIAL


async def test_a_trial_that_is_lost_is_followed_by_another(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    operation_id = await desk.accept("CN9")
    clock.advance(CIRCUIT.open_seconds)
    await desk.call()
    clock.advance(91)
    (lost,) = [call for call in (await desk.claim()).lost if call.purpose is Purpose.TRIAL]
    await desk.settle(lost, again=Again("act", 0.0), answered=False)

    assert (await desk.call()).purpose is Purpose.TRIAL
    assert (await desk.case(operation_id)).attempts == 0


async def test_it_stays_open_over_a_restart(desk: Desk) -> None:
    await opened(desk)
    await desk.accept("CN9")
    await desk.reopen()

    assert (await desk.claim()).calls == ()


async def test_the_deadline_does_not_run_while_it_is_open(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    clock.advance(CIRCUIT.open_seconds)
    await desk.accept("CN9")
    await desk.judge(await desk.call(), failed=False, again=Again("act", 0.0))
    call = await desk.call()
    await desk.wait_again(call)
    clock.advance(0.5)
    await desk.accept("CN10", "CN11")
    for other in (await desk.claim()).calls:
        await desk.judge(other, failed=True)
    clock.advance(CIRCUIT.open_seconds)
    await desk.judge(await desk.call(), failed=False, again=Again("act", 0.0))

    assert (await desk.call()).cases[0].open_seconds_left == pytest.approx(900, abs=2)


async def test_a_request_that_would_not_wait_is_not_recorded_while_it_is_open(desk: Desk, clock: ManualClock) -> None:
    known = await desk.offer(numbers("CN7"), key="k")
    assert isinstance(known, Accepted)
    await desk.judge((await desk.claim()).calls[0], failed=False)
    await opened(desk)
    refused = await desk.offer(numbers("CN8"), may_wait=False)

    assert not isinstance(refused, Accepted)
    assert await desk.offer(numbers("CN7"), key="k", may_wait=False) == Accepted(known.operation_id, created=False)
    assert isinstance(await desk.offer(numbers("CN8"), may_wait=True), Accepted)
    clock.advance(CIRCUIT.open_seconds)
    assert isinstance(await desk.offer(numbers("CN9"), may_wait=False), Accepted), "somebody has to be the trial"


async def test_a_pause_and_the_limits_hold_for_the_trial_too(desk: Desk, clock: ManualClock) -> None:
    late, _other = await opened(desk)
    await desk.accept("CN9")
    await desk.settle(late, pause=Pause(70, Code.UPSTREAM_THROTTLED))
    clock.advance(CIRCUIT.open_seconds)
    assert (await desk.claim()).calls == ()
    clock.advance(10)
    assert (await desk.claim(limits=Limits("hub", max_in_flight=1))).calls == (), "one call is still under way"

    assert (await desk.call()).purpose is Purpose.TRIAL


async def test_a_cancelled_trial_deletes_nothing_and_ends_its_case(desk: Desk, clock: ManualClock) -> None:
    await opened(desk)
    operation_id = await desk.accept("CN9")
    clock.advance(CIRCUIT.open_seconds)
    trial = await desk.call()
    await desk.ledger.cancel(operation_id)
    await desk.judge(trial, failed=False, again=Again("act", 0.0))

    assert await desk.status(operation_id) is Status.CANCELLED


async def test_one_failure_may_be_enough(desk: Desk) -> None:
    (call,) = await calls(desk, 1)
    await desk.judge(call, failed=True, circuit=Circuit(window_calls=1, failure_ratio=0.01))

    assert await state(desk) is CircuitState.OPEN
