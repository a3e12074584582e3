"""Make an operation, safely repeatable, and follow it: what `delete` and `remove` share."""

import time
from typing import Any

import click

from gateway.cli.client import Refused, Reply, Unreachable, tenant_path
from gateway.cli.follow import conclude, prefer, server_wait_seconds
from gateway.cli.options import Session, Waiting

WAITS_IF_ASYNC = frozenset({"outside_opening_hours", "circuit_open"})


def submit(
    session: Session,
    tenant: str,
    collection: str,
    cases: list[Any],
    *,
    execute: bool,
    idempotency_key: str,
    waiting: Waiting,
) -> None:
    """Send the request for `cases` to the tenant's `collection`, follow the operation, and exit as `conclude` says.

    The idempotency key is printed before anything is sent: with it the same command can be repeated safely.
    Raises Unreachable, Refused.
    """
    if not cases:
        raise click.UsageError("no case is given")
    click.echo(f"Idempotency-Key: {idempotency_key}", err=True)
    started = time.monotonic()
    reply = _post(
        session, tenant_path(tenant, collection), {"execute": execute, "cases": cases}, idempotency_key, waiting
    )
    conclude(session, reply, waiting, started)


def _post(session: Session, path: str, body: dict[str, Any], idempotency_key: str, waiting: Waiting) -> Reply:
    headers = {"Idempotency-Key": idempotency_key, **prefer(waiting)}
    again = f"Repeat it safely with: --idempotency-key {idempotency_key}"
    try:
        return session.client.post(path, body, headers, wait_seconds=server_wait_seconds(waiting))
    except Unreachable as error:
        error.add_note(f"It may have been accepted. {again}" if error.sent else "Nothing was sent.")
        raise
    except Refused as refused:
        if refused.code == "acceptance_unknown":
            refused.add_note(again)
        if refused.code in WAITS_IF_ASYNC:
            refused.add_note("With --async it is accepted, and waits.")
        raise
