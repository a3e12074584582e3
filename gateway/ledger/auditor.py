"""Checks a ledger's record of ended operations, or an export of it, and looks an identifier up in it."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from gateway.ledger.archive import Archive
from gateway.ledger.export import read_export_line
from gateway.model.chain import GENESIS
from gateway.model.kinds import Kind, Status
from gateway.model.marks import MarkKind, ReceiptKey
from gateway.model.receipts import VERSION, Receipt, timestamp
from gateway.model.verification import Kept, Keys, Walk, unlinked_findings

LOOKED_UP = tuple(kind for kind in MarkKind if kind is not MarkKind.TYPE_CODE)
Signed = Mapping[int, frozenset[str]]


class Auditor:
    """One look at everything. Iterate over the findings first; then the counts stand."""

    def __init__(self, keys: Keys | None, signed: Signed) -> None:
        self._keys = keys
        self._signed = signed
        self.linked = 0
        self.unlinked = 0
        self.sealed_by: dict[str, int] = {}

    def ledger(self, archive: Archive) -> Iterator[str]:
        """What is wrong with the ledger: its chain, and the operations that are still recorded beside it."""
        keys = self._keys or Keys({})
        walk = Walk(keys, self._signed)
        chain_begins: str | None = None
        for kept in archive.linked():
            chain_begins = chain_begins or _finished_at(kept)
            yield from walk.take(kept)
        yield from walk.end()
        for kept in archive.unlinked():
            self.unlinked += 1
            yield from unlinked_findings(kept, keys)
        yield from _operations(archive, keys, chain_begins)
        self.linked, self.sealed_by = walk.sequence, walk.sealed_by

    def export(self, lines: Iterable[bytes], after: int) -> Iterator[str]:
        """What is wrong with an export that begins behind the link `after`; what came before is not looked at."""
        walk: Walk | None = None
        for number, line in enumerate(lines, 1):
            try:
                kept, previous = read_export_line(line)
            except ValueError:
                yield f"line {number}: is no receipt"
                continue
            if walk is None:
                walk = Walk(self._keys, self._signed, after, previous if after else GENESIS)
            self.linked += 1
            yield from walk.take(kept)
        yield from (walk or Walk(self._keys, self._signed, after)).end()


class Found(Struct, frozen=True, rename="camel"):
    """One case in which an identifier stands. `as_`: what it is there."""

    operation_id: str
    number: int
    sequence: int | None
    kind: Kind
    tenant: str
    caller: str
    execute: bool
    finished_at: str
    position: int
    as_: MarkKind = msgspec.field(name="as")
    status: Status


def lookup(archive: Archive, value: str, keys: Iterable[ReceiptKey]) -> Iterator[Found]:
    """Every case of every receipt in which the identifier `value` stands, whatever it is there."""
    marks = {key.mark(kind, value): kind for key in keys for kind in LOOKED_UP}
    for source in (archive.linked(), archive.unlinked()):
        for kept in source:
            if any(mark in kept.body for mark in marks):
                yield from _cases(kept, marks)


def _cases(kept: Kept, marks: Mapping[str, MarkKind]) -> Iterator[Found]:
    said = msgspec.json.decode(kept.body, type=Receipt)
    for position, case in enumerate(said.cases):
        standing = [(case.case, case.status), *((item.item, item.status) for item in case.items)]
        if case.request_id is not None:
            standing.append((case.request_id, case.status))
        for mark, status in standing:
            if mark in marks:
                yield Found(
                    operation_id=said.operation_id,
                    number=said.number,
                    sequence=kept.sequence,
                    kind=said.kind,
                    tenant=said.tenant,
                    caller=said.caller,
                    execute=said.execute,
                    finished_at=said.finished_at,
                    position=position,
                    as_=marks[mark],
                    status=status,
                )


class _Version(Struct, frozen=True):
    version: int


def _operations(archive: Archive, keys: Keys, chain_begins: str | None) -> Iterator[str]:
    """Operations that ended before the chain began, under an earlier version of the gateway, have no receipt."""
    for ended in archive.ended(dict(keys.by_id)):
        place = f"operation {ended.operation_id}"
        if ended.newest is None:
            if chain_begins is not None and timestamp(ended.finished_at) >= chain_begins:
                yield f"{place}: it has ended, and its receipt is missing"
        elif ended.composed is not None and ended.composed != ended.newest.body and _is_ours(ended.newest):
            yield f"{place}: its record says something else than its receipt"


def _is_ours(kept: Kept) -> bool:
    """Whether this version of the gateway would write the receipt in the same form."""
    try:
        return msgspec.json.decode(kept.body, type=_Version).version == VERSION
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False


def _finished_at(kept: Kept) -> str | None:
    try:
        return msgspec.json.decode(kept.body, type=Receipt).finished_at
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
