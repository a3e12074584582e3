"""The figures of the fault tests, one file a test in `.cache/faults`."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from .scenario import Outcome

FOLDER = Path(__file__).parents[2] / ".cache" / "faults"


def summary(outcomes: list[Outcome]) -> dict[str, dict[str, Any]]:
    """By store: runs, kills (also by injection point), what was asked for, sent and told, and objections."""
    stores = sorted({outcome.store for outcome in outcomes})
    return {store: _of([outcome for outcome in outcomes if outcome.store == store]) for store in stores}


def write(name: str, figures: object) -> None:
    """Keep the figures in the file `name`, and print them for whoever looks at a failure."""
    text = json.dumps(figures, indent=2)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(text)  # noqa: T201 - for people


def _of(outcomes: list[Outcome]) -> dict[str, Any]:
    kills = Counter(death.point for outcome in outcomes for death in outcome.deaths)
    records = [outcome.record for outcome in outcomes]
    cases = [row for record in records for row in record.ledger.cases]
    calls = [call for record in records for call in record.history]
    return {
        "runs": len(outcomes),
        "kills": kills.total(),
        "killsByPoint": dict(sorted(kills.items())),
        "requests": sum(len(record.asked) for record in records),
        "operations": sum(len(record.ledger.operations) for record in records),
        "cases": len(cases),
        "callsGranted": sum(len(record.ledger.calls) for record in records),
        "callsArrived": len(calls),
        "callsWithoutTrustworthyAnswer": sum(call.told is None for call in calls),
        "casesByStatus": dict(Counter(row["status"] for row in cases)),
        "objections": sum(len(outcome.objections) for outcome in outcomes),
    }
