"""From the name of a host to a connection, TLS included."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.transport.errors_table import not_connected
from gateway.transport.stream import Stream

HEAD_START_SECONDS = 0.25
"""How long an address may stay silent before the next one is tried beside it (RFC 8305 section 5)."""

Address = tuple[int, int, int, str, tuple[object, ...]]
"""One entry of getaddrinfo: family, type, protocol, canonical name, socket address."""


class Origin(Struct, frozen=True):
    """Where connections go to; `host` without the brackets of an IPv6 address."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: str) -> Origin:
    """The origin of an http or https URL that the configuration has checked."""
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme])


def target_of(url: str) -> str:
    """The path and query of an http or https URL that the configuration has checked."""
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


async def connect(origin: Origin, tls: ssl.SSLContext | None, timeout_seconds: float) -> Stream:
    """A connection to `origin`, over TLS where `tls` says how.

    Raises NotSent: none within `timeout_seconds`, counted from resolving the name.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            loop = asyncio.get_running_loop()
            addresses = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            return await _stream(await _first_connected(addresses), origin.host, tls)
    except Exception as error:
        raise not_connected(error) from error


async def _first_connected(addresses: Sequence[Address]) -> socket.socket:
    """A socket to whichever address answers first; the next is tried when one fails, or after a head start."""
    waiting, running, failures = list(addresses), set[asyncio.Task[socket.socket]](), list[BaseException]()
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connected(waiting.pop(0))))
            head_start = HEAD_START_SECONDS if waiting else None
            done, _ = await asyncio.wait(running, timeout=head_start, return_when=asyncio.FIRST_COMPLETED)
            for attempt in done:
                running.discard(attempt)
                if (failure := attempt.exception()) is None:
                    return attempt.result()
                failures.append(failure)
        raise failures[0]
    finally:
        for attempt in running:
            attempt.cancel()
            attempt.add_done_callback(_discard)


def _discard(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connected(address: Address) -> socket.socket:
    family, kind, protocol, _, target = address
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, target)
    except BaseException:
        connection.close()
        raise
    return connection


async def _stream(connection: socket.socket, host: str, tls: ssl.SSLContext | None) -> Stream:
    name = None if tls is None else host
    try:
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(Stream, sock=connection, ssl=tls, server_hostname=name)
    except ConnectionError as error:
        connection.close()
        raise ssl.SSLError("the connection ended during the TLS handshake") from error
    except BaseException:
        connection.close()
        raise
    return stream
