"""The configuration that the chart renders is one that the gateway takes, with the Secrets where it expects them."""

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gateway.cli.main import main
from gateway.sandbox.certificates import ensure_development_key
from tests.deploy.chart import (
    CHART,
    SCENARIOS,
    Object,
    configuration,
    gateway_pod,
    helm,
    objects,
    only,
    scenario,
    values,
)

every_scenario = pytest.mark.parametrize("path", SCENARIOS, ids=scenario)


class Volumes:
    """What a pod's Secrets hold: a file for each place that the configuration points to and a mount provides."""

    def __init__(self, folder: Path, found: list[Object]) -> None:
        self.folder = folder
        pod = gateway_pod(found)
        self.mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        self.sources = {volume["name"]: volume for volume in pod["volumes"]}
        self.environ = {each["name"]: "a secret" for each in pod["containers"][0].get("env", [])}

    def provide(self, place: str) -> str:
        """The path of a file that stands for `place`; it must be of a Secret or a projected volume that is mounted."""
        mount, name = place.rsplit("/", 1)
        volume = self.sources[self.mounts[mount]]
        assert {"secret", "projected"} & set(volume), volume
        return str(self._file(self.folder / mount.removeprefix("/"), name))

    def _file(self, folder: Path, name: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        if name in {"tls.key", "tls.crt"}:
            ensure_development_key(folder)
        elif name == "ca.crt":
            (folder / name).write_bytes(ensure_development_key(folder).read_bytes())
        elif name.endswith(".sha256"):
            (folder / name).write_text(hashlib.sha256(b"a key").hexdigest(), encoding="utf-8")
        else:
            (folder / name).write_text("a secret\n", encoding="utf-8")
        return folder / name


def with_files(tree: Any, volumes: Volumes) -> Any:  # noqa: ANN401 - YAML
    """The configuration with each `..._file` that a pod would have, had here."""
    if isinstance(tree, dict):
        return {
            key: volumes.provide(value) if str(key).endswith("_file") else with_files(value, volumes)
            for key, value in tree.items()
        }
    return [with_files(each, volumes) for each in tree] if isinstance(tree, list) else tree


def checked(folder: Path, found: list[Object]) -> str:
    """What `gateway check` says of the configuration, in an environment like the pod's."""
    volumes = Volumes(folder, found)
    text = configuration(found)
    if "_file:" in text:
        text = yaml.safe_dump(with_files(yaml.safe_load(text), volumes), sort_keys=False)
    path = folder / "gateway.yaml"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["check", "--config", str(path)], env=volumes.environ)
    assert result.exit_code == 0, result.output
    return result.output


@every_scenario
def test_the_gateway_finds_no_fault_in_the_configuration_of_a_scenario(path: Path, tmp_path: Path) -> None:
    assert "no faults" in checked(tmp_path, objects(path))


def test_the_gateway_finds_no_fault_in_the_configuration_of_the_defaults(tmp_path: Path) -> None:
    assert "no faults" in checked(tmp_path, objects())


@every_scenario
def test_the_hook_checks_the_same_configuration_before_anything_is_changed(path: Path) -> None:
    found = objects(path)
    if path == values("existing-claim"):
        assert [each for each in found if each["kind"] == "Job"] == []
        return

    assert configuration(found, "check") == configuration(found)
    for kind in ("ConfigMap", "Job"):
        assert only(found, kind, "check")["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    container = only(found, "Job", "check")["spec"]["template"]["spec"]["containers"][0]
    gateway = gateway_pod(found)["containers"][0]
    assert container["args"] == ["check", *gateway["args"][1:]]
    own = {"tmp", "ledger"}
    assert container["volumeMounts"] == [mount for mount in gateway["volumeMounts"] if mount["name"] not in own]


def test_values_reach_the_gateway_as_they_were_written() -> None:
    """Among them what YAML likes to change: texts that look like booleans, times and numbers, large numbers, nulls."""
    given = yaml.safe_load(values("sqlite").read_text(encoding="utf-8"))["config"]
    found = yaml.safe_load(configuration(objects(values("sqlite"))))

    for section, content in given.items():
        if section not in {"server", "store"}:
            assert found[section] == content
    assert found["server"]["max_body_bytes"] == 8388608
    assert found["store"] == {"retention_days": 800, "url": "sqlite:////var/lib/gateway/gateway.db"}
    limits = yaml.safe_load(configuration(objects(values("long-calls"))))["limits"]["ecm"]
    assert limits == {"max_in_flight": None, "per_second": 50}


def test_a_database_s_password_is_a_mounted_file_and_its_url_has_none() -> None:
    found = objects(values("postgresql"))
    store = yaml.safe_load(configuration(found))["store"]

    assert store["password_file"] == "/etc/gateway/ledger/password"
    volume = next(each for each in gateway_pod(found)["volumes"] if each["name"] == "ledger-password")
    assert volume["secret"]["secretName"] == "gateway-database"
    assert "PGPASSWORD" not in str(found)


def mounted_by_subpath(found: list[Object]) -> Iterator[str]:
    for mount in gateway_pod(found)["containers"][0]["volumeMounts"]:
        if "subPath" in mount:
            yield mount["name"]


@every_scenario
def test_no_file_is_mounted_by_subpath_which_would_never_change(path: Path) -> None:
    assert list(mounted_by_subpath(objects(path))) == []


@every_scenario
def test_the_chart_makes_no_secret(path: Path) -> None:
    assert [each for each in objects(path) if each["kind"] == "Secret"] == []


def test_the_chart_works_as_part_of_another_one(tmp_path: Path) -> None:
    """With `global`, with the condition that parents use, and with a null that means something."""
    parent = tmp_path / "parent"
    (parent / "charts").mkdir(parents=True)
    (parent / "charts/case-gateway").symlink_to(CHART)
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["version"]
    dependency = {"name": "case-gateway", "version": version, "condition": "case-gateway.enabled"}
    about = {"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": [dependency]}
    (parent / "Chart.yaml").write_text(yaml.safe_dump(about), encoding="utf-8")
    own = yaml.safe_load(values("long-calls").read_text(encoding="utf-8"))
    given = {"global": {"region": "dk"}, "case-gateway": {"enabled": True, **copy.deepcopy(own)}}
    (parent / "values.yaml").write_text(yaml.safe_dump(given), encoding="utf-8")

    assert helm("lint", "--strict", parent).returncode == 0
    found = objects(chart=parent)
    assert yaml.safe_load(configuration(found)) == yaml.safe_load(configuration(objects(values("long-calls"))))
