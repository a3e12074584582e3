"""The chart as Helm renders it."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.tools import ROOT, Finished, run, tool

CHART = ROOT / "helm/case-gateway"
SCENARIOS = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE, NAMESPACE = "deletions", "claims"
Object = dict[str, Any]


class _Strict(yaml.SafeLoader):
    """Refuses what Kubernetes' tools take in silently: a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}{node.start_mark}"
        return super().construct_mapping(node, deep)


def scenario(path: Path) -> str:
    """The name of a scenario, for pytest."""
    return path.name.removesuffix("-values.yaml")


def values(name: str) -> Path:
    """The values of the scenario `name`."""
    return CHART / f"ci/{name}-values.yaml"


def helm(*arguments: str | Path) -> Finished:
    return run(tool("helm"), *arguments)


@cache
def rendered(*files: Path, sets: tuple[str, ...] = (), chart: Path = CHART, release: str = RELEASE) -> str:
    """What Helm makes of these values; `sets` are `key=value` in Helm's words."""
    given = [word for file in files for word in ("--values", str(file))]
    given += [word for each in sets for word in ("--set-json", each)]
    finished = helm("template", release, chart, "--namespace", NAMESPACE, *given)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def objects(*files: Path, sets: tuple[str, ...] = (), chart: Path = CHART, release: str = RELEASE) -> list[Object]:
    """The same as objects."""
    text = rendered(*files, sets=sets, chart=chart, release=release)
    return [each for each in yaml.load_all(text, Loader=_Strict) if each]


def refusal(*files: Path, sets: tuple[str, ...]) -> str:
    """What Helm says of values that it must not render."""
    given = [word for file in files for word in ("--values", str(file))]
    given += [word for each in sets for word in ("--set-json", each)]
    finished = helm("template", RELEASE, CHART, "--namespace", NAMESPACE, *given)
    assert finished.returncode != 0, finished.stdout
    return finished.stderr


def only(found: list[Object], kind: str, component: str = "gateway") -> Object:
    """The one object of a kind and component."""
    fitting = [each for each in found if each["kind"] == kind and component_of(each) == component]
    assert len(fitting) == 1, [each["metadata"]["name"] for each in fitting]
    return fitting[0]


def component_of(found: Object) -> str:
    return str(found["metadata"]["labels"]["app.kubernetes.io/component"])


def pods(found: list[Object]) -> Iterator[Object]:
    """Every pod: the test's own, and those of templates; each with `metadata` and `spec`."""
    for each in found:
        if each["kind"] == "Pod":
            yield each
        elif each["kind"] in {"Deployment", "Job"}:
            yield each["spec"]["template"]


def gateway_pod(found: list[Object]) -> Object:
    spec: Object = only(found, "Deployment")["spec"]["template"]["spec"]
    return spec


def configuration(found: list[Object], component: str = "gateway") -> str:
    """The text of gateway.yaml."""
    text: str = only(found, "ConfigMap", component)["data"]["gateway.yaml"]
    return text


def hooks(found: Object) -> list[str]:
    """The Helm hooks that an object is for; most are for none."""
    text = found["metadata"].get("annotations", {}).get("helm.sh/hook", "")
    return [hook for hook in text.split(",") if hook]
