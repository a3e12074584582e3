"""Every value is described and bounded; what is misspelt is refused, and what Helm itself adds is not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # it ships no types

from gateway.config.schema import schema
from gateway.config.settings import Settings
from gateway.version import __version__
from tests.deploy.chart import CHART, SCENARIOS, objects, refusal
from tools import chart_schema
from tools.chart_readme import Undescribed, readme, values

SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
TEXT = (CHART / "values.yaml").read_text(encoding="utf-8")
FOR_PARENTS = {"global", "enabled"}
"""What Helm and the conditions of parent charts put among the values."""


def closed(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """The path of every value that the schema names; what is in a section of `config` is the gateway's own."""
    for name, inner in schema["properties"].items():
        here = f"{path}{name}"
        if inner.get("additionalProperties") is False and path != "config.":
            yield from closed(inner, f"{here}.")
        else:
            yield here


def test_the_schema_names_every_value_and_no_other() -> None:
    """A description may be of a whole whose parts are Kubernetes' own."""
    named = set(closed(SCHEMA)) - FOR_PARENTS
    described = {each.path for each in values(TEXT)}

    assert {path for path in named if not described & {path, path.rpartition(".")[0]}} == set()
    assert {path for path in described if path not in named | {each.rpartition(".")[0] for each in named}} == set()


def test_every_mapping_of_the_chart_s_own_is_closed() -> None:
    def look(schema: dict[str, Any], tree: dict[str, Any]) -> None:
        for name, value in tree.items():
            inner = schema["properties"][name]
            if isinstance(value, dict) and "properties" in inner:
                assert inner["additionalProperties"] is False, name
                look(inner, value)

    assert SCHEMA["additionalProperties"] is False
    look(SCHEMA, yaml.safe_load(TEXT))


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ("replicas=3", "replicas"),
        ("config.server.port=80", "config.server"),
        ('config.server={"auth": "disabled"}', "config.server"),
        ('config.store.url="sqlite:///x"', "config.store"),
        ("config.tenant={}", "config"),
        ('ledger.type="mysql"', "ledger.type"),
        ('ledger.postgresql.url="postgresql://gateway:hunter2@db/gateway"', "ledger.postgresql.url"),
        ('secrets.scalepoint="value"', "secrets.scalepoint"),
        ('image.digest="sha256:short"', "image.digest"),
        ('prometheusRule.runbookBaseUrl="https://git.example/a b"', "prometheusRule.runbookBaseUrl"),
        ('commonLabels={"app.kubernetes.io/name": "x"}', "commonLabels"),
        ('ledger.sqlite.accessMode="ReadWriteMany"', "ledger.sqlite.accessMode"),
        ("config.backends.ecm.timeout_seconds=0", "timeout_seconds"),
        ("config.server.wait_second=3", "wait_second"),
        ('config.limits.hub={"per_second": "five"}', "config.limits.hub.per_second"),
        ('config.callers.job={"tenants": ["a"], "operations": ["*"]}', "execute is required"),
        ('config.credentials.ecm={"type": "basic", "username": "g", "password": "p"}', "config.credentials.ecm"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_named(given: str, place: str) -> None:
    assert place in refusal(sets=(given,))


def test_the_schema_of_the_configuration_is_as_the_code_has_it() -> None:
    assert (CHART / "values.schema.json").read_text(encoding="utf-8") == chart_schema.text(), "run `make chart`"


def test_what_the_chart_sets_itself_is_a_key_of_the_gateway_and_no_value() -> None:
    known, mine = schema()["properties"], SCHEMA["properties"]["config"]["properties"]

    for section, keys in chart_schema.OF_THE_CHART.items():
        assert keys <= set(known[section]["properties"])
        assert set(mine[section]["properties"]) == set(known[section]["properties"]) - keys


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_the_values_of_a_scenario_fit_by_another_validator_too(path: Path) -> None:
    """Not only Helm's reads the schema: editors do."""
    Draft7Validator.check_schema(SCHEMA)
    Draft7Validator(SCHEMA).validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def test_a_section_that_a_parent_takes_away_is_empty() -> None:
    sections = yaml.safe_load(TEXT)["config"]

    assert objects(sets=tuple(f"config.{name}=null" for name in sections)) == objects()


def test_the_chart_has_every_section_of_the_gateway_s_configuration() -> None:
    sections = {field.name for field in msgspec.structs.fields(Settings)} - {"path"}

    assert sections <= set(yaml.safe_load(TEXT)["config"])


def test_what_helm_adds_for_a_part_of_another_chart_is_taken() -> None:
    assert objects(sets=('global={"anything": 1}', "enabled=true")) == objects()


def test_the_readme_s_table_is_that_of_values_yaml() -> None:
    """Mended by `make chart`."""
    assert (CHART / "README.md").read_text(encoding="utf-8") == readme()


def test_a_value_without_a_description_is_noticed() -> None:
    with pytest.raises(Undescribed, match=r"image\.tag"):
        list(values("image:\n  # -- Where it is.\n  repository: x\n  tag: y\n"))


def test_a_description_is_that_of_the_value_below_it() -> None:
    [one, two] = values("# A remark.\na:\n  # -- First\n  # line.\n  b: {c: 1}\n# -- Second.\nd:\n  e: 2\n")

    assert (one.path, one.description, one.default) == ("a.b", "First line.", {"c": 1})
    assert (two.path, two.description, two.default) == ("d", "Second.", {"e": 2})


def test_the_readme_s_example_is_rendered(tmp_path: Path) -> None:
    text = (CHART / "README.md").read_text(encoding="utf-8")
    example = tmp_path / "values.yaml"
    example.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")

    assert objects(example)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.name)
def test_a_scenario_begins_with_what_it_is(path: Path) -> None:
    assert path.read_text(encoding="utf-8").startswith("# ")


def test_the_chart_says_which_version_of_the_gateway_it_installs_and_since_when_kubernetes_has_what_it_needs() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert about["appVersion"] == about["version"] == __version__
    assert f"case-gateway:{__version__}" in about["annotations"]["artifacthub.io/images"]
    assert about["kubeVersion"] == ">=1.30.0-0"
