"""The ledger's connections over TLS, as libpq's words in the URL say; the server's side of it is the proxy's."""

import asyncio
from pathlib import Path

import pytest

from gateway.errors import LedgerUnusable
from gateway.ledger.postgres_open import prepare
from gateway.ledger.postgres_session import SERVER_CLOCK
from tests.faults.proxy import proxy
from tests.faults.servers import server
from tests.unit.transport.certificates import server_tls


def url(port: int, authority: Path) -> str:
    return f"postgresql://postgres@127.0.0.1:{port}/postgres?sslmode=verify-full&sslrootcert={authority}"


async def refusal(url: str) -> str:
    """What the operator reads."""
    with pytest.raises(LedgerUnusable) as refused:
        await asyncio.to_thread(prepare, url, SERVER_CLOCK)
    return str(refused.value)


async def test_a_server_that_proves_who_it_is_is_used_and_no_other(tmp_path: Path) -> None:
    """With libpq's default, `prefer`, everybody who answers would be the ledger."""
    here, elsewhere, other = (tmp_path / name for name in ("here", "elsewhere", "other"))
    for folder in (here, elsewhere, other):
        folder.mkdir()
    contexts = server_tls(here), server_tls(elsewhere, "127.0.0.2")
    server_tls(other)
    async with server() as ledger, proxy(ledger.socket_path, contexts[0]) as right:
        await asyncio.to_thread(prepare, url(right.port, here / "tls.crt"), SERVER_CLOCK)
        assert ledger.rows("SELECT count(*) FROM installation") == [(1,)]
        assert "check sslmode and sslrootcert" in await refusal(url(right.port, other / "tls.crt"))
        async with proxy(ledger.socket_path, contexts[1]) as wrong_name:
            assert "127.0.0.1" in await refusal(url(wrong_name.port, elsewhere / "tls.crt"))
        async with proxy(ledger.socket_path) as plain:
            assert "does not support SSL" in await refusal(url(plain.port, here / "tls.crt"))
