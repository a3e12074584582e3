"""Which files are made, and what is to stand in each."""

import json
from pathlib import Path
from typing import Any

from observability.logs_page import logs_page
from observability.metrics_page import metrics_page
from observability.overview import overview
from observability.rules import rules_text
from observability.runtime import runtime
from observability.upstreams import upstreams

ROOT = Path(__file__).parents[1]
CHART = Path("helm/case-gateway")


def dashboards() -> list[dict[str, Any]]:
    """Every dashboard, in the order in which one looks at them."""
    return [overview(), upstreams(), runtime()]


def files() -> dict[Path, str]:
    """The text of each file, by its path from the root of the repository."""
    made = {CHART / "dashboards" / f"{each['uid']}.json": json.dumps(each, indent=2) + "\n" for each in dashboards()}
    return {
        Path("docs/metrics.md"): metrics_page(),
        Path("docs/logs.md"): logs_page(),
        CHART / "rules" / "case-gateway.yaml": rules_text(),
        **made,
    }
