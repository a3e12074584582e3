"""Marked secrets and identifiers go through every error path, and everything that was written is searched for them.

Secrets are nowhere. Identifiers are in the ledger, in answers to their own caller, and in no other place.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner

from gateway.cli.audit import audit
from gateway.sandbox.magic import Kind
from tests.signing import make_signing_key

from .canaries import (
    API_KEY,
    CLIENT_SECRET,
    ECM_PASSWORD,
    IDENTIFIER,
    RECEIPT_KEY,
    SECRET,
    Echo,
    Written,
    bytes_in,
    representations,
)
from .configuration import changed, digest, write
from .conftest import Stacks
from .stack import Caller, Json, Stack

JWT = f"eyJhbGciOiJub25lIn0.{SECRET}.x"
OTHER_KEY = "key of another caller"
TOKEN_FAULTS = (
    "STATUS-500",
    "STATUS-400",
    "UNAUTHORIZED",
    "HTML",
    "EMPTY",
    "BADJSON",
    "DROP-BEFORE",
    "REDIRECT",
    "BIG",
)


def changes(folder: Path) -> dict[str, Any]:
    """The configuration: a secret of every kind, each marked."""
    (folder / "client-secret").write_text(CLIENT_SECRET + "\n")
    (folder / "ecm-secret").write_text(ECM_PASSWORD + "\n")
    (folder / "receipt.key").write_text(RECEIPT_KEY + "\n")
    make_signing_key(folder)
    short = {
        f"backends.{name}.{key}": value
        for name in ("hub-dk", "claimshop-dk", "ecm")
        for key, value in (("timeout_seconds", 0.6), ("linger_seconds", 0.1))
    }
    return {
        **short,
        "retry": {"max_attempts": 2, "deadline_seconds": 1, "backoff_base_seconds": 0.01, "backoff_max_seconds": 0.05},
        "circuit": {"window_calls": 100_000},
        "callers.job.api_key_sha256": digest(API_KEY),
        "callers.other": {"api_key_sha256": digest(OTHER_KEY), "tenants": ["acme-dk", "acme-no"],
                          "operations": ["*"], "execute": True},
        "credentials.shop.type": "client_secret",
        "credentials.shop.token_url": "{sandbox}/connect/token",
        "credentials.shop.client_id": "acme",
        "credentials.shop.scope": "case:delete",
        "credentials.shop.client_secret_file": "client-secret",
        "credentials.ecm.password_file": "ecm-secret",
        "backends.claimshop-dk.credentials": "shop",
        "limits.hub.max_in_flight": None,
        "limits.claimshop.max_in_flight": None,
        "limits.ecm.max_in_flight": None,
        "audit": {"key_file": "receipt.key", "checkpoint_key_file": "checkpoint.key",
                  "checkpoint_file": "checkpoints", "checkpoint_minutes": 0.001},
    }  # fmt: skip


class Watched:
    """A stack whose every word is kept."""

    def __init__(self, both: Stack, written: Written) -> None:
        self.both = both
        self.written = written
        self.secrets: set[str] = {SECRET}

    def note_tokens(self) -> None:
        """The tokens that the sandbox gave out, and the private keys."""
        self.secrets |= set(self.both.sandbox.app.state.tokens._expires_at)
        for name in ("tls.key", "checkpoint.key"):
            lines = (self.both.folder / name).read_text().splitlines()
            self.secrets |= {line for line in lines if not line.startswith("-")}

    async def job(self) -> Caller:
        return await self.both.caller(API_KEY)

    async def others_see(self) -> str:
        """What another caller of the same tenants, and anybody, is shown, but for results, which are the tenant's."""
        other = (await self.both.caller(OTHER_KEY)).http
        answers = [await other.get(path) for path in ("/v1/tenants", "/metrics", "/readyz", "/docs", "/v1/operations")]
        answers.append(await other.post("/v1/tenants/acme-dk/case-deletions", content=b"{"))
        return "".join(answer.text + repr(answer.headers) for answer in answers)

    async def everything(self) -> str:
        """All that was written, but for the ledger."""
        self.note_tokens()
        self.written.add(self.both.events)
        return self.written.text() + await self.others_see() + bytes_in(self.both.folder, "checkpoints").decode()


