"""YAML becomes a plain tree: parsed, never constructed, so that nothing a file names comes to life.

Nothing here knows a key of the configuration.
"""

from collections.abc import Iterator
from typing import Protocol, cast

import yaml
from yaml.resolver import Resolver

from gateway.config.tree import Items, Scalar, ScalarKind, Table, Tree, describe, misread, scalar
from gateway.config.wording import join, quote
from gateway.errors import ConfigurationError, Fault

MAX_BYTES = 1_048_576
MAX_DEPTH = 20
MAX_NODES = 200_000
"""Counted with every alias written out, so that a few lines of aliases cannot become millions of values."""

_RESOLVER = Resolver()
_Begun = yaml.ScalarEvent | yaml.CollectionStartEvent


def parse(content: bytes, faults: list[Fault]) -> Tree | None:
    """The one document in `content`, null if there is none; duplicate keys and the like are added to `faults`.

    Raises ConfigurationError: too large, not UTF-8, not YAML, or nested or repeated beyond all measure.
    """
    if len(content) > MAX_BYTES:
        raise _unreadable(f"larger than {MAX_BYTES:,} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError as cause:
        raise _unreadable(f"not UTF-8 at byte {cause.start}") from cause
    try:
        return _Composer(yaml.parse(text, Loader=yaml.SafeLoader), faults).document()
    except yaml.MarkedYAMLError as cause:
        raise _unreadable(_syntax(cause), _line(cause.problem_mark)) from cause
    except (yaml.YAMLError, ValueError, OverflowError) as cause:  # the last two: an escape beyond Unicode
        raise _unreadable("not YAML: a control character, or an escape that is no character") from cause


class _Composer:
    """Turns the parser's events into a tree, aliases included, and counts what it builds."""

    def __init__(self, events: Iterator[yaml.Event], faults: list[Fault]) -> None:
        self.events = events
        self.faults = faults
        self.anchors: dict[str, tuple[Tree, int]] = {}
        self.nodes = 0

    def document(self) -> Tree | None:
        next(self.events)  # the stream's start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        tree = self.node(next(self.events), "", 0)
        next(self.events)  # the document's end
        further = next(self.events)
        if not isinstance(further, yaml.StreamEndEvent):
            raise _unreadable('a second document ("---"); one file holds one', _line(further.start_mark))
        return tree

    def node(self, event: yaml.Event, path: str, depth: int) -> Tree:
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if depth > MAX_DEPTH:
            raise _unreadable(f"nested deeper than {MAX_DEPTH}", _line(event.start_mark))
        before = self.nodes
        self.count(1)
        begun = cast("_Begun", event)  # the parser yields nothing else here
        tree = self.branch(begun, path, depth)
        if begun.anchor is not None:
            self.anchors[begun.anchor] = tree, self.nodes - before
        return tree

    def branch(self, event: _Begun, path: str, depth: int) -> Tree:
        if event.tag is not None:
            self.faults.append(Fault(path, f"the tag {quote(event.tag)} is not read here"))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        return self.table(path, depth) if isinstance(event, yaml.MappingStartEvent) else self.items(path, depth)

    def items(self, path: str, depth: int) -> Items:
        found: list[Tree] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            found.append(self.node(event, f"{path}[{len(found)}]", depth + 1))
        return Items(tuple(found))

    def table(self, path: str, depth: int) -> Table:
        found: dict[str, Tree] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            line = _line(event.start_mark)
            key = self.key(self.node(event, path, depth + 1), path, line)
            value = self.node(next(self.events), path if key is None else join(path, key), depth + 1)
            if key is None:
                continue
            if key in found:
                self.faults.append(Fault(join(path, key), f"given twice, on lines {lines[key]} and {line}"))
            else:
                found[key], lines[key] = value, line
        return Table(found)

    def key(self, tree: Tree, path: str, line: int) -> str | None:
        """The text of a key; null, and a fault, where it is none."""
        if isinstance(tree, Scalar) and tree.kind is ScalarKind.TEXT and tree.written != "<<":
            return tree.written
        if isinstance(tree, Scalar) and tree.written == "<<":
            message = 'merge keys ("<<") are not read; write the keys out'
        else:
            message = f"expected a key in words, got {describe(tree)}{misread(tree)}"
        self.faults.append(Fault(path, f"{message} (line {line})"))
        return None

    def alias(self, event: yaml.AliasEvent) -> Tree:
        anchor = event.anchor or ""
        if anchor not in self.anchors:
            raise _unreadable(f"the alias {quote('*' + anchor)} has no anchor before it", _line(event.start_mark))
        tree, nodes = self.anchors[anchor]
        self.count(nodes)
        return tree

    def count(self, nodes: int) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise _unreadable(f"more than {MAX_NODES:,} values, aliases written out")


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    tag: str = _RESOLVER.resolve(yaml.ScalarNode, event.value, event.implicit)  # type: ignore[no-untyped-call]  # untyped in its stubs
    return scalar(tag.removeprefix("tag:yaml.org,2002:"), event.value)


def _syntax(cause: yaml.MarkedYAMLError) -> str:
    if cause.context == "while scanning an alias":
        return 'not YAML: an unquoted * begins an alias; write "*"'
    if cause.problem is not None and "'\\t'" in cause.problem:
        return "not YAML: indent with spaces, not with tabs"
    return f"not YAML: {cause.problem or cause.context}"


class _Mark(Protocol):
    @property
    def line(self) -> int: ...


def _line(mark: _Mark | None) -> int:
    return 0 if mark is None else mark.line + 1


def _unreadable(message: str, line: int = 0) -> ConfigurationError:
    return ConfigurationError((Fault(f"line {line}" if line else "", message),))
