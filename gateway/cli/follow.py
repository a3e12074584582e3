"""Follow an operation until it ends, is found waiting for opening hours, or patience ends."""

import time
from typing import Any

import click
from msgspec import Struct
from rich.console import Console

from gateway.cli.client import GatewayClient, RefusedForNow, Reply, Unreachable, operation_path
from gateway.cli.options import Session, Waiting
from gateway.cli.render import clean, print_envelope, print_json, progress_text

SERVER_WAIT_SECONDS = 20
"""How long one request may wait for an operation to finish; a longer wait is made of several requests."""
UNENDED = frozenset({"scheduled", "running"})
MIN_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 10.0
UNREACHABLE_SECONDS = 60.0
"""How long a gateway that is being followed may be away, such as for a restart."""


class Patience(Struct, frozen=True):
    """When to stop following: `until` on the monotonic clock, null for never, and whether a closed backend ends it."""

    until: float | None
    through_closed: bool

    def left_seconds(self) -> float:
        """How long to go on, in seconds."""
        return float("inf") if self.until is None else self.until - time.monotonic()


def prefer(waiting: Waiting) -> dict[str, str]:
    """The Prefer header (RFC 7240) that asks for what `waiting` means."""
    return {"Prefer": "respond-async" if waiting.asynchronous else f"wait={server_wait_seconds(waiting)}"}


def server_wait_seconds(waiting: Waiting) -> int:
    """How long the first request itself may wait for the end, in whole seconds."""
    if waiting.asynchronous:
        return 0
    return SERVER_WAIT_SECONDS if waiting.seconds is None else min(SERVER_WAIT_SECONDS, int(waiting.seconds))


def conclude(session: Session, reply: Reply, waiting: Waiting, started: float) -> None:
    """Follow the operation of `reply` as `waiting` says, print it, and exit 0 if it is as asked for, else 1.

    `started` is when the first request was made, on the monotonic clock.
    """
    if waiting.asynchronous and reply.body["status"] in UNENDED:
        show_envelope(session, reply.body)
        return
    until = None if waiting.seconds is None else started + waiting.seconds
    envelope = followed(session.client, reply, Patience(until, through_closed=False))
    finish(session, envelope)


def finish(session: Session, envelope: dict[str, Any]) -> None:
    """Print an operation that is followed no further, and exit 0 if it succeeded, else 1."""
    show_envelope(session, envelope)
    if envelope["status"] in UNENDED:
        click.echo(f"It goes on. Follow it with: gateway operations wait {clean(envelope['operationId'])}", err=True)
    if envelope["status"] != "succeeded":
        raise SystemExit(1)


def followed(client: GatewayClient, reply: Reply, patience: Patience) -> dict[str, Any]:
    """The operation of `reply` when it has ended, or as it stands when `patience` ends. Raises Unreachable."""
    console = Console(stderr=True, highlight=False)
    try:
        with console.status(clean(progress_text(reply.body))) as status:
            while not _done(reply.body, patience):
                time.sleep(_pause_seconds(reply, patience))
                reply = _read(client, reply.body["operationId"])
                status.update(clean(progress_text(reply.body)))
    except KeyboardInterrupt:
        console.print("Stopped following.")
    return reply.body


def _done(envelope: dict[str, Any], patience: Patience) -> bool:
    if envelope["status"] not in UNENDED or patience.left_seconds() <= 0:
        return True
    return envelope["status"] == "scheduled" and not patience.through_closed


def _pause_seconds(reply: Reply, patience: Patience) -> float:
    asked = 1.0 if reply.retry_after_seconds is None else reply.retry_after_seconds
    pause = min(max(asked, MIN_PAUSE_SECONDS), MAX_PAUSE_SECONDS)
    return max(0.0, min(pause, patience.left_seconds()))


def _read(client: GatewayClient, operation_id: str) -> Reply:
    give_up = time.monotonic() + UNREACHABLE_SECONDS
    while True:
        try:
            return client.get(operation_path(operation_id))
        except (Unreachable, RefusedForNow) as error:
            if time.monotonic() > give_up:
                error.add_note(f"The operation goes on. Follow it with: gateway operations wait {operation_id}")
                raise
        time.sleep(1.0)


def show_envelope(session: Session, envelope: dict[str, Any]) -> None:
    """Print an operation the way the session asks for."""
    if session.as_json:
        print_json(envelope)
    else:
        print_envelope(envelope)
