import pytest
from msgspec import Struct

from gateway.backends.answers import Flaw, as_shape, read_body
from gateway.model.calls import Answer


class Shape(Struct):
    done: bool


def read(body: bytes, content_type: str | None = "application/json") -> Shape | Flaw:
    headers = () if content_type is None else (("content-type", content_type),)
    return read_body(Answer(200, headers, body, 0), Shape)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON ; Charset=UTF-8",
        'application/json;charset="utf-8"',
        "text/json; charset=utf8",
        "application/problem+json; profile=x",
    ],
)
def test_json_in_utf_8_is_read(content_type: str) -> None:
    assert read(b'{"done": true}', content_type) == Shape(done=True)


@pytest.mark.parametrize(
    "content_type",
    [None, "", "text/plain", "text/html", "application/jsonp", "json", "application/json; charset=utf-16", ";"],
)
def test_what_is_not_declared_to_be_json_in_utf_8_is_not(content_type: str | None) -> None:
    assert read(b'{"done": true}', content_type) is Flaw.NOT_DECLARED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b'{"done": true',
        b'{"done": true}x',
        b"{'done': true}",
        b'{"done": True}',
        b'{"done": true, "done": true}',
        b'{"done": true, "more": {"x": 1, "x": 2}}',
        b'{"done": true, "x": NaN}',
        b'{"done": true, "x": -Infinity}',
        b'{"done": true, "x": "\xff"}',
        b'{"done": true, "x": "\n"}',
        b'\xef\xbb\xbf{"done": true}',
        b'{"done": true, "x": ' + b"9" * 10_000 + b"}",
        b"[" * 500_000,
        b'{"x":' * 100_000,
        '{"done": true}'.encode("utf-16"),
    ],
)
def test_what_is_not_unambiguous_json_is_not(body: bytes) -> None:
    assert read(body) is Flaw.NOT_JSON


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b"true",
        b'"done"',
        b"{}",
        b'{"done": null}',
        b'{"done": 1}',
        b'{"done": "true"}',
        b'{"\\ud800": 1}',
    ],
)
def test_another_shape_is_not(body: bytes) -> None:
    assert read(body) is Flaw.NOT_DOCUMENTED


def test_members_that_nobody_documented_are_passed_over() -> None:
    assert as_shape({"done": False, "more": [1]}, Shape) == Shape(done=False)
