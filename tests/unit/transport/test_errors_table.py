"""The tables of foreign errors are complete, and what an error becomes depends on whether a byte had left."""

import inspect
import socket
import ssl

import httpcore2
import pytest

from gateway.errors import AnswerUnknown, CredentialRefused, NotSent
from gateway.transport.errors_table import CALLING, CONNECTING, UNEXPECTED, broken_call, not_connected

OF_THE_ENGINE = {kind for _, kind in inspect.getmembers(httpcore2, inspect.isclass) if issubclass(kind, BaseException)}


def test_the_table_of_calls_has_every_exception_of_the_engine() -> None:
    assert OF_THE_ENGINE
    assert OF_THE_ENGINE - set(CALLING) == set()
    assert set(CALLING) - OF_THE_ENGINE == {TimeoutError, UnicodeError}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (socket.gaierror(-2, "Name or service not known"), "name"),
        (UnicodeError("label too long"), "name"),
        (ConnectionRefusedError(111, "Connection refused"), "connect"),
        (OSError(101, "Network is unreachable"), "connect"),
        (TimeoutError(), "connect_timeout"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "tls"),
        (ssl.SSLEOFError(8, "EOF occurred"), "tls"),
        (KeyError("port"), UNEXPECTED),
    ],
)
def test_what_fails_before_there_is_a_connection_is_not_sent(error: Exception, reason: str) -> None:
    translated = not_connected(error)

    assert type(translated) is NotSent
    assert translated.reason == reason


def test_the_table_of_connecting_knows_every_error_of_sockets_and_tls() -> None:
    foreseen = (*OSError.__subclasses__(), *ssl.SSLError.__subclasses__())

    assert [kind for kind in foreseen if not issubclass(kind, tuple(CONNECTING))] == []


@pytest.mark.parametrize("kind", sorted(CALLING, key=repr))
def test_an_error_of_a_call_is_unknown_exactly_when_a_byte_had_left(kind: type[Exception]) -> None:
    before, after = broken_call(kind(), sent=False), broken_call(kind(), sent=True)

    assert (type(before), type(after)) == (NotSent, AnswerUnknown)
    assert before.reason == after.reason == CALLING[kind]


def test_an_unforeseen_error_after_a_byte_left_is_unknown() -> None:
    translated = broken_call(ZeroDivisionError(), sent=True)

    assert (type(translated), translated.reason) == (AnswerUnknown, UNEXPECTED)


@pytest.mark.parametrize("error", [CredentialRefused("secret", "no"), AnswerUnknown("too_large", "x")])
def test_an_error_of_our_own_stays_what_it_is(error: Exception) -> None:
    assert broken_call(error, sent=True) is error


def test_no_text_shows_what_the_foreign_error_said() -> None:
    secret = ConnectionRefusedError("https://user:password@host/path")

    assert "password" not in str(not_connected(secret)) + str(broken_call(secret, sent=True))