@pytest.fixture
async def watched(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Watched]:
    """The output of the process is searched at the end of each test, too."""
    written = Written()
    options = {"ecm_password": ECM_PASSWORD, "client_secret": CLIENT_SECRET}
    with written.gathering():
        async with stacks(changes(tmp_path), **options) as both:
            yield Watched(both, written)


@pytest.fixture(autouse=True)
def quiet_process(capfd: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401 - a generator
    yield
    out, err = capfd.readouterr()
    assert SECRET not in out + err
    assert IDENTIFIER not in out + err


async def assert_kept(watched: Watched) -> None:
    """Nothing marked is where it does not belong."""
    everything = await watched.everything()
    ledger = bytes_in(watched.both.folder, "gateway.db*")
    for secret in watched.secrets:
        assert secret not in everything, _around(everything, secret)
        assert secret.encode() not in ledger
    assert IDENTIFIER not in everything, _around(everything, IDENTIFIER)
    assert [one for one in representations() if any(secret in one for secret in watched.secrets)] == []


def _around(text: str, found: str) -> str:
    place = text.index(found)
    return text[max(0, place - 300) : place + 300]


def case(kind: str, name: str) -> Json:
    if kind == "case-deletions":
        return {"caseNumber": name}
    return {"caseId": name, "customers": [{"customerId": f"{IDENTIFIER}-item"}, {"customerId": f"ABSENT-{IDENTIFIER}"}]}


WAYS = (("acme-dk", "case-deletions"), ("acme-no", "case-deletions"), ("acme-dk", "customer-removals"))


STOPPING = ("UNAUTHORIZED", "CLOSED", "THROTTLED")
"""After these a backend is left alone for a while: they come last, and are not waited for."""
NUMBERS = {"SLOW": "-0.7", "DRIP": "-2", "STATUS": "-418"}


def magic(kind: Kind, suffix: str) -> str:
    return f"{kind.name}{NUMBERS.get(kind.name, '')}{suffix}-{IDENTIFIER}"


@pytest.mark.parametrize(("tenant", "kind"), WAYS)
async def test_whatever_an_upstream_answers(watched: Watched, tenant: str, kind: str) -> None:
    """Every magic word of the sandbox, once and for ever."""
    job = await watched.job()
    going_on = [word for word in Kind if word.name not in STOPPING]
    names = [magic(word, how) for word in going_on for how in ("-ALWAYS", "-ONCE")]
    names += [f"{word}-AFTER-{IDENTIFIER}" for word in ("DROP", "HANG", "HTML", "CUTOFF")]

    operations = [await job.accepted(tenant, kind, [case(kind, name)], key=f"{IDENTIFIER}-{name}") for name in names]
    ended = await asyncio.gather(*(job.ended(operation_id) for operation_id in operations))
    for word in STOPPING:
        await job.submit(tenant, kind, [case(kind, magic(Kind[word], "-ALWAYS"))], prefer="wait=1")

    assert {"succeeded", "failed"} <= {envelope["status"] for envelope in ended}
    assert IDENTIFIER.encode() in bytes_in(watched.both.folder, "gateway.db*")
    await assert_kept(watched)


@pytest.mark.parametrize("fault", [*TOKEN_FAULTS, "down"])
async def test_whatever_the_token_endpoint_answers(watched: Watched, fault: str) -> None:
    job = await watched.job()
    token = {"down": True} if fault == "down" else {"fault": {"like": fault}}
    await watched.both.upstreams.switch(token=token)

    for tenant in ("acme-dk", "acme-no"):
        await job.delete(tenant, f"CN-{IDENTIFIER}", prefer="wait=2")

    await assert_kept(watched)


@pytest.mark.parametrize("shape", range(len(Echo.SHAPES)))
async def test_an_upstream_that_throws_back_what_it_was_sent(stacks: Stacks, tmp_path: Path, shape: int) -> None:
    """Credentials and bodies, in status lines, headers and bodies of every kind, from upstream and token endpoint."""
    written = Written()
    with written.gathering():
        async with Echo().serving() as echo:
            echo.shape = shape
            url = f"http://127.0.0.1:{echo.port}"
            change = changes(tmp_path) | {"backends.ecm.base_url": url, "credentials.shop.token_url": url}
            async with stacks(change, ecm_password=ECM_PASSWORD) as both:
                watched = Watched(both, written)
                job = await watched.job()
                for tenant, kind in WAYS[1:]:
                    answer = await job.submit(tenant, kind, [case(kind, f"C-{IDENTIFIER}")], prefer="wait=3")
                    assert SECRET not in answer.text
                assert any(CLIENT_SECRET.encode() in heard for heard in echo.heard)
                assert any(b"Basic " in heard for heard in echo.heard)
                basic = next(heard for heard in echo.heard if b"Basic " in heard).split(b"Basic ")[1].split(b"\r\n")[0]
                watched.secrets.add(basic.decode())
                await assert_kept(watched)


BAD_BODIES = (
    b'{"execute": true, "cases": [{"caseNumber": "%s", "caseNumber": "%s"}]}',
    b'{"execute": true, "cases": [{"caseNumber": "%s", "more": 1}]}',
    b'{"execute": true, "cases": [{"caseNumber": "%s"}, {"caseNumber": "%s"}]}',
    b'{"execute": true, "cases": [{"caseNumber": "%s"}',
    b'{"execute": true, "%s": 1}',
    b'{"execute": "%s", "cases": []}',
    b'{"execute": true, "cases": [{"caseNumber": "%s\\u0000"}]}',
    b'{"execute": true, "cases": [{"caseNumber": "%s\\ud800"}]}',
    b'{"execute": true, "cases": [{"caseNumber": "%s\xff"}]}',
    b'{"execute": true, "cases": [{"caseToken": "%s", "requestId": "%s"}]}',
    b'{"execute": true, "cases": NaN, "x": "%s"}',
    b"%s",
)


async def test_requests_that_are_refused(watched: Watched) -> None:
    mark = IDENTIFIER.encode()
    http = (await watched.job()).http
    path = "/v1/tenants/acme-dk/case-deletions"
    refused = [await http.post(path, content=body.replace(b"%s", mark)) for body in BAD_BODIES]
    refused += [
        await http.post(path, content=mark, headers={"Content-Type": f"text/{IDENTIFIER}"}),
        await http.post(path, content=mark * 1_000_000),
        await http.post(f"/v1/tenants/{IDENTIFIER}/case-deletions", json={}),
        await http.get(f"/v1/operations/{IDENTIFIER}"),
        await http.get(f"/v1/operations?{IDENTIFIER}=1"),
        await http.get(f"/v1/operations?cursor={IDENTIFIER}"),
        await http.get(f"/{IDENTIFIER}/{SECRET}?{SECRET}=1"),
        await http.request(f"X{IDENTIFIER}", path),
        await http.post(path, json={}, headers={"Idempotency-Key": f"{IDENTIFIER} x"}),
        await http.post(path, json={}, headers={"Prefer": IDENTIFIER}),
        await http.post(path, json={}, headers={"traceparent": f"00-{SECRET}", "Cookie": SECRET}),
        await http.post(path, json={}, headers={b"X-Request-Id": f"{IDENTIFIER} {SECRET} é".encode()}),
        await http.delete(f"/v1/tenants/acme-dk/case-deletions/{IDENTIFIER}"),
    ]

    assert all(400 <= answer.status_code < 500 for answer in refused), [answer.status_code for answer in refused]
    await assert_kept(watched)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": f"{SECRET}-wrong"},
        {"Authorization": f"Bearer {JWT}"},
        {"Authorization": f"Bearer {SECRET}"},
        {"Authorization": f"Basic {SECRET}"},
        {"Authorization": SECRET},
        {"Authorization": f"Bearer {JWT}", "X-API-Key": API_KEY},
    ],
)
async def test_callers_that_are_refused(watched: Watched, headers: Mapping[str, str]) -> None:
    async with httpx2.AsyncClient(base_url=watched.both.url, trust_env=False) as http:
        answer = await http.post("/v1/tenants/acme-dk/case-deletions", json={}, headers=headers)

    assert answer.status_code == 401
    assert SECRET not in answer.text + repr(answer.headers)
    await assert_kept(watched)


