"""Whatever a file holds, it gives settings or faults, and nothing else."""

import copy
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import load
from gateway.config.settings import Settings
from gateway.errors import ConfigurationError, Fault

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.dates()
    | st.binary(max_size=8)
    | st.sampled_from(
        ["", "*", "null", "16:00", "hub", "ecm", "cluster", "acme-dk", "case-deletion", "https://a", ".."]
    )
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configuration") / "gateway.yaml"


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_arbitrary_bytes_give_settings_or_faults(path: Path, content: bytes) -> None:
    check(path, content)


@given(content=st.text(alphabet="{}[]:,-*&!|>%@`'\"#?\\ \n\tab01~<=.uUx", max_size=60).map(str.encode))
@settings(max_examples=150)
def test_arbitrary_punctuation_gives_settings_or_faults(path: Path, content: bytes) -> None:
    check(path, content)


@given(tree=TREES)
def test_arbitrary_trees_give_settings_or_faults(path: Path, tree: object) -> None:
    check(path, yaml.safe_dump(tree).encode())


@given(data=st.data())
@settings(max_examples=150)
def test_a_sound_file_with_anything_put_anywhere_gives_settings_or_faults(
    path: Path, sound: Mapping[str, object], data: st.DataObject
) -> None:
    tree = copy.deepcopy(dict(sound))
    node = tree
    while True:
        key = data.draw(st.sampled_from(sorted(node)))
        below = node[key]
        if not isinstance(below, dict) or not below or data.draw(st.booleans()):
            break
        node = below
    node[data.draw(st.just(key) | st.text(max_size=8))] = data.draw(TREES)

    check(path, yaml.safe_dump(tree).encode())


def check(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    found: Settings | tuple[Fault, ...]
    try:
        found = load(path, {})
    except ConfigurationError as error:
        found = error.faults

    assert isinstance(found, Settings) or found
    assert isinstance(found, Settings) or all(fault.message and str(fault).isprintable() for fault in found)
