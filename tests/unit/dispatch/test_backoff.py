import pytest

from gateway.config.settings import Retry
from gateway.dispatch.backoff import backoff_seconds

RETRY = Retry(backoff_base_seconds=1.0, backoff_max_seconds=60.0)


@pytest.mark.parametrize(("attempt", "ceiling"), [(0, 1.0), (1, 2.0), (5, 32.0), (6, 60.0), (1_000_000, 60.0)])
def test_the_ceiling_doubles_until_the_longest(attempt: int, ceiling: float) -> None:
    assert backoff_seconds(RETRY, attempt, lambda _low, high: high) == ceiling


def test_anything_down_to_nothing_is_possible() -> None:
    assert backoff_seconds(RETRY, 3, lambda low, _high: low) == 0.0
