"""The schema for editors says what the readers say."""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from msgspec import Struct, structs

from gateway.cli.main import main
from gateway.config.document import parse
from gateway.config.schema import schema
from gateway.config.settings import (
    Audit,
    BackendSettings,
    Caller,
    Circuit,
    Credential,
    Issuer,
    Limits,
    Retry,
    Route,
    Server,
    Store,
)  # fmt: skip
from gateway.config.tree import Items, Table, Tree, scalar
from tests.signing import make_signing_key
from tests.unit.config.conftest import ENVIRON, SOUND
from tests.unit.config.test_config_example import WRITTEN_OTHERWISE

Json = dict[str, Any]
Faults = Callable[[Json], list[str]]

LOADING = import_module("gateway.config.load")  # whose function has the same name
ROOT = Path(__file__).parents[3]
RICH: Json = copy.deepcopy(SOUND)
"""The sound configuration, with every key that its sections can have."""
RICH["server"] |= {
    "metrics_port": 8081, "wait_seconds": 3, "drain_seconds": 3, "max_body_bytes": 5_000, "max_cases": 5,
    "max_items": 5, "max_queued_cases": 5, "auth": "required",
}  # fmt: skip
RICH["server"] |= {
    "allow_link_local": False,
    "tls": {"certificate_file": "tls.crt", "private_key_file": "tls.key", "client_ca_file": "other.crt"},
}
RICH["store"] |= {"url": "postgresql://gateway@db/gateway", "retention_days": 5, "password_env": "SECRET"}
RICH["audit"] = {
    "key_file": "receipt.key", "earlier_key_files": ["earlier.key"], "checkpoint_key_file": "checkpoint.key",
    "checkpoint_file": "checkpoints", "checkpoint_minutes": 5,
}  # fmt: skip
RICH["retry"] |= {"deadline_seconds": 5, "backoff_base_seconds": 1, "backoff_max_seconds": 5, "budget_ratio": 0.5}
RICH["circuit"] |= {"failure_ratio": 0.5, "open_seconds": 5}
RICH["issuers"]["cluster"] |= {
    "algorithms": ["ES256"], "max_lifetime_seconds": 5, "token_type": "at+jwt", "ca_file": "other.crt",
    "token_file": "password",
}  # fmt: skip
RICH["issuers"]["local"] = {"issuer": "local", "audience": "us", "jwks_file": "jwks.json"}
RICH["callers"]["job"] |= {"requests_per_minute": 5, "max_queued_cases": None}
RICH["callers"]["by-file"] = {
    "api_key_sha256_env": "OTHER_HASH", "tenants": ["acme-dk"], "operations": ["case-deletion"], "execute": True,
}  # fmt: skip
RICH["credentials"]["scalepoint"]["audience"] = None
RICH["credentials"]["oauth"]["scope"] = "case:delete"
RICH["backends"]["hub-dk"] |= {
    "hours": {"open": "16:00", "close": "08:00", "timezone": "UTC"}, "timeout_seconds": 5, "linger_seconds": 5.5,
    "version": "v1", "ca_file": "other.crt", "client_certificate_file": "tls.crt", "client_private_key_file": "tls.key",
}  # fmt: skip
RICH["backends"]["ecm"] |= {"cases_per_call": 5, "hours": None}

VALUES = (None, True, 0, 1, 1.5, 10**12, "", "x", "16:00", "https://a", ["*"])
WRONG: tuple[object, ...] = ({"no": "such"}, [[]])


