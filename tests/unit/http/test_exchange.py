import pytest

from gateway.http.exchange import Exchange, request_id

VALID = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("given", [b"a", b"req-1:2/3+4=5@6~7._8", b"x" * 128])
def test_a_request_id_that_is_fit_for_a_log_line_is_kept(given: bytes) -> None:
    assert request_id([(b"x-request-id", given)]) == given.decode()


@pytest.mark.parametrize("given", [b"", b"x" * 129, b"a b", b"a\tb", b'a"b', b"a\xffb", b"{}", b"a,b"])
def test_any_other_request_id_is_replaced(given: bytes) -> None:
    assert request_id([(b"x-request-id", given)]).encode() != given


def test_two_request_ids_are_replaced_by_one() -> None:
    assert request_id([(b"x-request-id", b"a"), (b"x-request-id", b"b")]) not in {"a", "b"}


def test_requests_without_ids_get_different_ones() -> None:
    one, other = Exchange([]), Exchange([])

    assert one.request_id != other.request_id
    assert one.trace_parent != other.trace_parent


@pytest.mark.parametrize(
    "given", [VALID, VALID.replace(b"00-", b"01-", 1), VALID.replace(b"00-", b"01-", 1) + b"-more"]
)
def test_a_valid_traceparent_is_kept(given: bytes) -> None:
    exchange = Exchange([(b"traceparent", given)])
    assert exchange.trace_parent == exchange.echoed_trace == given.decode()


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"00",
        VALID.upper(),
        VALID + b"-more",
        VALID + b" ",
        VALID.replace(b"00-", b"ff-", 1),
        VALID.replace(b"4bf92f3577b34da6a3ce929d0e0e4736", b"0" * 32),
        VALID.replace(b"00f067aa0ba902b7", b"0" * 16),
        VALID[:-1],
        VALID.replace(b"-", b"_"),
        VALID.replace(b"4b", b"4\xff"),
    ],
)
def test_any_other_traceparent_is_replaced_by_a_valid_one(given: bytes) -> None:
    replaced = Exchange([(b"traceparent", given)]).trace_parent

    assert replaced.encode() != given
    assert Exchange([(b"traceparent", replaced.encode())]).given_trace == replaced


def test_two_traceparents_are_replaced_by_one() -> None:
    exchange = Exchange([(b"traceparent", VALID), (b"traceparent", VALID)])

    assert exchange.given_trace is None
    assert exchange.echoed_trace != VALID.decode()
