import pytest

from gateway.config.settings import Retry
from gateway.dispatch.health import Health
from gateway.ledger.base import Pause
from gateway.model.calls import Call, GrantedCase
from gateway.model.cases import Identifier
from gateway.model.kinds import IdentifierType, Kind, Purpose
from gateway.model.outcomes import Code

RETRY = Retry()
CASE = GrantedCase(0, Identifier(IdentifierType.CASE_NUMBER, "CN1"))
SECOND_REFUSAL = GrantedCase(0, CASE.identifier, last_code=Code.UPSTREAM_UNAUTHORIZED)


def call(case: GrantedCase = CASE) -> Call:
    return Call("c", "o", "b", Kind.CASE_DELETION, "t", "u", Purpose.EXECUTE, (case,), 0)


def highest(_low: float, high: float) -> float:
    return high


def pause_for(health: Health, *codes: Code, wait_seconds: float | None = None) -> Pause | None:
    return health.pause(frozenset(codes), wait_seconds, RETRY, highest)


@pytest.mark.parametrize("codes", [(), (Code.CASE_NOT_FOUND,), (Code.UPSTREAM_ERROR,), (Code.CASE_LOCKED,)])
def test_what_concerns_one_case_pauses_nothing(codes: tuple[Code, ...]) -> None:
    assert pause_for(Health(), *codes) is None


def test_a_closed_upstream_is_left_alone_for_as_long_as_it_says_and_that_is_no_open_time() -> None:
    assert pause_for(Health(), Code.UPSTREAM_CLOSED, wait_seconds=3600.0) == Pause(
        3600.0, Code.UPSTREAM_CLOSED, closed=True
    )


def test_a_closed_upstream_that_says_nothing_is_left_alone_for_the_longest_backoff() -> None:
    assert pause_for(Health(), Code.UPSTREAM_CLOSED) == Pause(60.0, Code.UPSTREAM_CLOSED, closed=False)


def test_a_throttle_pauses_the_backend_with_and_without_retry_after() -> None:
    assert pause_for(Health(), Code.UPSTREAM_THROTTLED, wait_seconds=7.0) == Pause(7.0, Code.UPSTREAM_THROTTLED)
    assert pause_for(Health(), Code.UPSTREAM_THROTTLED) == Pause(2.0, Code.UPSTREAM_THROTTLED)


def test_an_unreachable_upstream_is_tried_ever_more_rarely_and_by_one_call_at_a_time() -> None:
    health, lengths = Health(), []
    for _ in range(8):
        health.note(call(), frozenset({Code.UPSTREAM_UNREACHABLE}), sent=False)
        pause = pause_for(health, Code.UPSTREAM_UNREACHABLE)
        assert pause is not None
        lengths.append(pause.seconds)
    assert lengths == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert health.troubled


def test_the_first_call_that_is_sent_ends_the_trouble() -> None:
    health = Health(setbacks=3)
    health.note(call(), frozenset(), sent=True)
    assert not health.troubled


def test_a_first_401_is_no_reason_for_distrust_a_second_is() -> None:
    health, refused = Health(), frozenset({Code.UPSTREAM_UNAUTHORIZED})
    health.note(call(), refused, sent=True)
    assert pause_for(health, Code.UPSTREAM_UNAUTHORIZED) is None
    health.note(call(SECOND_REFUSAL), refused, sent=True)
    assert pause_for(health, Code.UPSTREAM_UNAUTHORIZED) == Pause(60.0, Code.UPSTREAM_UNAUTHORIZED)


def test_trust_comes_back_with_the_first_answer_that_is_no_401() -> None:
    health = Health(distrusted=True)
    health.note(call(), frozenset({Code.UPSTREAM_UNREACHABLE}), sent=False)
    assert health.distrusted, "what was not sent proves nothing"
    health.note(call(), frozenset({Code.CASE_NOT_FOUND}), sent=True)
    assert not health.distrusted
