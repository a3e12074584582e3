"""A cursor over one mapping of the file: asks for keys, collects what is wrong, and reports what nobody asked for."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from gateway.config.tree import Items, Scalar, ScalarKind, Table, Tree, describe
from gateway.config.values import NAME, NAME_IN_WORDS, Unfit
from gateway.config.wording import join, suggestion
from gateway.errors import Fault

T = TypeVar("T")
Parser = Callable[[Tree], T]
"""Makes a value of what stands at a key; raises Unfit."""


class Section:
    """One mapping at `path`. A faulty value is reported once and replaced by a stand-in, so that reading goes on.

    Stand-ins never leave the package: whoever brought `faults` raises them at the end. Asking for a key makes it known.
    """

    def __init__(self, table: Table, path: str, faults: list[Fault]) -> None:
        self.path = path
        self._entries = table.entries
        self._faults = faults
        self._asked: set[str] = set()

    def __contains__(self, key: str) -> bool:
        """Whether `key` is given, be it as null."""
        self._asked.add(key)
        return key in self._entries

    def gives(self, key: str) -> bool:
        """Whether `key` is given; asking this does not make it known."""
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        """The keys that are given."""
        return iter(self._entries)

    def fault(self, key: str, message: str) -> None:
        """Report what is wrong at `key`; an empty one means the section as a whole."""
        self._faults.append(Fault(join(self.path, key) if key else self.path, message))

    def leave_unread(self, *keys: str) -> None:
        """Take `keys` for known, whatever stands there."""
        self._asked.update(keys)

    def refuse(self, key: str, message: str) -> None:
        """Report `key` if it is given."""
        if self.gives(key):
            self.leave_unread(key)
            self.fault(key, message)

    def is_null(self, key: str) -> bool:
        """Whether `key` is given as null."""
        tree = self._entries[key] if key in self else None
        return isinstance(tree, Scalar) and tree.kind is ScalarKind.NULL

    def get(self, key: str, parser: Parser[T], default: T) -> T:
        """The value of `key`; `default` where it is left out or does not fit."""
        return self._parsed(join(self.path, key), parser, self._entries[key], default) if key in self else default

    def get_or_null(self, key: str, parser: Parser[T]) -> T | None:
        """The value of `key`; null where it is left out, null, or does not fit."""
        return None if self.is_null(key) else self.get(key, parser, None)

    def need(self, key: str, parser: Parser[T], stand_in: T) -> T:
        """The value of `key`, which must be given."""
        if key not in self:
            self.fault(key, "missing")
        return self.get(key, parser, stand_in)

    def get_each(self, key: str, parser: Parser[T], default: tuple[T, ...]) -> tuple[T, ...]:
        """The values of the list at `key`; `default` where it is left out."""
        return self.need_each(key, parser) if key in self else default

    def need_each(self, key: str, parser: Parser[T]) -> tuple[T, ...]:
        """The values of the list at `key`, which must be given, hold at least one, and none twice."""
        none: tuple[Tree, ...] = ()
        items = self.need(key, _items, none)
        path = join(self.path, key)
        parsed = [self._parsed(f"{path}[{index}]", parser, item, None) for index, item in enumerate(items)]
        values = tuple(value for value in parsed if value is not None)
        if len(set(values)) < len(values):
            self.fault(key, "holds the same value twice")
        return values

    @contextmanager
    def section(self, key: str) -> Iterator["Section"]:
        """The mapping at `key`, empty where it is left out or null; on leaving, unknown keys in it are reported."""
        tree = Table({}) if key not in self or self.is_null(key) else self._entries[key]
        if isinstance(tree, Table):
            section = Section(tree, join(self.path, key), self._faults)
            yield section
            section.refuse_unknown_keys()
        else:
            self.fault(key, f"expected a mapping, got {describe(tree)}")
            yield Section(Table({}), "", [])  # one fault is enough: what this lacks goes unreported

    def named(self, key: str) -> Iterator[tuple[str, "Section"]]:
        """The mappings in the mapping at `key`, each with its name; unknown keys in them are reported."""
        with self.section(key) as entries:
            for name in entries:
                if not NAME.fullmatch(name):
                    entries.fault(name, f"expected a name that is {NAME_IN_WORDS}")
                with entries.section(name) as section:
                    yield name, section

    def names(self, key: str) -> Collection[str]:
        """The names in the mapping at `key`, whether what they name is in order or not."""
        tree = self._entries[key] if key in self else None
        return tree.entries.keys() if isinstance(tree, Table) else ()

    def refuse_unknown_keys(self) -> None:
        """Report every key that was never asked for."""
        for key in self._entries:
            if key not in self._asked:
                self.fault(key, f"unknown key{suggestion(key, self._asked)}")

    def _parsed(self, path: str, parser: Parser[T], tree: Tree, default: T) -> T:
        try:
            return parser(tree)
        except Unfit as unfit:
            self._faults.append(Fault(path, str(unfit)))
            return default


def _items(tree: Tree) -> tuple[Tree, ...]:
    if isinstance(tree, Items) and tree.items:
        return tree.items
    got = "an empty one" if isinstance(tree, Items) else describe(tree)
    raise Unfit(f"expected a list, got {got}")
