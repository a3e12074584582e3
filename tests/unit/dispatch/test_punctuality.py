from gateway.config.settings import Limits
from gateway.dispatch.punctuality import Punctuality

PACED = Limits("hub", per_second=5)
UNPACED = Limits("ecm", max_in_flight=20)


def test_a_grant_of_a_paced_backend_is_not_used_once_it_is_later_than_the_margin() -> None:
    punctuality = Punctuality()
    assert punctuality.in_time(0.01, PACED)
    assert not punctuality.in_time(0.07, PACED)


def test_without_windows_a_second_does_no_harm() -> None:
    assert Punctuality().in_time(0.9, UNPACED)
    assert not Punctuality().in_time(1.1, UNPACED)


def test_on_a_slow_disk_where_every_grant_is_late_by_the_same_the_work_goes_on() -> None:
    punctuality = Punctuality()
    assert [punctuality.in_time(0.2, PACED) for _ in range(3)] == [False, True, True]
    assert not punctuality.in_time(0.27, PACED), "what counts is the spread"


def test_however_slow_the_disk_there_is_an_end() -> None:
    punctuality = Punctuality()
    assert not any(punctuality.in_time(0.6, PACED) for _ in range(100))


def test_one_quick_grant_of_long_ago_is_forgotten() -> None:
    punctuality = Punctuality()
    punctuality.in_time(0.0, PACED)
    for _ in range(40):
        punctuality.in_time(0.2, PACED)
    assert punctuality.in_time(0.2, PACED)
