import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.http.body import ClientGone, parse, read_body
from gateway.http.problems import Problem, Refusal

JSON = [(b"content-type", b"application/json")]


class Sender:
    """Sends a body in pieces, and counts how many of them were asked for."""

    def __init__(self, *pieces: bytes, complete: bool = True) -> None:
        self.asked = 0
        self._pieces = pieces
        self._complete = complete

    async def __call__(self) -> Any:  # noqa: ANN401 - an ASGI message
        self.asked += 1
        if self.asked > len(self._pieces):
            return {"type": "http.disconnect"}
        last = self.asked == len(self._pieces) and self._complete
        return {"type": "http.request", "body": self._pieces[self.asked - 1], "more_body": not last}


def read(sender: Sender, headers: Sequence[tuple[bytes, bytes]] = JSON, max_bytes: int = 100) -> bytes:
    return asyncio.run(read_body(headers, sender, max_bytes))


@pytest.mark.parametrize("value", [{}, [], "text", 1, -1.5, True, None, {"a": [{"b": ["æ", "😀", "\\"]}]}])
def test_json_is_read_as_it_stands(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


def test_a_body_comes_in_pieces() -> None:
    assert read(Sender(b'{"a"', b"", b":1}")) == b'{"a":1}'


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"a": 1, "a": 1}', "/a"),
        (b'{"cases": [{}, {"caseNumber": "x", "caseNumber": "y"}]}', "/cases/1/caseNumber"),
        (b'{"a/b": {"~": 1, "~": 2}}', "/a~1b/~0"),
        (b'{"a": {"b": 1}, "a": {"b": 1}}', "/a"),
        (b'{"": 1, "": 2}', "/"),
        (b'{"a": [1, NaN]}', "/a/1"),
        (b'{"a": Infinity}', "/a"),
        (b"-Infinity", ""),
        (b'{"a": 1e999}', "/a"),
        (b"[-1e999]", "/0"),
        (b'{"a": %s}' % (b"9" * 401), "/a"),
        (b'{"a": 0.%s}' % (b"9" * 400), "/a"),
    ],
)
def test_what_has_two_meanings_or_none_is_malformed_at_its_place(body: bytes, pointer: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(body)

    assert raised.value.refusal is Refusal.MALFORMED_REQUEST
    assert [place.pointer for place in raised.value.places] == [pointer]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b"nul",
        b'"\x01"',
        b'"\n"',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'"\xff"',
        b'"\xc3"',
        b'"\xed\xa0\x80"',
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=repr,
)
def test_what_is_not_utf8_json_is_malformed(body: bytes) -> None:
    with pytest.raises(Problem) as raised:
        parse(body)

    assert raised.value.refusal is Refusal.MALFORMED_REQUEST


def test_nesting_is_allowed_to_a_depth_of_32() -> None:
    deep = b"[" * 31 + b"{}" + b"]" * 31
    too_deep = b"[" * 32 + b"{}" + b"]" * 32

    assert parse(deep) == json.loads(deep)
    with pytest.raises(Problem) as raised:
        parse(too_deep)
    assert raised.value.refusal is Refusal.MALFORMED_REQUEST
    assert raised.value.places[0].pointer == "/0" * 32


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (rb'{"cases": [{"caseNumber": "\ud800"}]}', "/cases/0/caseNumber"),
        (rb'["a\udfffb"]', "/0"),
        (rb'{"a": {"\ud83d": 1}}', "/a/\ud83d"),
        (rb'"\udc00\ud800"', ""),
    ],
)
def test_a_lone_surrogate_is_invalid_at_its_place(body: bytes, pointer: str) -> None:
    with pytest.raises(Problem) as raised:
        parse(body)

    assert raised.value.refusal is Refusal.INVALID_REQUEST
    assert [place.pointer for place in raised.value.places] == [pointer]
    json.loads(raised.value.body())


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(rb'["\ud83d\ude00"]') == ["😀"]


@pytest.mark.parametrize(
    "media_type",
    [
        b"application/json",
        b"application/json;charset=utf-8",
        b"application/json; charset=UTF-8",
        b'Application/JSON ; charset="utf-8"',
    ],
)
def test_json_is_called_so_in_several_ways(media_type: bytes) -> None:
    assert read(Sender(b"{}"), [(b"content-type", media_type)]) == b"{}"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"content-type", b"")],
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"application/x-www-form-urlencoded")],
        [(b"content-type", b"application/json; charset=utf-16")],
        [(b"content-type", b"application/jsonp")],
        [(b"content-type", b"application/vnd.api+json")],
        [(b"content-type", b"application/json, text/plain")],
        [(b"content-type", b"\xff")],
        [*JSON, *JSON],
        [*JSON, (b"content-encoding", b"gzip")],
    ],
    ids=repr,
)
def test_another_content_type_is_refused_before_the_body_is_read(headers: list[tuple[bytes, bytes]]) -> None:
    sender = Sender(b"{}")

    with pytest.raises(Problem) as raised:
        read(sender, headers)

    assert raised.value.refusal is Refusal.UNSUPPORTED_MEDIA_TYPE
    assert sender.asked == 0


@pytest.mark.parametrize("length", [b"101", b"9" * 5_000])
def test_a_declared_length_over_the_bound_is_refused_before_the_body_is_read(length: bytes) -> None:
    sender = Sender(b"{}")

    with pytest.raises(Problem) as raised:
        read(sender, [*JSON, (b"content-length", length)])

    assert raised.value.refusal is Refusal.TOO_LARGE
    assert sender.asked == 0


def test_a_body_over_the_bound_is_read_no_further_than_the_bound() -> None:
    sender = Sender(*([b"x" * 60] * 1_000))

    with pytest.raises(Problem) as raised:
        read(sender)

    assert raised.value.refusal is Refusal.TOO_LARGE
    assert sender.asked == 2


def test_a_body_of_just_the_bound_is_read() -> None:
    assert read(Sender(b"x" * 100)) == b"x" * 100


def test_a_caller_that_hangs_up_in_the_middle_is_gone() -> None:
    with pytest.raises(ClientGone):
        read(Sender(b'{"a":', complete=False))
