"""`gateway operations`: look at operations, follow them, cancel them, run them again."""

import time
from typing import Any

import click

from gateway.cli.client import operation_path
from gateway.cli.follow import Patience, conclude, finish, followed, prefer, server_wait_seconds, show_envelope
from gateway.cli.options import Session, Waiting, talks_to_gateway, waits
from gateway.cli.render import (
    OPERATION_COLUMNS,
    RESULT_COLUMNS,
    operation_rows,
    print_json,
    print_rows,
    result_rows,
)

PAGE_ROWS = 1_000
KINDS = ("case-deletion", "external-entity-removal", "transaction-removal", "customer-removal", "account-removal")
STATUSES = ("scheduled", "running", "succeeded", "partial", "failed", "unknown", "cancelled")
RESULT_STATUSES = ("pending", "succeeded", "partial", "failed", "unknown", "cancelled")


@click.group()
def operations() -> None:
    """List, show, follow, cancel and retry operations of a running gateway."""


@operations.command("list")
@click.option("--tenant", help="Only of this tenant.")
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind.")
@click.option("--status", type=click.Choice(STATUSES), help="Only with this status.")
@click.option("--limit", type=click.IntRange(1, PAGE_ROWS), default=20, show_default=True, help="At most so many.")
@click.option("--cursor", help="Go on where an earlier page ended.")
@talks_to_gateway
def list_(
    session: Session, tenant: str | None, kind: str | None, status: str | None, limit: int, cursor: str | None
) -> None:
    """List the operations that the caller may see, newest first."""
    filters = {"tenant": tenant, "kind": kind, "status": status, "cursor": cursor}
    given = {name: value for name, value in filters.items() if value is not None}
    page = session.client.get("/v1/operations", {**given, "limit": str(limit)}).body
    if session.as_json:
        print_json(page)
        return
    print_rows(OPERATION_COLUMNS, operation_rows(page["items"]))
    if page["nextCursor"] is not None:
        click.echo(f"More: --cursor {page['nextCursor']}", err=True)


@operations.command()
@click.argument("operation_id")
@talks_to_gateway
def show(session: Session, operation_id: str) -> None:
    """Show an operation as it stands now."""
    show_envelope(session, session.client.get(operation_path(operation_id)).body)


@operations.command()
@click.argument("operation_id")
@click.option("--status", type=click.Choice(RESULT_STATUSES), help="Only cases with this status.")
@talks_to_gateway
def results(session: Session, operation_id: str, status: str | None) -> None:
    """Show every result of an operation, in the order of its request."""
    filters = {"limit": str(PAGE_ROWS)} | ({"status": status} if status else {})
    items = _all_items(session, operation_path(operation_id, "/results"), filters)
    if session.as_json:
        print_json({"items": items, "nextCursor": None})
    else:
        print_rows(RESULT_COLUMNS, result_rows(items))


@operations.command()
@click.argument("operation_id")
@talks_to_gateway
def cancel(session: Session, operation_id: str) -> None:
    """Start no further case of an operation; what has begun comes to its end."""
    show_envelope(session, session.client.post(operation_path(operation_id, "/cancel"), None, {}).body)


@operations.command()
@click.argument("operation_id")
@waits
@talks_to_gateway
def retry(session: Session, operation_id: str, waiting: Waiting) -> None:
    """Run again what failed, is unknown or partial, or was cancelled. What succeeded is never sent again."""
    started = time.monotonic()
    path = operation_path(operation_id, "/retry")
    reply = session.client.post(path, None, prefer(waiting), wait_seconds=server_wait_seconds(waiting))
    conclude(session, reply, waiting, started)


@operations.command()
@click.argument("operation_id")
@click.option("--timeout", "timeout_seconds", type=click.FloatRange(min=0), metavar="SECONDS", help="Wait no longer.")
@talks_to_gateway
def wait(session: Session, operation_id: str, timeout_seconds: float | None) -> None:
    """Follow an operation to its end, through closed hours too. Exits 0 if it succeeded, else 1."""
    until = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    reply = session.client.get(operation_path(operation_id))
    finish(session, followed(session.client, reply, Patience(until, through_closed=True)))


def _all_items(session: Session, path: str, filters: dict[str, str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = session.client.get(path, filters | ({"cursor": cursor} if cursor else {})).body
        items += page["items"]
        cursor = page["nextCursor"]
    return items
