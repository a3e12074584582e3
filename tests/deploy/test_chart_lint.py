"""What Helm, Kubernetes' schemas and the custom resources' fields say of every scenario."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it has no types
import kubernetes_validate  # type: ignore[import-untyped]  # it has no types
import pytest

from tests.deploy.chart import CHART, NAMESPACE, SCENARIOS, Object, helm, objects, pods, rendered, scenario
from tests.deploy.tools import run, tool

OLDEST, NEWEST = "1.30", kubernetes_validate.latest_version()
LABEL = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=scenario)

TEXT, TEXTS = {"type": "string", "minLength": 1}, {"type": "object", "additionalProperties": {"type": "string"}}
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$"}


def closed(required: list[str], **properties: object) -> dict[str, Any]:
    """A schema of an object with these properties and no other."""
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


RULE = closed(["expr"], alert=TEXT, record=TEXT, expr=TEXT, keep_firing_for=DURATION, labels=TEXTS, annotations=TEXTS)
RULE["properties"]["for"] = DURATION
RULE["oneOf"] = [{"required": ["alert"]}, {"required": ["record"]}]
CUSTOM: dict[str, dict[str, Any]] = {
    "ServiceMonitor": closed(
        ["selector", "endpoints"],
        selector=closed(["matchLabels"], matchLabels=TEXTS),
        namespaceSelector=closed(["matchNames"], matchNames={"type": "array", "items": TEXT}),
        endpoints={
            "type": "array",
            "items": closed(["port"], port=TEXT, path=TEXT, interval=DURATION, scrapeTimeout=DURATION),
        },
    ),
    "PrometheusRule": closed(
        ["groups"],
        groups={
            "type": "array",
            "minItems": 1,
            "items": closed(
                ["name", "rules"],
                name=TEXT,
                interval=DURATION,
                limit={"type": "integer"},
                rules={"type": "array", "items": RULE, "minItems": 1},
            ),
        },
    ),
}
"""`spec` of the Prometheus operator's resources (monitoring.coreos.com/v1), as far as the chart uses them."""


@cache
def of(path: Path) -> list[Object]:
    return objects(path)


def test_there_are_scenarios_enough() -> None:
    assert len(SCENARIOS) >= 8


@every_scenario
def test_helm_finds_nothing_wrong_with_a_scenario(path: Path) -> None:
    finished = helm("lint", "--strict", CHART, "--namespace", NAMESPACE, "--values", path)

    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_helm_finds_nothing_wrong_with_the_defaults() -> None:
    finished = helm("lint", "--strict", CHART)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_every_object_is_what_kubernetes_expects_to_the_last_field(version: str) -> None:
    found = [each for path in SCENARIOS for each in of(path) if each["kind"] not in CUSTOM]

    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


def test_the_validator_s_own_command_agrees(tmp_path: Path) -> None:
    files = []
    for path in SCENARIOS:
        files.append(tmp_path / path.name)
        files[-1].write_text(rendered(path), encoding="utf-8")

    finished = run(tool("kubernetes-validate"), "--strict", "--no-warn", *files)

    assert finished.returncode == 0, finished.stdout + finished.stderr


@every_scenario
def test_custom_resources_have_only_fields_that_their_operator_knows(path: Path) -> None:
    for each in of(path):
        if each["kind"] in CUSTOM:
            assert each["apiVersion"] == "monitoring.coreos.com/v1"
            jsonschema.validate(each["spec"], CUSTOM[each["kind"]])


@every_scenario
def test_names_and_labels_have_63_characters_at_most_and_no_two_objects_one_name(path: Path) -> None:
    found = of(path)
    names = [(each["kind"], each["metadata"]["name"]) for each in found]

    assert [name for _, name in names if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name)] == []
    assert len(names) == len(set(names))
    labels = [value for each in (*found, *pods(found)) for value in each["metadata"].get("labels", {}).values()]
    assert [value for value in labels if not LABEL.fullmatch(value)] == []


def test_names_stay_within_63_characters_for_the_longest_name_of_a_release() -> None:
    release = "r" * 53
    found = objects(CHART / "ci/monitoring-values.yaml", release=release)

    assert {each["metadata"]["name"][:20] for each in found} == {release[:20]}
    assert max(len(each["metadata"]["name"]) for each in found) <= 63


@every_scenario
def test_every_object_names_the_release_s_namespace_and_its_parts(path: Path) -> None:
    for each in of(path):
        labels = each["metadata"]["labels"]
        assert each["metadata"]["namespace"] == NAMESPACE
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert {f"app.kubernetes.io/{key}" for key in ("name", "instance", "component", "version")} <= set(labels)
