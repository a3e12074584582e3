import pytest

from gateway.backends.retry_after import retry_after
from tests.samples import RECEIVED_AT

DAY_SECONDS = 86_400.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 007\t", 7.0),
        ("86401", DAY_SECONDS),
        ("9" * 5_000, DAY_SECONDS),
        ("Fri, 02 Jan 2026 15:00:30 GMT", 30.0),
        ("Friday, 02-Jan-26 15:00:30 GMT", 30.0),
        ("Fri Jan  2 15:00:30 2026", 30.0),
        ("Fri, 02 Jan 2026 14:59:59 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY_SECONDS),
    ],
)
def test_seconds_and_dates_are_read_and_kept_within_a_day(value: str, seconds: float) -> None:
    assert retry_after(value, RECEIVED_AT) == seconds


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "inf",
        "nan",
        "1_000",
        "120, 60",
        "٣٠",
        "²",
        "2026-01-02T15:00:30Z",
        "Fri, 02 Jan 2026 15:00:30 CET",
        "Fri, 32 Jan 2026 15:00:30 GMT",
        "Fri, 02 Jan 2026 15:00:61 GMT",
        "Fri, 02 Jan 0000 15:00:30 GMT",
        "\ud800",
        "\x00",
    ],
)
def test_anything_else_says_nothing(value: str | None) -> None:
    assert retry_after(value, RECEIVED_AT) is None
