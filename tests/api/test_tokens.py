"""Callers by token against a whole gateway: keys from a real server, over the real listener with TLS."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from tests.authorities import authority, replaced, written
from tests.tokens import AUDIENCE, ISSUER, SUBJECT, header, key_set, public, rsa, token
from tests.unit.transport.servers import Received, Upstream, reply, upstream

from .configuration import JOB_KEY, Change
from .conftest import Stacks
from .stack import Stack, until


class Issuing:
    """An issuer's key set on loopback, and tokens of now."""

    def __init__(self) -> None:
        self.document = key_set()

    async def answer(self, _received: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(self.document))
        await writer.drain()

    def token(self, name: str = "first", **changes: object) -> str:
        now = int(time.time())
        dates = {"iat": now, "nbf": now, "exp": now + 600}
        return token(head=header(kid=name), key=rsa(name), **{**dates, **changes}).decode()


@pytest.fixture
def issuing() -> Issuing:
    return Issuing()


@pytest.fixture
async def issuer(issuing: Issuing) -> AsyncIterator[Upstream]:
    async with upstream(issuing.answer) as server:
        yield server


def callers_by_token(issuer: Upstream) -> dict[str, object]:
    grants = {"tenants": ["acme-dk"], "operations": ["case-deletion"], "execute": True}
    return {
        "issuers": {"cluster": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": f"{issuer.url}/jwks"}},
        "callers.claims-ui": {"issuer": "cluster", "subject": SUBJECT, **grants},
    }


@asynccontextmanager
async def bearer(both: Stack, text: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[httpx2.AsyncClient]:
    url = both.url if tls is None else both.url.replace("http:", "https:")
    headers = {"Authorization": f"Bearer {text}"}
    verify = True if tls is None else tls
    async with httpx2.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False, verify=verify) as http:
        yield http


async def test_a_caller_by_token_deletes_what_it_is_granted(stacks: Stacks, issuer: Upstream, issuing: Issuing) -> None:
    async with stacks(callers_by_token(issuer)) as both, bearer(both, issuing.token()) as http:
        body = {"execute": True, "cases": [{"caseNumber": "CN1"}]}
        deleted = await http.post("/v1/tenants/acme-dk/case-deletions", json=body)
        denied = await http.post("/v1/tenants/acme-no/case-deletions", json=body)
        metrics = (await http.get("/metrics")).text

    assert (deleted.status_code, deleted.json()["results"][0]["deleted"]) == (200, True)
    assert denied.status_code == 404
    assert 'gateway_authentications_total{method="bearer",outcome="accepted"} 2.0' in metrics
    assert 'gateway_key_set_requests_total{issuer="cluster",outcome="taken"} 1.0' in metrics
    assert [request.target for request in issuer.requests] == ["/jwks"]


async def test_a_key_that_the_issuer_begins_to_use_works_at_once(
    stacks: Stacks, issuer: Upstream, issuing: Issuing
) -> None:
    async with stacks(callers_by_token(issuer)) as both:
        await until(lambda: asyncio.sleep(0, bool(issuer.requests)))
        issuing.document = key_set(public(rsa()), public(rsa("second"), "second"))
        async with bearer(both, issuing.token("second")) as http:
            assert (await http.get("/v1/tenants")).status_code == 200

    assert len(issuer.requests) == 2


async def test_an_issuer_that_is_down_keeps_nobody_with_a_key_out(stacks: Stacks, issuing: Issuing) -> None:
    nowhere: Change = {
        "issuers": {"cluster": {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "http://127.0.0.1:1/jwks"}}
    }
    async with stacks(nowhere) as both, bearer(both, issuing.token()) as http:
        answer = await http.get("/v1/tenants")
        job = await (await both.caller(JOB_KEY)).http.get("/v1/tenants")

    assert (answer.status_code, answer.json()["code"]) == (503, "issuer_unavailable")
    assert 1 <= int(answer.headers["Retry-After"]) <= 30
    assert job.status_code == 200


async def test_over_tls_a_caller_shows_its_certificate_and_its_token(
    stacks: Stacks, issuer: Upstream, issuing: Issuing, tmp_path: Path
) -> None:
    pair = written(tmp_path, "server", authority("servers"))
    clients = replaced(tmp_path / "clients.crt", authority("clients").certificate)
    tls = {"certificate_file": str(pair[0]), "private_key_file": str(pair[1]), "client_ca_file": str(clients)}
    change = {**callers_by_token(issuer), "server.tls": tls, "server.metrics_port": 0}
    mutual = ssl.create_default_context(cadata=authority("servers").certificate.decode())
    alone = ssl.create_default_context(cadata=authority("servers").certificate.decode())
    mutual.load_cert_chain(*written(tmp_path, "client", authority("clients")))
    async with stacks(change) as both:
        async with bearer(both, issuing.token(), mutual) as known, bearer(both, "forged", mutual) as forger:
            assert (await known.get("/v1/tenants")).status_code == 200
            assert (await forger.get("/v1/tenants")).status_code == 401
        async with bearer(both, issuing.token(), alone) as nameless:
            with pytest.raises(httpx2.TransportError):
                await nameless.get("/v1/tenants")
        async with httpx2.AsyncClient(trust_env=False) as probe:
            assert (await probe.get(f"http://127.0.0.1:{both.ports[1]}/livez")).status_code == 200
