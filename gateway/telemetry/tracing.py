"""What the rest of the gateway asks of traces, and what answers where they are off: nothing, at no cost.

A request is a span. So is each call, with its claim, what is sent, and its settle within. A call is part of the
caller's trace while the caller waits for it; else it is a trace of its own, with a link to the request that asked for
it. What is not sampled is not recorded, and the caller's own trace context goes on as it came.
"""

from types import TracebackType
from typing import Protocol, Self

from gateway.model.calls import Call
from gateway.telemetry.events import CallEnded, HttpAnswered


class RequestSpan(Protocol):
    """One request of a caller. `trace_parent`: what goes on in place of the caller's; null: nothing does."""

    trace_parent: str | None

    def wait(self) -> None:
        """From here on the caller waits: calls of its operation are part of its trace until the request ends."""
        ...

    def end(self, answered: HttpAnswered) -> None:
        """The request is over."""
        ...


class CallSpan(Protocol):
    """One granted call, from its claim to its settle; it ends with the block that it is entered for.

    `trace_parent` is its own, null where it is not recorded.
    """

    trace_parent: str | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None, /
    ) -> None: ...

    def send(self, method: str, call: str, base_url: str) -> str | None:
        """The call is being sent; the `traceparent` to send with it, null for the one that came with the request."""
        ...

    def came_back(self, outcome: str, reason: str | None) -> None:
        """What was sent was answered, or is given up. Both are as in `CallEnded`."""
        ...

    def settle(self) -> None:
        """The outcome is being recorded."""
        ...

    def end(self, ended: CallEnded) -> None:
        """It is recorded."""
        ...


class Tracing(Protocol):
    """Makes spans; must not raise, and must not block."""

    def request(self, method: str, trace_parent: str | None) -> RequestSpan:
        """A request has come in, with the caller's `traceparent` if it sent a valid one."""
        ...

    def call(self, call: Call, claim_seconds: float | None) -> CallSpan:
        """A call was granted, by a claim that began so long ago; null: by another process, which is gone."""
        ...

    async def close(self) -> None:
        """Hand over what has ended, within a bounded time."""
        ...


class _Nothing:
    """A span that is not recorded."""

    __slots__ = ()
    trace_parent: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def wait(self) -> None:
        return

    def send(self, _method: str, _call: str, _base_url: str) -> None:
        return

    def came_back(self, _outcome: str, _reason: str | None) -> None:
        return

    def settle(self) -> None:
        return

    def end(self, _event: HttpAnswered | CallEnded) -> None:
        return


NOTHING = _Nothing()


class _Off:
    """No traces."""

    __slots__ = ()

    def request(self, _method: str, _trace_parent: str | None) -> RequestSpan:
        return NOTHING

    def call(self, _call: Call, _claim_seconds: float | None) -> CallSpan:
        return NOTHING

    async def close(self) -> None:
        return


OFF: Tracing = _Off()
