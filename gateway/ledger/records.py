"""What is kept about ended operations: receipts, their chain and its checkpoints, and what retention removes.

As for `Ledger`: what writes may raise LedgerUnavailable or CommitUnknown, what reads LedgerUnavailable.
"""

from typing import Protocol

from msgspec import Struct

from gateway.model.cases import Case
from gateway.model.chain import Link


class ReceiptRecord(Struct, frozen=True):
    """A receipt as it is kept. `link` and `previous`, the hash before it, are null until it is linked.

    `names` are what its marks stand for, by case; null once the operation's record is gone, or without the key of the
    marks. A request id that has changed since is left out.
    """

    number: int
    body: str
    link: Link | None
    previous: str | None
    names: tuple[Case, ...] | None


class Head(Struct, frozen=True):
    """The newest link of the ledger's chain. `ledger` is the installation's id."""

    ledger: str
    sequence: int
    hash: str


class Records(Protocol):
    """Receipts and retention."""

    async def receipt(self, operation_id: str, number: int | None = None) -> ReceiptRecord | None:
        """The operation's receipt of that number or the newest one, linked; null if there is none."""
        ...

    async def link(self) -> int:
        """Give receipts that have none their place in the chain; how many got one."""
        ...

    async def head(self) -> Head | None:
        """The newest link; null before the first."""
        ...

    async def hash_at(self, sequence: int) -> str | None:
        """The hash of a link, null if there is none at that place."""
        ...

    async def note_checkpoint(self, line: str) -> None:
        """Keep a signed checkpoint."""
        ...

    async def clear(self, before: int) -> int:
        """Take one step in removing what ended before that instant, microseconds since 1970.

        How many rows it removed; 0 when there is none left.
        """
        ...

    async def wipe(self) -> bool:
        """Leave nothing of what was removed in the database's files; false if that has to be tried again."""
        ...
