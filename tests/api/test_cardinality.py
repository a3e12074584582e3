"""Whatever callers send, the number of series stays the same (CONTRACT.md section 5)."""

import random
import string
from collections.abc import Iterator, MutableMapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from gateway.http.app import build
from gateway.http.middleware import Edge

from .configuration import JOB_KEY
from .conftest import Stacks

REQUESTS, WARMING_UP = 10_000, 3_000
METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH")
COME_AND_GO = {
    (f"gateway_{name}", frozenset({("backend", backend)}))
    for name in ("queue_empty_seconds", "backend_opens_timestamp_seconds")
    for backend in ("hub-dk", "claimshop-dk", "ecm")
}
"""Series that are absent while there is nothing to tell, one for each backend that is configured."""


def made_up(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_letters + string.digits + "-._~", k=rng.randint(1, 30)))


def requests(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Made-up methods, paths, tenants, operations and query parameters, in turn."""
    while True:
        word = made_up(rng)
        yield rng.choice(METHODS), f"/{word}/{made_up(rng)}"
        yield "POST", f"/v1/tenants/{word}/case-deletions"
        yield "GET", f"/v1/tenants/{word}"
        yield rng.choice(METHODS), f"/v1/operations/{word}"
        yield word.translate(str.maketrans("", "", "-._~")).upper() or "X", f"/v1/tenants/acme-dk/{word}"
        yield "GET", f"/v1/operations?{word}={word}"


class Door:
    """The API, asked without a network: thirteen thousand requests in a few seconds."""

    def __init__(self, app: Edge) -> None:
        self._app = app

    async def ask(self, method: str, target: str) -> bytes:
        path, _, query = target.partition("?")
        body = bytearray()
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": "",
            "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"host", b"gateway.test"), (b"x-api-key", JOB_KEY.encode())],
            "client": None, "server": None, "state": {}, "extensions": {},
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: MutableMapping[str, Any]) -> None:
            body.extend(message.get("body", b""))

        await self._app(scope, receive, send)
        return bytes(body)

    async def series(self) -> set[tuple[str, frozenset[tuple[str, str]]]]:
        families = text_string_to_metric_families((await self.ask("GET", "/metrics")).decode())
        every = {(s.name, frozenset(s.labels.items())) for family in families for s in family.samples}
        return {series for series in every if series not in COME_AND_GO}


async def test_ten_thousand_made_up_paths_tenants_identifiers_and_methods_add_no_series(stacks: Stacks) -> None:
    """Measured once each sort of request has been there; with raw paths or methods as labels it fails."""
    rng = random.Random(20_261_122)  # noqa: S311 - made-up words, the same each time
    many = requests(rng)
    async with stacks() as both:
        door, job = Door(build(both.gateway.parts)), await both.caller()

        async def ask(count: int, cases: int) -> set[tuple[str, frozenset[tuple[str, str]]]]:
            await job.delete("acme-dk", *(f"{number}-{made_up(rng)}" for number in range(cases)))
            for _ in range(count):
                await door.ask(*next(many))
            return await door.series()

        await ask(100, 2)
        before = await ask(WARMING_UP, 20)
        assert await ask(REQUESTS, 500) - before == set()
