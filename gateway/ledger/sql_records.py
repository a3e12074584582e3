"""The records over any store: each method is one transaction."""

from functools import partial

from gateway.ledger import receipts
from gateway.ledger.records import Head, ReceiptRecord
from gateway.ledger.retention import clear
from gateway.ledger.store import Store, Transaction
from gateway.model.marks import Keyring

LINKED_AT_ONCE = 500
"""Receipts that one transaction links."""


class SqlRecords:
    """`Records` (see there) on a `Store`."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    async def receipt(self, operation_id: str, number: int | None = None) -> ReceiptRecord | None:
        """See `Records`."""
        find = partial(receipts.find, operation_id=operation_id, number=number, keyring=self._keyring)
        found = await self._store.read(find)
        if found is not None and found.link is None:
            await self.link()
            found = await self._store.read(find)
        return found

    async def link(self) -> int:
        """See `Records`."""
        if not await self._store.read(receipts.has_unlinked):
            return 0
        return await self._store.write(partial(receipts.link, keyring=self._keyring, limit=LINKED_AT_ONCE))

    async def head(self) -> Head | None:
        """See `Records`."""
        return await self._store.read(_head)

    async def hash_at(self, sequence: int) -> str | None:
        """See `Records`."""
        return await self._store.read(partial(_hash_at, sequence=sequence))

    async def note_checkpoint(self, line: str) -> None:
        """See `Records`."""
        await self._store.write(partial(_note_checkpoint, line=line))

    async def clear(self, before: int) -> int:
        """See `Records`."""
        return await self._store.write(partial(clear, before=before))

    async def wipe(self) -> bool:
        """See `Records`."""
        return await self._store.wipe()


def _head(tx: Transaction) -> Head | None:
    row = tx.row(
        """SELECT i.id, r.sequence, r.hash FROM receipts r, installation i WHERE r.sequence IS NOT NULL
           ORDER BY r.sequence DESC LIMIT 1"""
    )
    return Head(row[0], row[1], row[2]) if row else None


def _hash_at(tx: Transaction, sequence: int) -> str | None:
    row = tx.row("SELECT hash FROM receipts WHERE sequence = :sequence", {"sequence": sequence})
    return row[0] if row else None


def _note_checkpoint(tx: Transaction, line: str) -> None:
    tx.run("INSERT INTO checkpoints (line) VALUES (:line) ON CONFLICT (line) DO NOTHING", {"line": line})
