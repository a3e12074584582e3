import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.ledger.store import Row
from tests.integration.replicas import Replica, replicas
from tests.postgres import Database, start_server, url_of

Guarded = tuple[str, psycopg.Connection[Row]]
Two = tuple[Replica, Replica]


@pytest.fixture
def database() -> Database:
    """One of the test's own."""
    return Database()


@pytest.fixture
async def two(database: Database) -> AsyncIterator[Two]:
    """Two replicas on one database."""
    async with replicas(database.url) as both:
        # With every connection made, what is asked for at one time is done at one time.
        await asyncio.gather(*(replica.ledger.check() for replica in both for _ in range(50)))
        yield both


@pytest.fixture
def guarded() -> Iterator[Guarded]:
    """A server that asks its user `gateway` for the password `first`, and a connection of an administrator."""
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = start_server(folder)
    rules = folder / "pg_hba.conf"
    rules.write_text("local all gateway scram-sha-256\n" + rules.read_text(encoding="utf-8"), encoding="utf-8")
    with psycopg.connect(url_of(server), autocommit=True) as administrator:
        administrator.execute("SELECT pg_reload_conf()")
        administrator.execute("CREATE ROLE gateway LOGIN PASSWORD 'first'")
        administrator.execute("GRANT CREATE ON SCHEMA public TO gateway")
        yield url_of(server).replace("postgres@", "gateway@"), administrator
    server.cleanup()
