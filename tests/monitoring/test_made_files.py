"""What is made from code stands in the repository as it is made, and keeps its own rules."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from gateway.cli.main import main
from gateway.telemetry.metrics import Metrics
from observability.alerts import ALERTS, PREFIX
from observability.files import ROOT, dashboards, files
from observability.metrics_page import instruments
from observability.rules import rules

RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["Impact", "How urgent", "What to look at", "What to do"]
CONTRACT = {
    "http_requests_total": {"method", "route", "status"}, "http_request_duration_seconds": {"method", "route"},
    "http_requests_in_flight": set(), "upstream_requests_total": {"backend", "call", "outcome"},
    "upstream_request_duration_seconds": {"backend", "call"}, "upstream_in_flight": {"backend"},
    "upstream_retries_total": {"backend", "reason"}, "pacing_wait_seconds": {"backend"}, "backend_open": {"backend"},
    "token_requests_total": {"credential", "outcome"},
    "cases_total": {"kind", "tenant", "backend", "status", "execute"}, "items_total": {"kind", "backend", "status"},
    "operations": {"status"}, "cases_pending": {"backend"}, "oldest_pending_seconds": {"backend"},
    "circuit_state": {"backend"}, "unknown_cases": {"backend"}, "fan_out_cases": set(),
    "build_info": {"version", "revision"}, "event_loop_lag_seconds": set(),
}  # fmt: skip
"""CONTRACT.md section 5."""

Panel = dict[str, Any]


PANELS = [(each["uid"], panel) for each in dashboards() for panel in each["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    yield from (target["expr"] for _, panel in PANELS for target in panel["targets"])
    yield from (rule["expr"] for group in rules()["groups"] for rule in group["rules"])


@pytest.mark.parametrize("path", list(files()), ids=str)
def test_a_made_file_is_as_the_code_makes_it(path: Path) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == files()[path], "run `make observability`"


def test_nothing_else_lies_beside_the_made_dashboards() -> None:
    lying = {path.relative_to(ROOT) for path in (ROOT / "helm/case-gateway/dashboards").iterdir()}
    assert lying == {path for path in files() if path.parent.name == "dashboards"}


@pytest.mark.parametrize("name", CONTRACT)
def test_a_metric_of_the_contract_has_its_labels(name: str) -> None:
    labels = {made.name: set(made.labels) for made in instruments()}
    assert labels[f"gateway_{name}"] == CONTRACT[name]


def test_every_metric_that_is_made_is_listed() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, "1", "abc")
    assert {family.name for family in registry.collect()} == {
        made.name.removesuffix("_total") for made in metrics.instruments.made
    }


def test_every_metric_that_is_asked_for_exists() -> None:
    known = {made.name for made in instruments()}
    asked = {
        re.sub("_(bucket|count|sum)$", "", name) if name not in known else name
        for expression in expressions()
        for name in re.findall(r"gateway_[a-z_]+", expression)
    }
    assert asked - known == set()


def test_recorded_shares_that_are_asked_for_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules()["groups"][0]["rules"]}
    asked = {name for expression in expressions() for name in re.findall(r"gateway:[a-z0-9_:]+", expression)}
    assert asked - recorded == set()


def test_uids_and_ids_are_stable_and_of_their_own() -> None:
    uids = [each["uid"] for each in dashboards()]
    assert uids == ["case-gateway-overview", "case-gateway-upstreams", "case-gateway-runtime"]
    assert all("id" not in each for each in dashboards())
    for each in dashboards():
        numbers = [panel["id"] for panel in each["panels"]]
        assert sorted(numbers) == sorted(set(numbers))


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=lambda part: part if isinstance(part, str) else part["title"])
def test_a_panel_has_a_title_a_description_a_unit_and_no_datasource_of_its_own(uid: str, panel: Panel) -> None:
    assert uid
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert [each["datasource"]["uid"] for each in (panel, *panel["targets"])] == ["${datasource}"] * (
        1 + len(panel["targets"])
    )


@pytest.mark.parametrize(("uid", "panel"), PANELS, ids=lambda part: part if isinstance(part, str) else part["title"])
def test_a_panel_s_windows_follow_its_resolution_or_its_range(uid: str, panel: Panel) -> None:
    assert uid
    windows = [window for target in panel["targets"] for window in re.findall(r"\[([^]]+)]", target["expr"])]
    assert set(windows) <= {"$__rate_interval", "$__range"}


@pytest.mark.parametrize("dashboard", dashboards(), ids=lambda each: str(each["uid"]))
def test_panels_fill_their_rows_without_overlapping(dashboard: dict[str, Any]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert len(taken) == 24 * (1 + max(y for _, y in taken))


@pytest.mark.parametrize(
    ("uid", "names"),
    [
        ("case-gateway-overview", ["datasource", "namespace", "job", "tenant", "backend"]),
        ("case-gateway-upstreams", ["datasource", "namespace", "job", "backend"]),
        ("case-gateway-runtime", ["datasource", "namespace", "job"]),
    ],
)
def test_a_dashboard_has_the_variables_that_its_panels_use(uid: str, names: list[str]) -> None:
    dashboard = next(each for each in dashboards() if each["uid"] == uid)
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == names
    used = set(re.findall(r'"\$([a-z]+)"', json.dumps(dashboard["panels"]).replace('\\"', '"')))
    assert used == set(names) - {"datasource"}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_has_texts_a_severity_and_a_page_that_says_what_to_do(alert: Any) -> None:  # noqa: ANN401 - an Alert
    rule = next(rule for rule in rules()["groups"][1]["rules"] if rule["alert"] == PREFIX + alert.name)
    page = RUNBOOKS / Path(rule["annotations"]["runbook_url"]).name
    text = page.read_text(encoding="utf-8")

    assert page.stem == rule["alert"]
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["description"].endswith(".")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert page.name in (RUNBOOKS / "README.md").read_text(encoding="utf-8")


def test_every_page_belongs_to_an_alert_and_its_links_lead_somewhere() -> None:
    names = {page.stem for page in RUNBOOKS.glob("CaseGateway*.md")}
    assert names == {PREFIX + alert.name for alert in ALERTS}
    for page in RUNBOOKS.glob("*.md"):
        for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            assert (RUNBOOKS / link).exists(), f"{page.name}: {link}"


def commands() -> set[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md"))
    found = re.findall(r"^\s*(gateway [^\n]+)$|`(gateway [^`]+)`", text, re.MULTILINE)
    return {alone or quoted for alone, quoted in found}


@pytest.mark.parametrize("command", sorted(commands()))
def test_a_gateway_command_of_a_runbook_exists_with_its_options(command: str) -> None:
    """With --help at the end, click checks the name of every command and option before it, and does nothing."""
    words = [word for word in command.split()[1:] if word != "$OPERATION"]
    done = CliRunner().invoke(main, [*words, "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: str(page.stem))
def test_the_panels_that_a_runbook_names_exist(page: Path) -> None:
    """Names in italics are dashboards, rows, panels, or a word that is stressed."""
    titles = {panel["title"] for each in dashboards() for panel in each["panels"]}
    titles |= {"Overview", "Upstreams", "Runtime", "Status", "Targets", "store", "beside"}
    named = re.findall(r"(?<![*\w])\*([A-Z][^*\n]+)\*(?!\*)", page.read_text(encoding="utf-8"))
    shown = titles | {title.split(",")[0] for title in titles} | {title.split(" (")[0] for title in titles}
    assert [name for name in named if name not in shown and not name.startswith("Case gateway /")] == []
