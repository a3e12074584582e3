"""An upgrade from an earlier chart: what Kubernetes lets nobody change stays, and so does the ledger."""

import copy
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.chart import CHART, SCENARIOS, Object, objects, only, scenario, values
from tests.deploy.tools import ROOT, run, succeed

HOOKS = ("Job", "Pod")
"""Deleted before they are made anew."""


def fixed(found: Object) -> dict[str, Any]:
    """The fields of an object that an upgrade cannot change, or must not."""
    spec = found.get("spec", {})
    match found["kind"]:
        case "Deployment":
            return {"selector": spec["selector"], "ledger": ledger(spec["template"]["spec"])}
        case "PersistentVolumeClaim":
            # The size may grow, where the storage class lets it.
            kept = {key: value for key, value in spec.items() if key != "resources"}
            return {**kept, "annotations": found["metadata"].get("annotations")}
        case "Service":
            return {"clusterIP": spec.get("clusterIP"), "ports": [port["port"] for port in spec["ports"]]}
    return {}


def ledger(pod: Object) -> Any:  # noqa: ANN401 - YAML
    """Where the ledger's file is, from the volume down."""
    volumes = [volume for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    return volumes, [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "ledger"]


def lasting(found: list[Object]) -> dict[tuple[str, str], Object]:
    return {(each["kind"], each["metadata"]["name"]): each for each in found if each["kind"] not in HOOKS}


def broken(before: list[Object], after: list[Object]) -> Iterator[str]:
    """What would keep an upgrade from being applied, or have it lose something."""
    old, new = lasting(before), lasting(after)
    for key, each in old.items():
        if key not in new and key[0] in {"Deployment", "PersistentVolumeClaim", "Service"}:
            yield f"{key} is gone"
        elif key in new and fixed(each) != fixed(new[key]):
            yield f"{key}: {fixed(each)} became {fixed(new[key])}"


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as it was last released; before the first release, as it was when it came into the repository."""
    tags = run("git", "tag", "--list", "v*", "--sort=-version:refname").stdout.split()
    first = run("git", "log", "--diff-filter=A", "--format=%H", "--", CHART / "Chart.yaml").stdout.split()
    if not (found := tags or first):
        pytest.skip("neither a release nor the history of the chart is here: there is no version to upgrade from")
    folder = tmp_path_factory.mktemp("previous")
    archive = folder / "chart.tar"
    succeed("git", "archive", f"--output={archive}", found[0], CHART.relative_to(ROOT))
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / CHART.relative_to(ROOT)


@pytest.mark.parametrize("path", SCENARIOS, ids=scenario)
def test_the_earlier_chart_can_be_upgraded_with_the_values_it_had(path: Path, previous: Path) -> None:
    given = previous / "ci" / path.name
    if not given.exists():
        pytest.skip("a scenario that the earlier chart did not have")

    assert list(broken(objects(given, chart=previous), objects(given))) == []


def shift_selector(found: list[Object]) -> None:
    only(found, "Deployment")["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] = "other"


def rename_claim(found: list[Object]) -> None:
    only(found, "PersistentVolumeClaim")["metadata"]["name"] = "other"


def let_claim_go(found: list[Object]) -> None:
    del only(found, "PersistentVolumeClaim")["metadata"]["annotations"]


def move_ledger(found: list[Object]) -> None:
    container = only(found, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    next(mount for mount in container["volumeMounts"] if mount["name"] == "ledger")["mountPath"] = "/other"


@pytest.mark.parametrize("change", [shift_selector, rename_claim, let_claim_go, move_ledger])
def test_a_change_that_an_upgrade_must_not_make_is_noticed(change: Callable[[list[Object]], None]) -> None:
    before = objects(values("sqlite"))
    after = copy.deepcopy(before)
    change(after)

    assert list(broken(before, before)) == []
    assert len(list(broken(before, after))) == 1
