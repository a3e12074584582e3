import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.ledger.store import Row
from tests.postgres import start_server, url_of

Guarded = tuple[str, psycopg.Connection[Row]]


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
