"""Every foreign error that can come up on the way, and the fixed word that metrics and logs have for it.

Which of NotSent and AnswerUnknown an error becomes is no matter of its class: it is whether a byte had left.
"""

import socket
import ssl
from collections.abc import Mapping

import httpcore2

from gateway.errors import AnswerUnknown, NotSent, TransportError

UNEXPECTED = "unexpected"
"""The word for an error that nobody foresaw."""

CONNECTING: Mapping[type[Exception], str] = {
    socket.gaierror: "name",
    UnicodeError: "name",  # a host name that cannot be put into DNS's letters
    ssl.SSLError: "tls",
    TimeoutError: "connect_timeout",
    OSError: "connect",
}
"""What can go wrong before there is a connection."""

CALLING: Mapping[type[Exception], str] = {
    TimeoutError: "deadline",
    UnicodeError: "request",  # a path or header outside ASCII
    httpcore2.ReadError: "read",
    httpcore2.WriteError: "write",
    httpcore2.RemoteProtocolError: "protocol",
    httpcore2.LocalProtocolError: "request",
    httpcore2.ConnectionNotAvailable: "connection",
    # The engine's other classes. A single connection with a stream and a deadline of ours raises none of them today.
    httpcore2.ReadTimeout: "read_timeout",
    httpcore2.WriteTimeout: "write_timeout",
    httpcore2.ConnectTimeout: "connect_timeout",
    httpcore2.PoolTimeout: "pool_timeout",
    httpcore2.TimeoutException: "timeout",
    httpcore2.ConnectError: "connect",
    httpcore2.NetworkError: "network",
    httpcore2.ProtocolError: "protocol",
    httpcore2.ProxyError: "proxy",
    httpcore2.UnsupportedProtocol: "request",
}
"""What can go wrong from taking a connection to the last byte of the answer."""


def not_connected(error: Exception) -> NotSent:
    """What `error`, raised while a connection was being made, is to the gateway."""
    return NotSent(reason(CONNECTING, error), f"no connection ({type(error).__name__})")


def broken_call(error: Exception, *, sent: bool) -> TransportError:
    """What `error`, raised during a call, is to the gateway; `sent`: whether a byte of the request had left."""
    if isinstance(error, TransportError):
        return error
    if sent:
        return AnswerUnknown(reason(CALLING, error), f"sent, and no complete answer came ({type(error).__name__})")
    return NotSent(reason(CALLING, error), f"not sent ({type(error).__name__})")


def reason(table: Mapping[type[Exception], str], error: Exception) -> str:
    """The word of the nearest class of `error` in `table`."""
    return next((table[kind] for kind in type(error).__mro__ if kind in table), UNEXPECTED)
