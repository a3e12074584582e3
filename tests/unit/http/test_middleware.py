"""What happens around every request, whatever it is."""

import asyncio
import logging
from typing import Any

import httpx2
import pytest

from gateway.errors import CommitUnknown, LedgerError, LedgerUnavailable
from gateway.http.drain import Drain
from gateway.http.intake import Intake
from gateway.http.middleware import Edge, Message
from gateway.telemetry.events import Event, HttpAnswered, HttpBegun
from tests.unit.http.api import DELETIONS, ONE_CASE, Api, HeldClock
from tests.unit.http.outcomes import SUCCEEDED

SCOPE = {"type": "http", "method": "POST", "path": "/x", "headers": []}


class Boom(Exception):
    """Something nobody thought of."""


async def test_every_answer_carries_the_ids_and_the_same_care(api: Api, client: httpx2.AsyncClient) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sent = {"X-Request-Id": "r-1", "traceparent": trace}
    answers = [
        await client.get("/livez", headers=sent),
        await client.get("/nowhere", headers=sent),
        await client.put("/livez", headers=sent),
        await client.options("/livez", headers=sent),
        await client.post(DELETIONS, json={}, headers=sent),
        await client.post(DELETIONS, json=ONE_CASE, headers=sent),
        await client.get("/v1/tenants", headers={**sent, "X-API-Key": "wrong"}),
    ]

    for answer in answers:
        assert (answer.headers["X-Request-Id"], answer.headers["traceparent"]) == ("r-1", trace)
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert (api.answered.request_id, api.answered.trace_parent) == ("r-1", trace)


async def test_every_request_is_told_of_once_when_it_comes_and_once_when_it_is_answered(
    api: Api, client: httpx2.AsyncClient
) -> None:
    api.fake.script = [SUCCEEDED]
    await client.post(DELETIONS, json=ONE_CASE)
    await client.get("/nowhere")
    await client.request("BREW", "/docs")

    begun, _authenticated, *rest = api.events
    first, _, second, _, third = rest
    assert isinstance(begun, HttpBegun)
    assert isinstance(first, HttpAnswered)
    assert (first.method, first.route, first.status) == ("POST", "/v1/tenants/{tenant}/case-deletions", 200)
    assert (first.caller, first.operation_id) == ("retention-job", next(iter(api.fake.cases)))
    assert isinstance(second, HttpAnswered)
    assert (second.method, second.route, second.status) == ("GET", "unrouted", 404)
    assert isinstance(third, HttpAnswered)
    assert (third.method, third.status) == ("OTHER", 405)


async def test_the_duration_is_from_the_clock(api: Api, client: httpx2.AsyncClient) -> None:
    await client.post(DELETIONS, json=ONE_CASE, headers={"Prefer": "wait=7"})

    assert api.answered.seconds == 7


@pytest.mark.parametrize("path", ["/livez", "/v1/tenants", "/v1/operations", "/docs", "/openapi.json", "/metrics"])
async def test_head_is_get_without_a_body(client: httpx2.AsyncClient, path: str) -> None:
    whole, head = await client.get(path), await client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.content))


async def test_head_is_no_way_to_make_an_operation(api: Api, client: httpx2.AsyncClient) -> None:
    assert (await client.head(DELETIONS)).status_code == 405
    assert api.fake.accepted == []


@pytest.mark.parametrize(
    ("failure", "code"),
    [(LedgerUnavailable("disk full"), "ledger_unavailable"), (CommitUnknown("fsync"), "acceptance_unknown")],
)
async def test_a_ledger_that_fails_is_503_on_every_route(
    api: Api, client: httpx2.AsyncClient, failure: LedgerError, code: str
) -> None:
    api.fake.failure = failure
    answers = [await client.post(DELETIONS, json=ONE_CASE, headers={"Idempotency-Key": "k"})]
    if isinstance(failure, LedgerUnavailable):
        operation = "/v1/operations/0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10"
        answers += [
            await client.get("/v1/operations"),
            await client.get(operation),
            await client.get(f"{operation}/results"),
            await client.post(f"{operation}/cancel"),
            await client.post(f"{operation}/retry"),
            await client.get("/v1/tenants"),
            await client.get("/v1/tenants/acme-dk"),
        ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, code)
        assert int(answer.headers["Retry-After"]) >= 1
        assert str(failure) not in answer.text