async def test_an_idempotency_key_that_is_used_again(watched: Watched) -> None:
    job = await watched.job()
    await job.delete("acme-dk", f"CN1-{IDENTIFIER}", key=f"{IDENTIFIER}-k")
    again = await job.delete("acme-dk", f"CN2-{IDENTIFIER}", key=f"{IDENTIFIER}-k")

    assert again.json()["code"] == "idempotency_key_reused"
    await assert_kept(watched)


@pytest.mark.parametrize("part", ["accept", "settle", "view", "claim"])
async def test_faults_of_the_gateway_itself(watched: Watched, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nobody foresaw, with an identifier and a secret in its text, wherever the ledger is asked."""
    job, ledger = await watched.job(), watched.both.gateway.parts.ledger
    real = getattr(ledger, part)
    broken = asyncio.Event()

    async def break_once(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever it is
        if broken.is_set():
            return await real(*given, **named)
        broken.set()
        raise KeyError(f"{IDENTIFIER} {SECRET}")

    monkeypatch.setattr(ledger, part, break_once)
    answer = await job.delete("acme-dk", f"CN1-{IDENTIFIER}", prefer="wait=3")

    assert broken.is_set()
    assert SECRET not in answer.text
    await assert_kept(watched)
    watched.both.broken.clear()


async def test_a_ledger_that_is_full(watched: Watched) -> None:
    job = await watched.job()
    store = watched.both.gateway.parts.ledger._store  # type: ignore[attr-defined]  # of this one
    store._connection.execute("PRAGMA max_page_count = 1")

    answer = await job.submit("acme-dk", "case-deletions", [{"caseNumber": f"{IDENTIFIER}-{n}"} for n in range(9_000)])

    assert answer.status_code == 503
    store._connection.execute("PRAGMA max_page_count = 1000000")
    await assert_kept(watched)


async def test_what_gateway_audit_writes(watched: Watched) -> None:
    job = await watched.job()
    await job.delete("acme-dk", f"CN1-{IDENTIFIER}", f"NOTFOUND-{IDENTIFIER}")
    await watched.both.gateway.parts.ledger.records.link()
    config = str(watched.both.folder / "gateway.yaml")

    found = await asyncio.to_thread(
        lambda: [
            CliRunner().invoke(audit, [command, "--config", config, *more])
            for command, more in (("verify", ()), ("export", ()), ("find", (f"CN1-{IDENTIFIER}",)))
        ]
    )

    assert [done.exit_code for done in found] == [0, 0, 0], [done.output for done in found]
    assert not any(mark in done.output for done in found for mark in (IDENTIFIER, SECRET))
    assert len(found[1].stdout.splitlines()) == 1
    await assert_kept(watched)


MISPLACED = {
    "credentials.ecm.password": SECRET,
    "credentials.shop.client_secret": SECRET,
    "credentials.ecm.password_env": f"{SECRET} x",
    "credentials.shop.token_url": f"https://user:{SECRET}@host/token",
    "backends.ecm.base_url": f"https://user:{SECRET}@host/ECM",
    "store.url": f"postgresql://user:{SECRET}@host/db",
    "callers.job.api_key_sha256": f"{SECRET}-itself-and-not-its-hash",
    "callers.job.api_key": SECRET,
    "audit.key": SECRET,
    "credentials.scalepoint.private_key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
    "credentials.scalepoint.private_key_file": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
}


@pytest.mark.parametrize("path", MISPLACED)
async def test_a_secret_that_stands_where_it_should_not(watched: Watched, path: str) -> None:
    """`gateway check` in a process of its own: its words, and whatever it would say in breaking."""
    place = write(watched.both.folder, changed(watched.both.tree, {path: MISPLACED[path]}))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "check", "--config", str(place),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()

    assert process.returncode == 1
    assert SECRET not in output.decode(), output.decode()
