from itertools import count

import pytest

from gateway.config.settings import Limits
from gateway.dispatch.punctuality import REMEMBERED, Punctuality

PACED = Limits("hub", per_second=5)
UNPACED = Limits("ecm", max_in_flight=20)


class Sender:
    """Claims one call after the other, and tells which are sent."""

    def __init__(self, limits: Limits = PACED) -> None:
        self._limits = limits
        self._punctuality = Punctuality()
        self._claims = count()

    def sends(self, *delays_seconds: float) -> list[bool]:
        """Whether calls of one claim are sent that begin so long after it."""
        asked_at = float(next(self._claims))
        return [self._punctuality.in_time(asked_at, asked_at + delay, self._limits) for delay in delays_seconds]


def test_a_grant_of_a_paced_backend_is_not_used_once_it_is_later_than_the_margin() -> None:
    assert Sender().sends(0.01, 0.07) == [True, False]


@pytest.mark.parametrize(("limits", "late"), [(PACED, 0.03), (Limits("hub", per_second=5, per_minute=100), 0.167)])
def test_two_thirds_of_the_smaller_margin_are_its_own(limits: Limits, late: float) -> None:
    assert Sender(limits).sends(late - 0.001, late + 0.001) == [True, False]


def test_without_windows_a_second_does_no_harm() -> None:
    assert Sender(UNPACED).sends(0.9, 1.1) == [True, False]


def test_on_a_slow_disk_where_every_grant_is_late_by_the_same_the_work_goes_on() -> None:
    sender = Sender()
    assert not any(sender.sends(0.2) == [True] for _ in range(REMEMBERED))
    assert sender.sends(0.2) == [True]
    assert sender.sends(0.27) == [False], "what counts is the spread"


def test_a_moment_of_standing_still_is_no_slow_disk_however_many_calls_it_delays() -> None:
    """A process that starts under load grants itself many calls, all late: if they counted, they would seem usual."""
    sender = Sender()
    assert sender.sends(*[0.2] * 50) == [False] * 50


def test_however_slow_the_disk_there_is_an_end() -> None:
    sender = Sender()
    assert not any(sender.sends(0.6) == [True] for _ in range(100))


def test_one_quick_grant_of_long_ago_is_forgotten() -> None:
    sender = Sender()
    sender.sends(0.0)
    for _ in range(REMEMBERED):
        sender.sends(0.2)
    assert sender.sends(0.2) == [True]
