"""Pods that may do nothing but their work, on a network that lets through nothing but that."""

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import SCENARIOS, Object, objects, only, pods, scenario, values
from tests.deploy.tools import run
from tests.faults.processes import site

every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=scenario)
WRITABLE = {"/tmp", "/var/lib/gateway", "/var/more"}  # noqa: S108 - a pod's own
ALLOWED_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def policy(name: str) -> Object:
    spec: Object = only(objects(values(name)), "NetworkPolicy")["spec"]
    return spec


def ports(rule: dict[str, Any]) -> list[tuple[Any, str]]:
    return [(port["port"], port["protocol"]) for port in rule["ports"]]


@every_scenario
def test_every_pod_is_within_the_restricted_pod_security_standard(path: Path) -> None:
    for pod in (each["spec"] for each in pods(objects(path))):
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert all(ALLOWED_VOLUMES & set(volume) for volume in pod.get("volumes", []))
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["runAsNonRoot"] is True
            assert "hostPort" not in str(container.get("ports"))


@every_scenario
def test_every_pod_has_the_image_s_user_a_read_only_root_and_no_token(path: Path) -> None:
    for pod in (each["spec"] for each in pods(objects(path))):
        assert pod["securityContext"]["runAsUser"] == 65532
        assert pod["automountServiceAccountToken"] is False
        assert all(each["securityContext"]["readOnlyRootFilesystem"] for each in pod["containers"])
        written = {
            mount["mountPath"]
            for each in pod["containers"]
            for mount in each.get("volumeMounts", [])
            if not mount.get("readOnly")
        }
        assert written <= WRITABLE


def test_callers_come_to_the_api_and_prometheus_to_the_metrics() -> None:
    callers, metrics = policy("monitoring")["ingress"]

    assert ports(callers) == [("http", "TCP")]
    assert {"podSelector": {}} in callers["from"]
    assert ports(metrics) == [("metrics", "TCP")]
    assert metrics["from"][1]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "prometheus"}}


def test_an_empty_list_of_callers_lets_in_nobody_but_the_chart_s_test() -> None:
    """In a NetworkPolicy an empty list of peers means everybody."""
    spec = policy("closed-network")
    *own, mesh = spec["ingress"]

    for rule in own:
        assert [peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for peer in rule["from"]] == ["test"]
    assert "namespaceSelector" in mesh["from"][0]
    assert all(rule.get("to") for rule in spec["egress"])


def test_the_way_out_is_open_for_the_ports_that_the_configuration_names() -> None:
    dns, upstreams = policy("sqlite")["egress"]

    assert ports(dns) == [(53, "UDP"), (53, "TCP")]
    assert ports(upstreams) == [(443, "TCP"), (7001, "TCP")]
    assert {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]} in [peer["ipBlock"] for peer in upstreams["to"]]


def test_a_scheme_s_own_port_is_known() -> None:
    assert ports(policy("closed-network")["egress"][1]) == [(80, "TCP")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("postgresql", [(5432, "TCP"), (6432, "TCP")]), ("autoscaling", [(5432, "TCP")])],
)
def test_the_way_to_the_database_is_open_for_the_ports_in_its_url(name: str, expected: list[tuple[int, str]]) -> None:
    assert expected in [ports(rule) for rule in policy(name)["egress"]]


def test_the_api_server_is_reached_where_the_cluster_s_own_tokens_are_read() -> None:
    assert [(443, "TCP"), (6443, "TCP")] in [ports(rule) for rule in policy("cluster-callers")["egress"]]
    assert [(443, "TCP"), (6443, "TCP")] not in [ports(rule) for rule in policy("sqlite")["egress"]]


def test_without_an_upstream_nothing_is_let_out_but_questions_for_names() -> None:
    assert [ports(rule) for rule in only(objects(), "NetworkPolicy")["spec"]["egress"]] == [[(53, "UDP"), (53, "TCP")]]


def helm_test(*files: Path) -> list[str]:
    """The program of `helm test`, and the URLs that it is given."""
    command: list[str] = only(objects(*files), "Pod", "test")["spec"]["containers"][0]["command"]
    return command[2:]


def test_helm_s_test_asks_for_readiness_and_whether_anybody_is_let_in() -> None:
    _, ready, tenants = helm_test()

    assert ready == "http://deletions-case-gateway-metrics.claims.svc:9090/readyz"
    assert tenants == "http://deletions-case-gateway.claims.svc:80/v1/tenants"
    assert helm_test(values("tls"))[1:] == [ready]


async def test_helm_s_test_passes_for_a_gateway_that_is_well_and_fails_for_one_that_lets_everybody_in(
    tmp_path: Path,
) -> None:
    """Its program is run here, against a gateway here; it can send nothing but GET."""
    program = helm_test()[0]
    async with site(tmp_path, {}) as made:
        asked = [f"{made.url}/readyz", f"{made.url}/v1/tenants"]
        well = run(sys.executable, "-c", program, *asked)
        open_to_all = run(sys.executable, "-c", program, asked[0], asked[0])

    assert (well.returncode, well.stdout.count("as expected")) == (0, 2), well.stderr
    assert (open_to_all.returncode, open_to_all.stdout.count("instead of 401")) == (1, 1)
    assert "data=" not in program
