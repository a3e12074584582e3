"""`make bench`: run every measure and print one table; exit code 1 if a goal is missed."""

import argparse
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from os import cpu_count

from bench.measures import Row, fan_out, large_operation, one_deletion, pace, ready, single_deletions
from gateway.version import __version__

MEASURES: dict[str, Callable[[], list[Row]]] = {
    "ready": ready,
    "fan-out-20": partial(fan_out, 20, 1.15),
    "fan-out-100": partial(fan_out, 100, 1.6),
    "one-deletion": one_deletion,
    "single-deletions": single_deletions,
    "large-operation": large_operation,
    "pace": pace,
}
SLOW = frozenset({"pace"})


def main() -> int:
    """Run what is asked for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[[], *MEASURES], help="only these; all of them if left out")
    parser.add_argument("--quick", action="store_true", help="leave out what takes minutes: the pace")
    arguments = parser.parse_args()
    names = arguments.measures or [name for name in MEASURES if not (arguments.quick and name in SLOW)]
    rows: list[Row] = []
    for name in names:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += MEASURES[name]()
    print(f"{datetime.now(UTC):%Y-%m-%d}, gateway {__version__}, {_machine()}\n")
    print("\n".join(table(rows)))
    return 0 if all(row.reached for row in rows) else 1


def table(rows: list[Row]) -> list[str]:
    """The lines of a Markdown table."""
    cells = [("what", "the gateway", "compared with", "goal", "reached")]
    cells += [(row.what, row.figure, row.compared, row.goal, "yes" if row.reached else "NO") for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    cells.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * widths[3], "-" * widths[4]))
    return [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in cells]


def _machine() -> str:
    return f"{cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
