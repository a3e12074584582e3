"""Writes the part of the chart's values.schema.json that is the gateway's own configuration, from its schema in code.

Helm's validator knows draft 7, in which `dependentRequired` had another name. A test fails if it is not as made.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config.schema import schema

SCHEMA = Path(__file__).parents[1] / "helm/case-gateway/values.schema.json"
OF_THE_CHART: Mapping[str, frozenset[str]] = {
    "server": frozenset({"host", "port", "metrics_port", "auth"}),
    "store": frozenset({"url", "password_file", "password_env"}),
}
"""Keys that the chart sets itself, or does not let anybody set: by section."""

_SECTION = re.compile(r'^    "config": \{\n.*?^    \},\n', re.MULTILINE | re.DOTALL)

Json = dict[str, Any]


def config() -> Json:
    """The schema of the value `config`."""
    sections = {name: _section(section, OF_THE_CHART.get(name, frozenset())) for name, section in _sections().items()}
    description = "The gateway's configuration. Written by `make chart`, from gateway/config/schema.py."
    return {"description": description, "type": "object", "additionalProperties": False, "properties": sections}


def text() -> str:
    """The whole of values.schema.json, with `config` as the code has it."""
    inner = "\n".join(f"    {line}" for line in json.dumps(config(), indent=2, ensure_ascii=False).splitlines())
    made, count = _SECTION.subn(lambda _: f'    "config": {inner.lstrip()},\n', SCHEMA.read_text(encoding="utf-8"))
    if count != 1:
        message = f"{SCHEMA.name}: no place for `config`"
        raise ValueError(message)
    return made


def _sections() -> Json:
    sections: Json = _in_draft_7(schema())["properties"]
    return sections


def _section(section: Json, taken: frozenset[str]) -> Json:
    """A section that is an object, be it empty, without the keys that are `taken`, and without rules about these."""
    kept = section | {"type": "object"}
    if taken:
        kept["properties"] = {key: said for key, said in section["properties"].items() if key not in taken}
        kept = {rule: said for rule, said in kept.items() if rule not in {"not", "dependencies"}}
    return kept


def _in_draft_7(tree: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(tree, dict):
        return {
            ("dependencies" if key == "dependentRequired" else key): _in_draft_7(value) for key, value in tree.items()
        }
    return [_in_draft_7(each) for each in tree] if isinstance(tree, list) else tree


if __name__ == "__main__":
    SCHEMA.write_text(text(), encoding="utf-8")