def paths(tree: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of everything in the tree that has a name."""
    for key, below in tree.items():
        yield (*path, key)
        if isinstance(below, dict):
            yield from paths(below, (*path, key))


def at(path: tuple[str, ...]) -> object:
    node: Any = RICH
    for key in path:
        node = node[key]
    return node


LEAVES = [path for path in paths(RICH) if not isinstance(at(path), dict)]
TABLES = [path for path in paths(RICH) if isinstance(at(path), dict)]
VALIDATOR = Draft202012Validator(schema())


def put(path: tuple[str, ...], value: object) -> Json:
    tree = copy.deepcopy(RICH)
    node = tree
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return tree


def fits(tree: Json) -> bool:
    return bool(VALIDATOR.is_valid(tree))


@pytest.fixture
def faults(folder: Path, faults_in: Callable[[str | bytes], list[str]], monkeypatch: pytest.MonkeyPatch) -> Faults:
    """What the readers say of a tree."""
    for name in ("receipt.key", "earlier.key"):
        (folder / name).write_text(name * 4)
    make_signing_key(folder)
    monkeypatch.setitem(ENVIRON, "OTHER_HASH", "b" * 64)
    # YAML itself has tests of its own, and to take a file apart takes four fifths of the time.
    monkeypatch.setattr(LOADING, "parse", lambda content, _faults: as_parsed(json.loads(content)))
    return lambda tree: faults_in(json.dumps(tree))


def as_parsed(tree: Any) -> Tree:  # noqa: ANN401 - whatever JSON knows
    """What the parser makes of the tree."""
    match tree:
        case dict():
            return Table({key: as_parsed(below) for key, below in tree.items()})
        case list():
            return Items(tuple(as_parsed(below) for below in tree))
        case str():
            return scalar("str", tree)
        case None:
            return scalar("null", "null")
    return scalar(type(tree).__name__, json.dumps(tree))


def test_trees_are_what_the_parser_makes_of_them() -> None:
    given = {**RICH, "values": [*VALUES, *WRONG]}

    assert as_parsed(given) == parse(json.dumps(given).encode(), [])


def test_it_is_a_schema_and_stands_in_the_repository_as_the_code_says_it() -> None:
    Draft202012Validator.check_schema(schema())
    written = (ROOT / "openapi" / "config.schema.json").read_text(encoding="utf-8")

    assert CliRunner().invoke(main, ["check", "--schema"]).stdout == written
    assert json.loads(written) == schema(), "`make openapi` writes it anew"


@pytest.mark.parametrize("example", ["examples/gateway.yaml", "examples/demo/gateway.yaml"])
def test_the_examples_fit_and_point_to_it(example: str) -> None:
    text = (ROOT / example).read_text(encoding="utf-8")
    place = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")

    assert (ROOT / example).parent.joinpath(place).resolve() == ROOT / "openapi" / "config.schema.json"
    if "demo" not in example:  # that one is a template
        assert fits(yaml.safe_load(text))


def test_a_configuration_with_every_key_fits_both(faults: Faults) -> None:
    assert faults(RICH) == []
    assert list(VALIDATOR.iter_errors(RICH)) == []


@pytest.mark.parametrize(
    ("section", "of"),
    [
        ("server", Server), ("store", Store), ("audit", Audit), ("retry", Retry), ("circuit", Circuit),
        ("issuers", Issuer), ("callers", Caller), ("credentials", Credential), ("limits", Limits),
        ("backends", BackendSettings), ("tenants", Route),
    ],
)  # fmt: skip
def test_every_setting_has_its_key(section: str, of: type[Struct]) -> None:
    described = set(keys_in(schema()["properties"][section]))

    wanted = {key for field in structs.fields(of) for key in WRITTEN_OTHERWISE.get(field.name, {field.name})}

    assert wanted - described == set()


def keys_in(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        yield from tree.get("properties", {})
        for below in tree.values():
            yield from keys_in(below)
    elif isinstance(tree, list):
        for below in tree:
            yield from keys_in(below)


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_what_the_readers_take_fits_the_schema(faults: Faults, path: tuple[str, ...]) -> None:
    trees = [put(path, value) for value in VALUES]

    assert [tree for tree in trees if not fits(tree) and faults(tree) == []] == []


@pytest.mark.parametrize("path", LEAVES + TABLES, ids=".".join)
def test_both_refuse_what_is_of_no_type_that_a_key_can_have(faults: Faults, path: tuple[str, ...]) -> None:
    for value in WRONG:
        tree = put(path, value)
        assert faults(tree)
        assert not fits(tree)


@pytest.mark.parametrize("path", TABLES, ids=".".join)
def test_both_refuse_an_unknown_key(faults: Faults, path: tuple[str, ...]) -> None:
    tree = put((*path, "no_such_key"), "x")

    assert any("no_such_key" in fault for fault in faults(tree))
    assert not fits(tree)


@pytest.mark.parametrize("path", LEAVES, ids=".".join)
def test_both_agree_on_whether_a_key_may_be_left_out(faults: Faults, path: tuple[str, ...]) -> None:
    tree = put(path, ...)

    assert fits(tree) == (faults(tree) == [])
