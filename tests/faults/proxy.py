"""A network between gateway and PostgreSQL that can fail."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto

COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""The server's word that a transaction is committed (PostgreSQL's protocol, CommandComplete)."""


TLS_WANTED = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
"""A client's wish to go on over TLS (SSLRequest)."""


class Network(Enum):
    """What becomes of bytes on their way."""

    WORKS = auto()
    CUT = auto()
    """Every connection is reset, and so is every new one."""
    SWALLOWS = auto()
    """Nothing arrives and nobody is told: as behind a firewall that forgot the connections."""
    LOSES_COMMITS = auto()
    """The connection is reset when the server says that it has committed a transaction of the kind looked for."""


class Proxy:
    """A port before PostgreSQL's own socket. What was lost when the network failed stays lost when it works again."""

    def __init__(self, socket_path: str, tls: ssl.SSLContext | None = None) -> None:
        self._socket_path = socket_path
        self._tls = tls
        self._network = Network.WORKS
        self._lost_with = b""
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallowed: set[asyncio.StreamWriter] = set()
        self.port = 0

    def lose_commits_of(self, statement: str) -> None:
        """Lose the word of every commit of a transaction with a statement that begins so."""
        self._lost_with = statement.encode()
        self._network = Network.LOSES_COMMITS

    def become(self, network: Network) -> None:
        self._network = network
        if network is Network.SWALLOWS:
            self._swallowed |= self._writers
        elif network is Network.CUT:
            for writer in self._writers:
                writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a gateway."""
        if self._network is Network.CUT:
            writer.transport.abort()
            return
        if self._tls is not None and not await _encrypted(reader, writer, self._tls):
            return
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket_path)
        both = {writer, server_writer}
        self._writers |= both
        if self._network is Network.SWALLOWS:
            self._swallowed |= both
        transaction = _Transaction()
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump(reader, server_writer, both, transaction.asked))
                pumps.create_task(self._pump(server_reader, writer, both, transaction.answered))
        except* OSError:
            pass
        finally:
            for one in both:
                one.transport.abort()
            self._writers -= both
            self._swallowed -= both

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        both: set[asyncio.StreamWriter],
        is_lost: Callable[[bytes, bytes], bool],
    ) -> None:
        while data := await reader.read(65_536):
            if is_lost(data, self._lost_with) and self._network is Network.LOSES_COMMITS:
                break
            if writer not in self._swallowed:
                writer.write(data)
                await writer.drain()
        if writer not in self._swallowed:
            for one in both:
                one.transport.abort()


class _Transaction:
    """What a connection's transaction has done so far, as far as the bytes on it tell."""

    def __init__(self) -> None:
        self._prepared: set[bytes] = set()
        self._made_it = False

    def asked(self, data: bytes, statement: bytes) -> bool:
        """Bytes to the server: never lost."""
        if statement:
            self._prepared |= {name for name in re.findall(rb"(_pg3_\d+)\x00" + re.escape(statement), data) if name}
            names = (b"\x00" + name + b"\x00" for name in self._prepared)
            self._made_it = self._made_it or statement in data or any(name in data for name in names)
        return False

    def answered(self, data: bytes, _statement: bytes) -> bool:
        """Bytes from the server: lost if they say that what was looked for is committed."""
        if COMMITTED not in data:
            return False
        made_it, self._made_it = self._made_it, False
        return made_it


async def _encrypted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> bool:
    """Do what a server does that speaks TLS only; whether the client went along."""
    try:
        if await reader.readexactly(len(TLS_WANTED)) == TLS_WANTED:
            writer.write(b"S")
            await writer.start_tls(tls)
            return True
    except (OSError, asyncio.IncompleteReadError):
        pass
    writer.transport.abort()
    return False


@asynccontextmanager
async def proxy(socket_path: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Proxy]:
    """Before the server at `socket_path`; with `tls` as one that is spoken to over TLS only."""
    made = Proxy(socket_path, tls)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        made.become(Network.CUT)
