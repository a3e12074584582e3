from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.document import MAX_BYTES, parse
from gateway.config.tree import Items, Scalar, ScalarKind, Table
from gateway.errors import ConfigurationError, Fault

Faults = Callable[[str | bytes], list[str]]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "gateway.yaml is empty"),
        (b"# only a comment\n", "gateway.yaml is empty"),
        (b"---\n", "gateway.yaml is empty"),
        (b"{}", "gateway.yaml is empty"),
        (b"- a\n- b\n", "gateway.yaml holds a list, not a mapping of sections"),
        (b"gateway", 'gateway.yaml holds "gateway", not a mapping of sections'),
        (b"server:\n  host: \xff\n", "not UTF-8 at byte 16"),
        ("server: {}".encode("utf-16"), "not UTF-8 at byte 0"),
        (b"x" * (MAX_BYTES + 1), "larger than 1,048,576 bytes"),
        (b"server: {port: 1\x00}", "not YAML: a control character, or an escape that is no character"),
        (b'server: {host: "\\UFFFFFFFF"}', "not YAML: a control character, or an escape that is no character"),
        (b'server: {host: "\\U00110000"}', "not YAML: a control character, or an escape that is no character"),
        (b"server: {port: 1", "line 1: not YAML: expected ',' or '}', but got '<stream end>'"),
        (b"server:\n\tport: 1\n", "line 2: not YAML: indent with spaces, not with tabs"),
        (b"callers:\n  a: {operations: [*]}\n", 'line 2: not YAML: an unquoted * begins an alias; write "*"'),
        (b"server: {}\n---\nserver: {}\n", 'line 2: a second document ("---"); one file holds one'),
        (b"server: *base\n", 'line 1: the alias "*base" has no anchor before it'),
        (b"server: &own {host: *own}\n", 'line 1: the alias "*own" has no anchor before it'),
        (b"server: " + b"[" * 5_000, "line 1: nested deeper than 20"),
    ],
)
def test_what_is_no_usable_yaml_is_told_as_the_one_fault(faults_in: Faults, content: bytes, fault: str) -> None:
    [found] = faults_in(content)

    assert found.endswith(fault)


def test_a_faulty_line_is_never_shown_since_it_may_hold_a_secret(faults_in: Faults) -> None:
    assert "hunter2" not in faults_in("credentials:\n  ecm: {password: hunter2 : 2}\n")[0]


def test_aliases_that_multiply_are_refused_before_they_are_written_out(faults_in: Faults) -> None:
    laughs = ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    laughs += [f"l{level}: &l{level} [{', '.join([f'*l{level - 1}'] * 10)}]" for level in range(1, 10)]

    assert faults_in("\n".join(laughs)) == ["more than 200,000 values, aliases written out"]


def test_an_alias_stands_for_what_its_anchor_holds() -> None:
    faults: list[Fault] = []

    tree = parse(b"a: &hours {open: '16:00'}\nb: *hours\n", faults)

    assert isinstance(tree, Table)
    assert tree.entries["a"] == tree.entries["b"] == Table({"open": Scalar(ScalarKind.TEXT, "16:00", "16:00")})
    assert faults == []


def test_a_duplicate_key_is_told_with_its_path_and_both_lines(faults_in: Faults) -> None:
    faults = faults_in("server:\n  port: 1\n  host: localhost\n  port: 2\nserver: {}\n")

    assert faults == ["server.port: given twice, on lines 2 and 4", "server: given twice, on lines 1 and 5"]


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("no", 'expected a key in words, got no, which YAML reads as a boolean; put it in quotes: "no"'),
        ("1001", 'expected a key in words, got 1001, which YAML reads as a number; put it in quotes: "1001"'),
        ("16:00", 'expected a key in words, got 16:00, which YAML reads as the number 960; put it in quotes: "16:00"'),
        ("2024-01-31", 'expected a key in words, got 2024-01-31, which YAML reads as a date; put it in quotes: "2024'),
        ("", "expected a key in words, got nothing"),
        ("[a, b]", "expected a key in words, got a list"),
        ("<<", 'merge keys ("<<") are not read; write the keys out'),
    ],
)
def test_a_key_that_yaml_takes_for_something_else_is_told_with_its_line(
    faults_in: Faults, key: str, fault: str
) -> None:
    [found] = faults_in(f"server: {{}}\ntenants:\n  ? {key}\n  : {{}}\n")

    assert found.startswith(f"tenants: {fault}")
    assert found.endswith("(line 3)")


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!!str", "!secret", "!"])
def test_tags_are_refused_and_nothing_they_name_is_built(faults_in: Faults, tag: str) -> None:
    faults = faults_in(f"server:\n  host: {tag} localhost\n")

    assert len(faults) == 1
    assert faults[0].startswith("server.host: the tag ")


def test_a_path_with_odd_keys_keeps_them_apart_and_harmless(faults_in: Faults) -> None:
    [fault] = faults_in('server: {"a.b\\e[2J": 1}\n')

    assert fault.startswith('server."a.b\\u001b[2J": unknown key')


@pytest.mark.parametrize(
    ("written", "scalar"),
    [
        ("5", Scalar(ScalarKind.NUMBER, "5", 5)),
        ("-5", Scalar(ScalarKind.NUMBER, "-5", -5)),
        ("0.5", Scalar(ScalarKind.NUMBER, "0.5", 0.5)),
        ("1.0e+3", Scalar(ScalarKind.NUMBER, "1.0e+3", 1000.0)),
        ("0x10", Scalar(ScalarKind.NUMBER, "0x10")),
        ("010", Scalar(ScalarKind.NUMBER, "010")),
        ("1_000", Scalar(ScalarKind.NUMBER, "1_000")),
        ("1:30", Scalar(ScalarKind.NUMBER, "1:30")),
        (".nan", Scalar(ScalarKind.NUMBER, ".nan")),
        (".inf", Scalar(ScalarKind.NUMBER, ".inf")),
        ("1.0e+999", Scalar(ScalarKind.NUMBER, "1.0e+999")),
        ("9" * 10_000, Scalar(ScalarKind.NUMBER, "9" * 10_000)),
        ("true", Scalar(ScalarKind.BOOLEAN, "true", value=True)),
        ("False", Scalar(ScalarKind.BOOLEAN, "False", value=False)),
        ("yes", Scalar(ScalarKind.BOOLEAN, "yes")),
        ("Off", Scalar(ScalarKind.BOOLEAN, "Off")),
        ("~", Scalar(ScalarKind.NULL, "~")),
        ("2024-01-31", Scalar(ScalarKind.DATE, "2024-01-31")),
        ('"5"', Scalar(ScalarKind.TEXT, "5", "5")),
        ("08:00", Scalar(ScalarKind.TEXT, "08:00", "08:00")),
        ("=", Scalar(ScalarKind.TEXT, "=", "=")),
    ],
)
def test_only_plain_notations_have_a_value(written: str, scalar: Scalar) -> None:
    assert parse(f"[{written}]".encode(), []) == Items((scalar,))


@pytest.mark.parametrize(
    ("name", "fault"),
    [("missing.yaml", "cannot be read: No such file or directory"), (".", "cannot be read: Is a directory")],
)
def test_a_file_that_cannot_be_read_is_told_with_its_name(tmp_path: Path, name: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=fault):
        load(tmp_path / name, {})
