"""What the configuration makes known before anything happens."""

import pytest
from prometheus_client import CollectorRegistry

from gateway.config.settings import BackendSettings, Credential, Limits, Route, Server, Settings, Tenant
from gateway.model.kinds import System
from gateway.telemetry.configured import Expected
from gateway.telemetry.metrics import Metrics

TOKEN = Credential("scalepoint", "client_secret", token_url="https://accounts.test/token")
HUB = BackendSettings("hub", System.HUB_PROPERTY, "http://hub.test", TOKEN, Limits("paced", 5, 100, 5))
ECM = BackendSettings(
    "ecm", System.ORACLE_ECM, "http://ecm.test", Credential("e", "none"), Limits("ecm", None, None, 20)
)
SETTINGS = Settings(
    server=Server(max_queued_cases=700),
    backends={"hub": HUB, "ecm": ECM},
    tenants={"acme": Tenant("acme", Route("hub", "acme"), Route("ecm"))},
)
CALLS = {"hub": ["deleteCase"], "ecm": ["removeCustomer"]}


@pytest.fixture
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Metrics(registry, "1", "abc").expect(Expected(SETTINGS, CALLS, ["ledger_unavailable"]))
    return registry


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("backend_info", {"backend": "hub", "system": "hub-property", "limits": "paced"}, 1.0),
        ("limit_calls", {"limits": "paced", "window": "minute"}, 100.0),
        ("limit_calls", {"limits": "ecm", "window": "minute"}, None),
        ("limit_in_flight", {"limits": "ecm"}, 20.0),
        ("queue_limit_cases", {}, 700.0),
    ],
)
def test_the_limits_are_shown_and_none_where_there_is_none(
    registry: CollectorRegistry, name: str, labels: dict[str, str], value: float | None
) -> None:
    assert registry.get_sample_value(f"gateway_{name}", labels) == value


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("problems_total", {"code": "ledger_unavailable"}),
        ("upstream_requests_total", {"backend": "hub", "call": "deleteCase", "outcome": "429"}),
        ("upstream_in_flight", {"backend": "ecm"}),
        ("upstream_retries_total", {"backend": "hub", "reason": "probe"}),
        ("pacing_wait_seconds_count", {"backend": "hub"}),
        ("token_requests_total", {"credential": "scalepoint", "outcome": "refused"}),
        ("case_errors_total", {"backend": "ecm", "code": "outcome_unknown"}),
        ("ledger_failures_total", {"doing": "settle"}),
        (
            "cases_total",
            {"kind": "case-deletion", "tenant": "acme", "backend": "hub", "status": "unknown", "execute": "false"},
        ),
        ("items_total", {"kind": "account-removal", "backend": "ecm", "status": "failed"}),
    ],
)
def test_a_series_is_there_before_its_first_event(
    registry: CollectorRegistry, name: str, labels: dict[str, str]
) -> None:
    assert registry.get_sample_value(f"gateway_{name}", labels) == 0.0


def test_no_series_is_made_of_what_cannot_happen(registry: CollectorRegistry) -> None:
    cases = next(family for family in registry.collect() if family.name == "gateway_cases")
    dry_runs = {s.labels["backend"] for s in cases.samples if s.labels["execute"] == "false"}
    assert dry_runs == {"hub"}


def test_a_changed_configuration_is_shown_anew() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry, "1", "abc")
    metrics.expect(Expected(SETTINGS, CALLS, []))
    metrics.expect(Expected(Settings(backends={"ecm": ECM}), {"ecm": ["removeCustomer"]}, []))
    assert registry.get_sample_value("gateway_limit_in_flight", {"limits": "paced"}) is None
    assert registry.get_sample_value("gateway_limit_in_flight", {"limits": "ecm"}) == 20.0
