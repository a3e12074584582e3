"""A rollout loses no work: one writer on a file, room to finish on the way out, and pods replaced only where needed."""

import math
from pathlib import Path

import pytest
import yaml

from gateway.config.changes import PROCESS_SECTIONS
from tests.deploy.chart import (
    SCENARIOS,
    Object,
    configuration,
    gateway_pod,
    objects,
    only,
    refusal,
    rendered,
    scenario,
    values,
)

POSTGRESQL = 'ledger={"type": "postgresql", "postgresql": {"url": "postgresql://gateway@db/gateway"}}'
every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=scenario)


def kinds(found: list[Object]) -> set[str]:
    return {each["kind"] for each in found}


def checksum(*sets: str) -> str:
    annotations = only(objects(sets=sets), "Deployment")["spec"]["template"]["metadata"]["annotations"]
    return str(annotations["checksum/fixed-at-start"])


def pod_template(*sets: str) -> Object:
    template: Object = only(objects(sets=sets), "Deployment")["spec"]["template"]
    return template


def slower(seconds: str) -> str:
    """A backend whose calls may take so long."""
    ecm = f'"system": "oracle-ecm", "base_url": "https://ecm/ECM", "credentials": "ecm", "timeout_seconds": {seconds}'
    return f'config.backends={{"ecm": {{{ecm}}}}}'


def test_on_sqlite_the_old_pod_ends_before_the_new_one_starts() -> None:
    spec = only(objects(values("sqlite")), "Deployment")["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    claim = only(objects(values("sqlite")), "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    volumes = {volume["name"]: volume for volume in spec["template"]["spec"]["volumes"]}
    assert volumes["ledger"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_a_claim_of_the_operator_s_own_takes_the_place_of_the_chart_s() -> None:
    found = objects(values("existing-claim"))

    assert "PersistentVolumeClaim" not in kinds(found)
    volumes = {volume["name"]: volume for volume in gateway_pod(found)["volumes"]}
    assert volumes["ledger"]["persistentVolumeClaim"]["claimName"] == "gateway-ledger"


def test_on_postgresql_no_pod_is_missed_and_they_are_spread_and_kept_from_leaving_together() -> None:
    found = objects(values("postgresql"))
    spec = only(found, "Deployment")["spec"]

    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert spec["replicas"] == 3
    keys = [each["topologyKey"] for each in spec["template"]["spec"]["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    assert only(found, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert "PersistentVolumeClaim" not in kinds(found)


def test_an_autoscaler_has_the_number_of_pods_to_itself() -> None:
    found = objects(values("autoscaling"))

    assert "replicas" not in only(found, "Deployment")["spec"]
    scaler = only(found, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (2, 6)
    assert scaler["scaleTargetRef"]["name"] == only(found, "Deployment")["metadata"]["name"]


@pytest.mark.parametrize("replicas", [0, 1])
def test_a_single_pod_has_no_budget_that_would_hold_up_its_node(replicas: int) -> None:
    assert "PodDisruptionBudget" not in kinds(objects(sets=(POSTGRESQL, f"replicaCount={replicas}")))


@pytest.mark.parametrize("sets", [("replicaCount=2",), ('autoscaling={"enabled": true}',)])
def test_more_than_one_pod_on_sqlite_is_refused(sets: tuple[str, ...]) -> None:
    assert "needs ledger.type: postgresql; a SQLite ledger is for one pod" in refusal(sets=sets)


def test_postgresql_without_its_url_is_refused() -> None:
    assert "ledger.postgresql.url is missing" in refusal(sets=('ledger={"type": "postgresql"}',))


@every_scenario
def test_a_pod_may_take_as_long_to_stop_as_its_slowest_call(path: Path) -> None:
    """The pod sleeps, drains for at least the longest `timeout_seconds`, and has 15 seconds to close."""
    found = objects(path)
    pod, settings = gateway_pod(found), yaml.safe_load(configuration(found))
    slowest = max([each.get("timeout_seconds", 60) for each in settings.get("backends", {}).values()] or [60])
    sleep = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert settings["server"]["drain_seconds"] >= slowest
    assert pod["terminationGracePeriodSeconds"] >= sleep + settings["server"]["drain_seconds"] + 15


def test_the_time_to_stop_is_computed_and_no_longer_than_needed() -> None:
    found = objects(values("long-calls"))

    assert yaml.safe_load(configuration(found))["server"]["drain_seconds"] == math.ceil(1200.5) + 15
    assert gateway_pod(found)["terminationGracePeriodSeconds"] == 10 + 1216 + 15


def test_a_time_to_stop_of_the_operator_s_own_is_taken_if_it_is_long_enough() -> None:
    assert gateway_pod(objects(values("own-grace-period")))["terminationGracePeriodSeconds"] == 400
    assert (
        gateway_pod(objects(sets=("shutdown.terminationGracePeriodSeconds=95",)))["terminationGracePeriodSeconds"] == 95
    )


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ("shutdown.terminationGracePeriodSeconds=94", "stopping may take 95 seconds: 5 of preStopSleepSeconds, 75 of"),
        ("config.server.drain_seconds=59", "a call to an upstream may take 60 seconds"),
        ("shutdown.preStopSleepSeconds=0", "preStopSleepSeconds"),
    ],
)
def test_a_time_to_stop_that_would_cut_calls_short_is_refused(given: str, word: str) -> None:
    assert word in refusal(sets=(given,))


CHANGES = {
    "server": "config.server.wait_seconds=5",
    "store": "config.store.retention_days=5",
    "audit": "config.audit.checkpoint_minutes=5",
}
"""A change of each section that needs a restart."""


def test_pods_are_replaced_for_what_needs_a_restart_and_for_nothing_else_in_the_configuration() -> None:
    before = checksum()

    assert set(CHANGES) == set(PROCESS_SECTIONS)
    for change in (*CHANGES.values(), POSTGRESQL):
        assert checksum(change) != before
    taken_over = ('config.tenants={"acme": {"ecm": {"backend": "ecm"}}}', "config.retry.max_attempts=5")
    assert pod_template(*taken_over) == pod_template()
    assert checksum(slower("61")) != before  # it changes drain_seconds


def test_a_new_version_of_the_chart_alone_replaces_no_pod() -> None:
    assert "helm.sh/chart" not in str(pod_template())


@every_scenario
def test_probes_call_the_gateway_alone_and_on_a_port_that_callers_do_not_reach(path: Path) -> None:
    container = gateway_pod(objects(path))["containers"][0]
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}

    assert probes["readinessProbe"] == {"path": "/readyz", "port": "metrics"}
    assert probes["startupProbe"] == probes["livenessProbe"] == {"path": "/livez", "port": "metrics"}


@every_scenario
def test_services_lead_to_the_gateway_s_pods_and_to_no_other(path: Path) -> None:
    found = objects(path)
    labels = only(found, "Deployment")["spec"]["template"]["metadata"]["labels"]
    others = [only(found, "Pod", "test")["metadata"]["labels"]]
    services = [each["spec"]["selector"] for each in found if each["kind"] == "Service"]

    assert all(set(selector.items()) <= set(labels.items()) for selector in services)
    assert not any(set(selector.items()) <= set(other.items()) for selector in services for other in others)


def test_the_notes_say_what_an_operator_needs_to_know_next() -> None:
    """Helm shows notes after an install only; `template` must at least be able to make them."""
    assert rendered(values("sqlite"))
