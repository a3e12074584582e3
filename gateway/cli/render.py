"""The gateway's answers for people: tables on a terminal, tab-separated lines in a pipe."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

MAX_ROWS = 50
"""An envelope with more cases shows only those that did not succeed, and at most so many rows."""
STYLES = {"succeeded": "green", "failed": "red", "unknown": "magenta", "partial": "yellow", "cancelled": "yellow"}
OPERATION_COLUMNS = ("operation", "kind", "tenant", "status", "cases", "created")
RESULT_COLUMNS = ("case", "status", "evidence", "attempts", "detail")


def print_json(value: object) -> None:
    """Print `value` as indented JSON on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def clean(text: object) -> str:
    """`text` without control characters: what upstreams wrote must not steer a terminal."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(text))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on a terminal, else the same as tab-separated lines below a line of column names."""
    console = Console(highlight=False)
    if not console.is_terminal:
        for row in (columns, *rows):
            click.echo("\t".join(clean(cell) for cell in row))
        return
    table = Table(*columns, header_style="bold", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(clean(cell), style=STYLES.get(cell, ""), overflow="fold") for cell in row))
    console.print(table)


def print_envelope(envelope: dict[str, Any]) -> None:
    """Print an operation: what it is, how it stands, and its results."""
    for line in envelope_lines(envelope):
        click.echo(clean(line))
    shown = shown_results(envelope.get("results") or [])
    if shown:
        print_rows(RESULT_COLUMNS, result_rows(shown))
    left = envelope["summary"]["total"] - len(shown)
    if left > 0:
        click.echo(f"{left} more: gateway operations results {clean(envelope['operationId'])}")


def envelope_lines(envelope: dict[str, Any]) -> list[str]:
    """The head of an envelope: identity, status with its counts, and the times that are known."""
    mode = "" if envelope["execute"] else ", dry run"
    where = f"{envelope['tenant']} on {envelope['backend']} ({envelope['system']}{mode})"
    lines = [f"{envelope['kind']} {envelope['operationId']}", f"  {where}", f"  {progress_text(envelope)}"]
    if envelope["status"] == "scheduled" and envelope.get("notBefore"):
        lines.append(f"  starts at {envelope['notBefore']}")
    if envelope.get("finishedAt"):
        lines.append(f"  finished at {envelope['finishedAt']}")
    elif envelope.get("estimatedFinishAt"):
        lines.append(f"  expected to finish at {envelope['estimatedFinishAt']}")
    return lines


def progress_text(envelope: dict[str, Any]) -> str:
    """How an operation stands, such as `partial: 1 succeeded, 1 failed of 2`."""
    counts = {name: count for name, count in envelope["summary"].items() if name != "total" and count}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    return f"{envelope['status']}: {said} of {envelope['summary']['total']}"


def shown_results(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results worth showing at once: all if they are few, else the first of those that did not succeed."""
    if len(results) <= MAX_ROWS:
        return results
    return [result for result in results if result["status"] != "succeeded"][:MAX_ROWS]


def result_rows(results: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each case, and below it one for each of its items."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        rows.append(_row(case_name(result["case"]), result, str(result["attempts"])))
        rows += [_row(f"  {_item_name(item)}", item, "") for item in result["items"]]
    return rows


def operation_rows(operations: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """A row for each operation."""
    return [
        (row["operationId"], row["kind"], row["tenant"], row["status"], str(row["summary"]["total"]), row["createdAt"])
        for row in operations
    ]


def case_name(case: dict[str, Any]) -> str:
    """The identifier by which a case was requested."""
    return next(str(case[name]) for name in ("caseNumber", "caseToken", "caseId") if case.get(name) is not None)


def _item_name(item: dict[str, Any]) -> str:
    return f"{item['id']} ({item['typeCode']})" if item.get("typeCode") else str(item["id"])


def _row(name: str, outcome: dict[str, Any], attempts: str) -> tuple[str, ...]:
    said = [f"{error['code']}: {error['detail']}" for error in outcome["errors"]]
    said += outcome.get("messages") or []
    if not said and outcome.get("message"):
        said = [outcome["message"]]
    return (name, outcome["status"], outcome.get("evidence") or "", attempts, "; ".join(said))
