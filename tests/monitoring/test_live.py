"""A real Prometheus scrapes a real gateway while everything happens; then every panel and rule is asked for its data.

The script takes a minute. That of each scene which a dashboard shows or an alert is about is waited for, not slept for.
"""

import math
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from msgspec import Struct

from observability.alerts import ALERTS, Alert
from observability.files import CHART, ROOT, dashboards
from observability.rules import rules
from observability.slo import OBJECTIVES, WINDOWS
from observability.stage.prometheus import JOB, NAMESPACE, SCRAPED, Prometheus, Series, start_prometheus
from observability.stage.script import Script
from observability.stage.site import Site

from .promtool import needs_prometheus, promtool

pytestmark = needs_prometheus

STEP_SECONDS = 1.0
TARGETS = [(panel, target) for each in dashboards() for panel in each["panels"] for target in panel.get("targets", [])]
TAKES_LONGER = {
    "QueueTooOld": [("> on (namespace, job, backend)", "* 0 <= on (namespace, job, backend)")],
    "NothingDispatched": [("> 300", ">= 0"), ("[10m]", "[2s]")],
    "CheckpointsFail": [("[3h]", "[3s]")],
    "EveryCallerRefused": [(">= 20", "> 0"), ("unless", "or")],
    "TokenExpiring": [("[10m]", "[5s]"), (">= 600", ">= 36000")],
}
"""What a minute cannot show (a day's wait, minutes without a call or a caller): asked with other thresholds."""
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Played(Struct, frozen=True):
    """What is left of the script: what Prometheus saw, from when to when, and the gateway's own words in the midst."""

    prometheus: Prometheus
    began: float
    ended: float
    exposition: str
    openmetrics: str

    def shown(self, expression: str) -> list[Series]:
        return self.prometheus.shown(expression, self.began, self.ended, STEP_SECONDS)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    folder = tmp_path_factory.mktemp("stage")
    with ExitStack() as children:
        site = Site(folder, children)
        rules_file = ROOT / CHART / "rules" / "case-gateway.yaml"
        target = f"127.0.0.1:{site.metrics_port}"
        prometheus = start_prometheus(folder, site.prometheus_port, target, rules_file, children)
        site.start()
        prometheus.until(SCRAPED)
        script = Script(site, prometheus, pause_seconds=0.5)
        script.play()
        words = site.exposition("text/plain"), site.exposition(OPENMETRICS)
        script.end()
        yield Played(prometheus, prometheus.began, time.time(), *words)


def _of(target: tuple[dict[str, Any], dict[str, Any]]) -> str:
    panel, query = target
    return f"{panel['title']} {query['refId']}"


@pytest.mark.parametrize("target", TARGETS, ids=_of)
def test_a_panel_has_data_with_the_labels_that_it_shows_in_its_unit(
    played: Played, target: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    panel, query = target
    found = played.shown(query["expr"])

    assert found, "no data"
    wanted = set(re.findall(r"{{(\w+)}}", query["legendFormat"]))
    for series in found:
        shown = set(series.labels) - ({"namespace", "job"} if "limits" in wanted else set())
        assert shown == (wanted or shown & {"credential", "side", "backend"})
    values = [value for series in found for _, value in series.values if not math.isnan(value)]
    assert values, "nothing but NaN"
    assert min(values) >= 0 or panel["type"] == "table"
    if panel["fieldConfig"]["defaults"]["unit"] == "percentunit":
        assert max(values) <= 1.01


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_s_condition_came_about(played: Played, alert: Alert) -> None:
    expression = alert.expr
    for written, asked in TAKES_LONGER.get(alert.name, []):
        assert written in expression
        expression = expression.replace(written, asked)
    found = played.shown(expression)

    assert found
    if alert.name != "Absent":
        assert all((each.labels["namespace"], each.labels["job"]) == (NAMESPACE, JOB) for each in found)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_the_share_of_errors_is_recorded(played: Played, objective: Any, window: str) -> None:  # noqa: ANN401 - an Objective
    (series,) = played.shown(objective.ratio(window))
    assert 0 < max(value for _, value in series.values) <= 1


def test_prometheus_evaluates_every_rule_without_an_error(played: Played) -> None:
    evaluated = played.prometheus.rules()
    assert len(evaluated) == sum(len(group["rules"]) for group in rules()["groups"])
    assert [rule["name"] for rule in evaluated if rule["health"] != "ok"] == []


def test_the_texts_of_alerts_are_filled_in(played: Played) -> None:
    alerts = [alert for rule in played.prometheus.rules() for alert in rule.get("alerts", [])]
    texts = [text for alert in alerts for text in alert["annotations"].values()]
    assert texts
    assert [text for text in texts if "<" in text or "{{" in text] == []


def test_promtool_finds_no_fault_with_the_metrics(played: Played) -> None:
    ours = "".join(f"{line}\n" for line in played.exposition.splitlines() if "python_" not in line)
    assert promtool("check", "metrics", stdin=ours.encode()) == ""


@pytest.mark.parametrize("name", ["http_request_duration_seconds", "upstream_request_duration_seconds"])
def test_traces_come_along_as_exemplars(played: Played, name: str) -> None:
    traces = played.prometheus.exemplars(f"gateway_{name}_bucket")
    assert traces
    assert all(re.fullmatch("[0-9a-f]{32}", trace["trace_id"]) for trace in traces)
    assert all(len(trace) == 1 for trace in traces)


def test_openmetrics_ends_as_it_must(played: Played) -> None:
    assert played.openmetrics.endswith("# EOF\n")
