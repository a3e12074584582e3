"""An upstream that costs next to nothing: raw HTTP/1.1 on asyncio protocols, in a process of its own.

It answers Hub deletions and ECM removals, after a latency if told so, keeps its limits as sliding windows with 429, and
records when each call arrived: `GET /record`. It prints its port when it listens.
"""

import argparse
import asyncio
import time
from collections import deque
from typing import Any, cast

import msgspec
import uvloop
from msgspec import Struct, field

SECOND, MINUTE = 1.0, 60.0
DELETED = b'{"requestId":"%s","found":true,"deleted":true,"errors":[],"messages":[]}'
OK, TOO_MANY_REQUESTS = b"200 OK", b"429 Too Many Requests"


class Window(Struct):
    """At most `limit` calls in any `seconds`; refused calls do not count."""

    limit: int
    seconds: float
    taken: deque[float] = field(default_factory=deque)

    def is_full(self, now: float) -> bool:
        """Whether one more call at `now` would be one too many."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        return len(self.taken) >= self.limit


class Record(Struct):
    """What the upstream has seen; `arrivals` are those it accepted, in monotonic seconds."""

    windows: list[Window]
    arrivals: list[float] = field(default_factory=list)
    refused: int = 0

    def admit(self) -> bool:
        """Whether a call that arrives now is within the limits; takes note of it."""
        now = time.monotonic()
        if any([window.is_full(now) for window in self.windows]):  # noqa: C419 - every window is to forget what is old
            self.refused += 1
            return False
        for window in self.windows:
            window.taken.append(now)
        self.arrivals.append(now)
        return True


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request after the other."""

    def __init__(self, record: Record, latency_seconds: float) -> None:
        self.record = record
        self.latency_seconds = latency_seconds
        self.buffer = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = content_length(self.buffer[:end])
        body = self.buffer[end + 4 :]
        if len(body) < length:
            return
        method, path = self.buffer.split(b" ", 2)[:2]
        self.buffer = body[length:]
        self.answer(method, path, body[:length])

    def answer(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"GET":
            self.write(OK, msgspec.json.encode({"arrivals": self.record.arrivals, "refused": self.record.refused}))
        elif not self.record.admit():
            self.write(TOO_MANY_REQUESTS, b'{"errors":["Too many requests"]}')
        else:
            content = removed(msgspec.json.decode(body)) if b"/ECMService/" in path else deleted(body)
            asyncio.get_running_loop().call_later(self.latency_seconds, self.write, OK, content)

    def write(self, status: bytes, content: bytes) -> None:
        head = b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (status, len(content))
        self.transport.write(head + content)


def content_length(head: bytes) -> int:
    """The body's length as `head` gives it; 0 if it gives none."""
    lower = head.lower()
    start = lower.find(b"content-length:")
    if start < 0:
        return 0
    end = lower.find(b"\r\n", start)
    return int(lower[start + 15 : end if end > 0 else None])


def deleted(body: bytes) -> bytes:
    """Hub Property's answer to an executed deletion, with the request's own id."""
    request_id: str = msgspec.json.decode(body).get("requestId", "")
    return DELETED % request_id.encode()


def removed(cases: list[dict[str, Any]]) -> bytes:
    """ECM's answer to a removal of which every item succeeded."""
    done = {"MESSAGE": "Removed successfully.", "STATUS": "SUCCESS"}
    results = []
    for case in cases:
        listed = next(name for name in case if name != "caseId")
        items = [{**item, **done} for item in case[listed]]
        results.append({"caseId": case["caseId"], listed: items, **done})
    return msgspec.json.encode({**done, "RESULTARRAY": results})


async def serve(record: Record, latency_seconds: float) -> None:
    """Serve on a free port until cancelled."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(record, latency_seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency-seconds", type=float, default=0.0)
    parser.add_argument("--per-second", type=int)
    parser.add_argument("--per-minute", type=int)
    arguments = parser.parse_args()
    limits = ((arguments.per_second, SECOND), (arguments.per_minute, MINUTE))
    windows = [Window(limit, seconds) for limit, seconds in limits if limit is not None]
    uvloop.run(serve(Record(windows), arguments.latency_seconds))


if __name__ == "__main__":
    main()
