"""Writes the table of values in the chart's README from the comments in values.yaml."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from msgspec import Struct

CHART = Path(__file__).parents[1] / "helm/case-gateway"
BEGIN, END = "<!-- values: written by `make chart`, from values.yaml -->\n", "<!-- end of values -->"
LONGEST_DEFAULT = 60

_KEY = re.compile(r"^( *)([A-Za-z]\w*):(?: |$)")
_DESCRIPTION = re.compile(r"^ *# -- (.*)$")
_MORE = re.compile(r"^ *# (.*)$")


class Value(Struct, frozen=True):
    """One value that an operator may set: its dotted path, what it is for, and its default."""

    path: str
    description: str
    default: object


class Undescribed(ValueError):
    """A value has no `# --` comment above it, nor has anything that it is part of."""


def values(text: str) -> Iterator[Value]:
    """Every described value of a values.yaml. What is below a described value is its default. Raises Undescribed."""
    tree = yaml.safe_load(text)
    parents: list[tuple[int, str]] = []
    words: list[str] = []
    described_at: int | None = None
    for line in text.splitlines():
        if found := _DESCRIPTION.match(line):
            words = [found[1]]
        elif words and (found := _MORE.match(line)):
            words.append(found[1])
        elif found := _KEY.match(line):
            depth = len(found[1])
            if described_at is not None and depth > described_at:
                continue
            described_at = None
            parents = [parent for parent in parents if parent[0] < depth] + [(depth, found[2])]
            path = [name for _, name in parents]
            if words:
                yield Value(".".join(path), " ".join(words), _at(tree, path))
                words, described_at = [], depth
            elif not isinstance(_at(tree, path), dict) or not _at(tree, path):
                raise Undescribed(".".join(path))


def table(text: str) -> str:
    """The values as Markdown."""
    rows = [f"| `{each.path}` | {_default(each.default)} | {each.description} |" for each in values(text)]
    return "\n".join(["", "| value | default | meaning |", "| --- | --- | --- |", *rows, "", ""])


def readme(chart: Path = CHART) -> str:
    """The README as it ought to be."""
    written = (chart / "README.md").read_text(encoding="utf-8")
    before, rest = written.split(BEGIN)
    return before + BEGIN + table((chart / "values.yaml").read_text(encoding="utf-8")) + END + rest.split(END)[1]


def _at(tree: object, path: list[str]) -> object:
    for name in path:
        assert isinstance(tree, dict)  # noqa: S101 - the keys were read from the same text
        tree = tree[name]
    return tree


def _default(default: object) -> str:
    text = json.dumps(default)
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else "see values.yaml"


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme(), encoding="utf-8")
