import pytest

from gateway.http.prefer import Preference, preference


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], Preference()),
        ([b"respond-async"], Preference(respond_async=True)),
        ([b"Respond-Async"], Preference(respond_async=True)),
        ([b"wait=10"], Preference(wait_seconds=10)),
        ([b'wait="10"'], Preference(wait_seconds=10)),
        ([b"wait = 10 ; foo=bar"], Preference(wait_seconds=10)),
        ([b"wait=0"], Preference(wait_seconds=0)),
        ([b"respond-async, wait=10"], Preference(respond_async=True, wait_seconds=10)),
        ([b"wait=10", b"respond-async"], Preference(respond_async=True, wait_seconds=10)),
        ([b'foo="a, respond-async"; x, wait=3'], Preference(wait_seconds=3)),
        ([b"wait=5, wait=9"], Preference(wait_seconds=5)),
        ([b"wait=301"], Preference(wait_seconds=300)),
        ([b"wait=" + b"9" * 10_000], Preference(wait_seconds=300)),
        ([b"wait=-1"], Preference()),
        ([b"wait=1.5"], Preference()),
        ([b"wait=ten"], Preference()),
        ([b"wait"], Preference()),
        ([b"wait=\xb2"], Preference()),
        ([b"respond-asynchronously"], Preference()),
        ([b',,;="\xff'], Preference()),
        ([b"@respond-async"], Preference()),
        ([b'wait=4, "respond-async'], Preference(wait_seconds=4)),
    ],
    ids=repr,
)
def test_preferences_are_read_and_what_makes_no_sense_is_ignored(lines: list[bytes], expected: Preference) -> None:
    assert preference([(b"prefer", line) for line in lines]) == expected


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        (Preference(), 30.0),
        (Preference(respond_async=True), 0.0),
        (Preference(wait_seconds=5), 5.0),
        (Preference(respond_async=True, wait_seconds=5), 5.0),
        (Preference(wait_seconds=0), 0.0),
    ],
)
def test_the_wait_is_what_was_said_else_none_for_async_else_the_default(wanted: Preference, seconds: float) -> None:
    assert wanted.seconds(30.0) == seconds


def test_only_what_was_taken_into_account_is_said_to_be() -> None:
    both = Preference(respond_async=True, wait_seconds=5)

    assert both.applied(finished=False) == "respond-async, wait=5"
    assert both.applied(finished=True) == "wait=5"
    assert Preference(respond_async=True).applied(finished=True) is None


@pytest.mark.parametrize("piece", [b" ", b"\t\x80", b'a="', b'"', b"a =  ", b"=", b';"'], ids=repr)
def test_a_long_line_is_read_once(piece: bytes) -> None:
    """Read anew from each of its characters, a line of white space stopped the process for a minute."""
    line = b"," + piece * 100_000

    assert preference([(b"prefer", line + b", wait=3"), (b"prefer", b"wait=2")]).wait_seconds in {2, 3}
