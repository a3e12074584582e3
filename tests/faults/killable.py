"""`python -m tests.faults.killable serve ...`: the gateway, which kills itself at one instant of its work.

GATEWAY_KILL names the instant and its occurrence: `settle.before:3`. Before it dies it adds the instant and the time to
the file GATEWAY_KILL_LOG. The gateway itself knows nothing of this: its parts are wrapped before it starts.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from gateway.cli.main import main
from gateway.errors import AnswerUnknown
from gateway.ledger import postgres
from gateway.ledger.base import Claim
from gateway.ledger.postgres_session import Connection
from gateway.ledger.sqlite import SqliteStore
from gateway.model.calls import Answer, UpstreamRequest
from gateway.transport import connecting
from gateway.transport.stream import Stream
from gateway.transport.wire import Wire

from .points import TRANSACTIONS

TOKEN_PATH = "/connect/token"
UPSTREAM_CALLS = (b"DELETE ", b"POST /ECM")
LAST_WORDS = {"send.middle", "send.after", "answer.awaited"}
AT_WORK_SECONDS = 0.02
"""After this time the sandbox, whose answers take longer, is at work on a call."""


class Trigger:
    """Waits for the n-th occurrence of one instant."""

    def __init__(self, wanted: str, log_file: str) -> None:
        self.point, _, count = wanted.partition(":")
        self._left = int(count)
        self._log_file = log_file
        self._lock = threading.Lock()

    def is_due(self, point: str) -> bool:
        """Count the instant `point`; whether it is the one."""
        with self._lock:
            self._left -= int(point == self.point)
            return point == self.point and self._left == 0

    def at(self, point: str) -> None:
        """Count the instant `point`, and die if it is the one."""
        if self.is_due(point):
            self.kill()

    def kill(self) -> None:
        with open(self._log_file, "a", encoding="ascii") as log:  # noqa: PTH123 - as little as possible before the end
            log.write(f"{self.point} {time.time()}\n")
        os.kill(os.getpid(), signal.SIGKILL)


def transaction_of(work: Any, result: object) -> str | None:  # noqa: ANN401 - a partial of one of the ledger's functions
    """Which of TRANSACTIONS `work` was, receipts aside."""
    work = getattr(work, "keywords", {}).get("work", work)
    function = getattr(getattr(work, "func", work), "__name__", "")
    name = {"_touch": "check"}.get(function, function)
    grants_nothing = isinstance(result, Claim) and not result.calls
    return name if name in TRANSACTIONS and not grants_nothing else None


def watch_sqlite(trigger: Trigger) -> None:
    """Around COMMIT in the writer's thread. Several transactions may share it: each counts."""
    commit = SqliteStore._commit

    def watched(store: SqliteStore, batch: list[Any]) -> None:
        kinds = [transaction_of(job.work, job.result) for job in batch]
        for kind in kinds:
            trigger.at(f"{kind}.before")
        commit(store, batch)
        for kind in kinds:
            trigger.at(f"{kind}.after")

    SqliteStore._commit = watched  # type: ignore[method-assign, assignment]


def watch_postgres(trigger: Trigger) -> None:
    """Around COMMIT on each connection, which has a thread of its own."""
    once, commit, local = postgres.PostgresStore._once, postgres.PostgresStore._commit, threading.local()

    def watched_once(store: postgres.PostgresStore, begin: str, work: Callable[[Any], Any], give_up_at: float) -> Any:  # noqa: ANN401
        local.kind = None

        def watched_work(transaction: object) -> object:
            result = work(transaction)
            local.kind = transaction_of(work, result) if begin == postgres.WRITE else None
            return result

        return once(store, begin, watched_work, give_up_at)

    def watched_commit(store: postgres.PostgresStore, connection: Connection) -> None:
        kind = local.kind
        trigger.at(f"{kind}.before")
        if trigger.is_due(f"{kind}.during"):
            connection.pgconn.send_query(b"COMMIT")
            connection.pgconn.flush()
            trigger.kill()
        commit(store, connection)
        trigger.at(f"{kind}.after")

    postgres.PostgresStore._once = watched_once  # type: ignore[method-assign, assignment]
    postgres.PostgresStore._commit = watched_commit  # type: ignore[method-assign, assignment]


def watch_sending(trigger: Trigger) -> None:
    """In the bytes of each upstream call; calls for tokens are none."""

    class Watched(Stream):
        """A connection; requests and answers are counted over all of them."""

        _head = b""
        _unanswered = False

        async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore2's
            if buffer.startswith(UPSTREAM_CALLS):
                trigger.at("send.before")
                self._unanswered = True
                if trigger.point in LAST_WORDS and trigger.is_due(trigger.point):
                    self._head = buffer
                    return
            if self._head:
                self._leave(self._head + buffer, len(buffer))
            else:
                await super().write(buffer, timeout)

        def _leave(self, request: bytes, body_bytes: int) -> None:
            """Past the event loop, which would keep the bytes until its next turn."""
            sent = request[: -body_bytes // 2] if trigger.point == "send.middle" else request
            assert os.write(self._transport.get_extra_info("socket").fileno(), sent) == len(sent)
            if trigger.point != "answer.awaited":
                trigger.kill()
            asyncio.get_running_loop().call_later(AT_WORK_SECONDS, trigger.kill)
            self._head = b""

        def data_received(self, data: bytes) -> None:
            if self._unanswered:
                self._unanswered = False
                trigger.at("answer.begun")
            super().data_received(data)

    connecting.Stream = Watched  # type: ignore[attr-defined]


def watch_answers(trigger: Trigger) -> None:
    """When a call has come back."""
    call = Wire.call

    async def watched(
        wire: Wire, request: UpstreamRequest, headers: tuple[tuple[str, str], ...], deadline: float
    ) -> Answer:
        try:
            answer = await call(wire, request, headers, deadline)
        except AnswerUnknown:
            trigger.at("answer.missed")
            raise
        if request.path != TOKEN_PATH:
            trigger.at("answer.read")
        return answer

    Wire.call = watched  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    if wanted := os.environ.get("GATEWAY_KILL"):
        the_trigger = Trigger(wanted, os.environ["GATEWAY_KILL_LOG"])
        for watch in (watch_sqlite, watch_postgres, watch_sending, watch_answers):
            watch(the_trigger)
    main()
