"""An event loop that does not wait: when nothing is left to do at an instant, its time goes on to the next timer's."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar, TypeVarTuple, Unpack

from gateway.clock import SystemClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Selector(selectors.DefaultSelector):
    """Waits in earnest for threads alone."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        super().__init__()
        self._simulated = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:
            return super().select(0)
        if self._simulated.threads_at_work:
            return super().select(None)  # they report by the loop's own pipe
        if timeout is None:
            message = "everything waits, and for nothing"
            raise RuntimeError(message)
        self._simulated.pass_time(timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """`time()` stands still while anything is being done, be it in a thread."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self.threads_at_work = 0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self._seconds

    def pass_time(self, seconds: float) -> None:
        self._seconds += seconds

    @contextmanager
    def thread(self) -> Iterator[None]:
        """Within the block a thread is at work: no time passes meanwhile."""
        self.threads_at_work += 1
        try:
            yield
        finally:
            self.threads_at_work -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        done = super().run_in_executor(executor, func, *args)
        self.threads_at_work += 1
        done.add_done_callback(self._thread_ended)
        return done

    async def shutdown_default_executor(self) -> None:
        with self.thread():
            await super().shutdown_default_executor()

    def _thread_ended(self, _done: asyncio.Future[Any]) -> None:
        self.threads_at_work -= 1


class SimulatedClock(SystemClock):
    """On the loop's time, on which it waits, too."""

    def __init__(self, loop: SimulatedLoop, start: int) -> None:
        self._loop = loop
        self._start = start

    def now(self) -> int:
        return self._start + round(self._loop.time() * 1_000_000)

    def monotonic(self) -> float:
        return self._loop.time()


def simulate(scenario: Callable[[SimulatedLoop], Coroutine[Any, Any, T]]) -> T:
    """Run `scenario` on a loop of its own, from its second 0."""
    loop = SimulatedLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(scenario(loop))
