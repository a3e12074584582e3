"""Tasks that run as long as the process, or as a block: what breaks in one is told."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager

OnBroken = Callable[[BaseException], None]
"""Told of a loop that ended by itself: that is a fault of ours, and the process must not go on as if it dispatched."""


def watched(work: Coroutine[None, None, None], on_broken: OnBroken) -> asyncio.Task[None]:
    """Run `work` as a task, and tell if it breaks."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            on_broken(error)

    task = asyncio.create_task(work)
    task.add_done_callback(ended)
    return task


@contextmanager
def background(work: Coroutine[None, None, None], on_broken: OnBroken) -> Iterator[None]:
    """Run `work` until the end of the block."""
    task = watched(work, on_broken)
    try:
        yield
    finally:
        task.cancel()
