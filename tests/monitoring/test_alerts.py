"""Every alert, firing and not firing, by Prometheus' own evaluation (`promtool test rules`)."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from observability.alerts import ALERTS, PREFIX, Alert
from observability.files import ROOT
from observability.rules import rules

from .promtool import needs_prometheus, promtool
from .situations import SITUATIONS, Situation

RULES = ROOT / "helm" / "case-gateway" / "rules" / "case-gateway.yaml"


@pytest.mark.parametrize("fires", [True, False])
def test_every_alert_has_a_situation_in_which_it(*, fires: bool) -> None:
    tried = {situation.alert for situation in SITUATIONS if (situation.labels is not None) is fires}
    assert tried == {alert.name for alert in ALERTS}


@needs_prometheus
def test_prometheus_takes_the_rules_and_the_templates_in_them() -> None:
    assert "SUCCESS" in promtool("check", "rules", RULES)


@needs_prometheus
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_fires_when_it_must_and_only_then(alert: Alert, tmp_path: Path) -> None:
    """Broken on purpose (a threshold moved, an `unless` left out), the situation made for it is named as failed."""
    situations = [situation for situation in SITUATIONS if situation.alert == alert.name]
    tests = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "5m" if any(situation.at.endswith("h") for situation in situations) else "1m",
        "tests": [_test(situation) for situation in situations],
    }
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(_rules_for(alert)))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests))
    promtool("test", "rules", tmp_path / "test.yaml")


def _rules_for(alert: Alert) -> dict[str, Any]:
    """The alert and what it needs recorded; without its texts, which the situations would have to repeat."""
    recording, alerting = rules()["groups"]
    needed = [rule for rule in recording["rules"] if rule["record"] in alert.expr]
    rule = next(rule for rule in alerting["rules"] if rule["alert"] == PREFIX + alert.name)
    return {"groups": [{"name": "tested", "rules": [*needed, {**rule, "annotations": {}}]}]}


def _test(situation: Situation) -> dict[str, Any]:
    expected = [] if situation.labels is None else [{"exp_labels": situation.labels}]
    return {
        "interval": "1m",
        "name": f"{situation.alert}: {situation.name}",
        "input_series": [{"series": name, "values": values} for name, values in situation.series.items()],
        "alert_rule_test": [{"eval_time": situation.at, "alertname": PREFIX + situation.alert, "exp_alerts": expected}],
    }
