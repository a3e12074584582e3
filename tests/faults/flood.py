"""Many posts at once, by hand: what a client library does to a body that nobody reads is not what is measured here."""

import asyncio
import json
import time
from urllib.parse import urlsplit

from msgspec import Struct

from tests.api.configuration import JOB_KEY


class Refusal(Struct, frozen=True):
    """One answer: its status, its code if it is a problem, whether it says when to come again, and after how long."""

    status: int
    code: str | None
    retry_after: str | None
    seconds: float


def large_post(cases: int, key: str | None = None) -> bytes:
    """A post of a deletion of so many cases."""
    body = json.dumps({"execute": True, "cases": [{"caseNumber": f"FLOOD-{number}"} for number in range(cases)]})
    headers = [
        "POST /v1/tenants/acme-dk/case-deletions HTTP/1.1",
        "Host: gateway",
        f"X-API-Key: {JOB_KEY}",
        "Content-Type: application/json",
        "Prefer: respond-async",
        "Connection: close",
        f"Content-Length: {len(body)}",
        *([f"Idempotency-Key: {key}"] if key else []),
    ]
    return ("\r\n".join(headers) + "\r\n\r\n" + body).encode()


async def flood(url: str, request: bytes, at_once: int, count: int) -> list[Refusal]:
    """Post it so often, over so many connections at a time, each of its own."""
    left = list(range(count))
    answers: list[Refusal] = []

    async def post() -> None:
        while left:
            left.pop()
            answers.append(await _post(url, request))

    await asyncio.gather(*(post() for _ in range(at_once)))
    return answers


async def _post(url: str, request: bytes) -> Refusal:
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    began = time.perf_counter()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    seconds = time.perf_counter() - began
    headers = dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line)
    body = json.loads(await reader.readexactly(int(headers["content-length"])))
    writer.close()
    return Refusal(int(head.split(b" ", 2)[1]), body.get("code"), headers.get("retry-after"), seconds)
