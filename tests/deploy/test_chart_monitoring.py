"""What Prometheus and Grafana are given, with the labels by which they look for it."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from observability.alerts import ALERTS
from tests.deploy.chart import CHART, Object, objects, only, values
from tests.deploy.tools import ROOT

RULES = """groups:
  - name: case-gateway
    rules:
      - alert: Example
        expr: gateway_example > 1
        annotations: {summary: "{{ $labels.backend }} at {{ $value }}"}
"""
MONITORING = values("monitoring")


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """The chart with rules and two dashboards of this test's own."""
    copy = tmp_path / "case-gateway"
    shutil.copytree(CHART, copy, ignore=shutil.ignore_patterns("rules", "dashboards"))
    for name, content in (
        ("rules/case-gateway.yaml", RULES),
        ("dashboards/Upstream_calls.json", json.dumps({"title": "{{backend}}"}, indent=2) + "\n"),
        ("dashboards/callers.json", json.dumps({"title": "callers"})),
    ):
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_text(content, encoding="utf-8")
    return copy


def dashboards(found: list[Object]) -> dict[str, Object]:
    return {
        each["metadata"]["name"]: each
        for each in found
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "dashboards"
    }


def test_the_service_monitor_finds_the_metrics_service_of_this_release_and_no_other() -> None:
    found = objects(MONITORING)
    monitor = only(found, "ServiceMonitor", "metrics")
    service = only(found, "Service", "metrics")

    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    api = only(found, "Service")["metadata"]["labels"]
    assert not monitor["spec"]["selector"]["matchLabels"].items() <= api.items()
    assert monitor["spec"]["endpoints"][0]["port"] == service["spec"]["ports"][0]["name"]


def test_rules_are_passed_on_as_they_stand(chart: Path) -> None:
    """Both Helm and Prometheus write `{{ }}`: these are Prometheus's."""
    rule = only(objects(MONITORING, chart=chart), "PrometheusRule", "metrics")

    assert rule["metadata"]["labels"]["release"] == "prometheus"
    assert rule["spec"] == yaml.safe_load(RULES)


def annotations(*sets: str) -> list[dict[str, str]]:
    """Of every alert, as the chart's own rules are rendered."""
    rule = only(objects(MONITORING, sets=sets), "PrometheusRule", "metrics")
    return [each["annotations"] for group in rule["spec"]["groups"] for each in group["rules"] if "alert" in each]


@pytest.mark.parametrize("base", ["https://git.example/runbooks", "https://git.example/runbooks/"])
def test_every_alert_links_to_its_page_where_the_pages_are_published(base: str) -> None:
    found = annotations(f"prometheusRule.runbookBaseUrl={json.dumps(base)}")

    assert len(found) == len(ALERTS)
    for each in found:
        page = Path(each["runbook"])
        assert (ROOT / page).is_file()
        assert each["runbook_url"] == f"https://git.example/runbooks/{page.name}"


def test_without_a_place_of_the_pages_no_alert_has_a_dead_link() -> None:
    found = annotations('prometheusRule.runbookBaseUrl=""')

    assert len(found) == len(ALERTS)
    assert {frozenset(each) for each in found} == {frozenset({"summary", "description", "runbook"})}


def test_each_dashboard_is_a_config_map_of_its_own(chart: Path) -> None:
    found = dashboards(objects(MONITORING, chart=chart))

    assert set(found) == {f"deletions-case-gateway-dashboard-{name}" for name in ("upstream-calls", "callers")}
    calls = found["deletions-case-gateway-dashboard-upstream-calls"]
    assert json.loads(calls["data"]["Upstream_calls.json"]) == {"title": "{{backend}}"}
    assert calls["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert calls["metadata"]["annotations"] == {"grafana_folder": "Claims"}


def test_without_being_asked_for_there_is_none_of_it(chart: Path) -> None:
    kinds = {each["kind"] for each in objects(chart=chart)}

    assert kinds.isdisjoint({"ServiceMonitor", "PrometheusRule"})
    assert dashboards(objects(chart=chart)) == {}
