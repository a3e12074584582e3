"""The rule groups of a PrometheusRule: recorded error shares, and alerts."""

from typing import Any

import yaml

from observability.alerts import ALERTS, PREFIX, RUNBOOK_PAGES, RUNBOOKS, Alert
from observability.slo import OBJECTIVES, WINDOWS, recorded

HEAD = "# Made by `make observability` from observability/alerts.py and slo.py; do not edit.\n"


def rules() -> dict[str, Any]:
    """The `spec` of a PrometheusRule, which is a rule file of Prometheus as well."""
    records = [
        {"record": objective.ratio(window), "expr": recorded(objective, window)}
        for objective in OBJECTIVES
        for window in WINDOWS
    ]
    return {
        "groups": [
            {"name": "case-gateway-slo", "rules": records},
            {"name": "case-gateway-alerts", "rules": [_rule(alert) for alert in ALERTS]},
        ]
    }


def rules_text() -> str:
    """The rules as YAML."""
    return HEAD + yaml.dump(rules(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def _rule(alert: Alert) -> dict[str, Any]:
    name = PREFIX + alert.name
    return {
        "alert": name,
        "expr": alert.expr,
        "for": alert.wait,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook": f"{RUNBOOK_PAGES}/{name}.md",
            "runbook_url": f"{RUNBOOKS}/{name}.md",
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as such."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