async def test_an_accepted_operation_whose_state_cannot_be_read_is_not_called_unwritten(
    api: Api, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_args: object, **_named: object) -> None:
        raise LedgerUnavailable("lost")

    monkeypatch.setattr(api.fake, "view", broken)

    answer = await client.post(DELETIONS, json=ONE_CASE)

    assert (answer.status_code, answer.json()["code"]) == (503, "acceptance_unknown")
    assert len(api.fake.accepted) == 1


async def test_a_fault_of_ours_is_logged_and_not_shown(
    api: Api, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_args: object, **_named: object) -> None:
        raise Boom("the secret is in /etc/gateway")

    monkeypatch.setattr(api.fake, "operations", broken)

    answer = await client.get("/v1/operations")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "secret" not in answer.text
    assert "Traceback" in caplog.text
    assert "Boom: the secret" in caplog.text
    assert api.answered.status == 500


class Caller:
    """The server's side of one request: what it passes on, and what it gets."""

    def __init__(self, *messages: Message) -> None:
        self.got: list[Message] = []
        self._messages = list(messages)

    async def receive(self) -> Message:
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def send(self, message: Message) -> None:
        self.got.append(message)


def request(body: bytes = b"", *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def edge(app: Any) -> tuple[Edge, list[Event]]:  # noqa: ANN401 - any ASGI application
    events: list[Event] = []
    return Edge(app, HeldClock(), events.append, Drain(), Intake()), events


def told(events: list[Event]) -> HttpAnswered:
    assert isinstance(events[-1], HttpAnswered)
    return events[-1]


async def reads_and_answers(_scope: Message, receive: Any, send: Any) -> None:  # noqa: ANN401
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done", "more_body": False})


async def test_a_caller_that_hung_up_before_its_answer_is_told_of_as_499() -> None:
    app, events = edge(reads_and_answers)

    await app(SCOPE, Caller(request(), {"type": "http.disconnect"}).receive, Caller().send)

    assert told(events).status == 499


async def test_a_caller_that_is_there_is_not() -> None:
    app, events = edge(reads_and_answers)
    caller = Caller(request(b"a", more=True), request())

    await app(SCOPE, caller.receive, caller.send)

    assert told(events).status == 200
    assert [message["type"] for message in caller.got] == ["http.response.start", "http.response.body"]


async def test_a_caller_that_hangs_up_while_it_sends_is_told_of_as_499(api: Api) -> None:
    headers = [(b"content-type", b"application/json"), (b"x-api-key", b"key-of-the-retention-job")]
    scope = {
        **SCOPE, "path": DELETIONS, "raw_path": DELETIONS.encode(), "query_string": b"", "headers": headers,
        "http_version": "1.1", "scheme": "http", "root_path": "", "client": None, "server": None,
    }  # fmt: skip
    caller = Caller(request(b"{", more=True), {"type": "http.disconnect"})

    await api.app(scope, caller.receive, caller.send)

    assert api.answered.status == 499
    assert api.fake.accepted == []


async def test_a_failure_before_the_answer_is_a_problem(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(*_: object) -> None:
        raise Boom

    app, events = edge(fails)
    caller = Caller()

    await app(SCOPE, caller.receive, caller.send)

    assert caller.got[0]["status"] == 500
    assert b"internal_error" in caller.got[1]["body"]
    assert told(events).status == 500
    assert "Boom" in caplog.text


async def test_a_failure_within_the_answer_ends_the_connection_and_is_told_of_as_500() -> None:
    async def fails_halfway(_scope: Message, _receive: object, send: Any) -> None:  # noqa: ANN401
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Boom

    app, events = edge(fails_halfway)

    with pytest.raises(Boom):
        await app(SCOPE, Caller().receive, Caller().send)
    assert told(events).status == 500


async def test_a_cancelled_request_is_told_of() -> None:
    async def waits(*_: object) -> None:
        await asyncio.Event().wait()

    app, events = edge(waits)
    running = asyncio.create_task(app(SCOPE, Caller().receive, Caller().send))
    await asyncio.sleep(0)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert told(events).status == 500


async def test_what_is_not_http_is_passed_on() -> None:
    seen: list[object] = []

    async def takes(scope: object, _receive: object, _send: object) -> None:
        seen.append(scope)

    app, events = edge(takes)
    scope: Message = {"type": "lifespan"}

    await app(scope, Caller().receive, Caller().send)

    assert seen == [scope]
    assert events == []


def test_litestar_has_not_taken_over_logging() -> None:
    Api()

    assert not any("litestar" in type(handler).__module__ for handler in logging.getLogger().handlers)
