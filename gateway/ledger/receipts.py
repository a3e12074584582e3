"""Receipts: written in the transaction in which an operation ends, found again, and linked into one chain."""

from collections.abc import Callable
from typing import TypeVar

from gateway.ledger import queries
from gateway.ledger.records import ReceiptRecord
from gateway.ledger.store import Transaction
from gateway.model.cases import Case, Item
from gateway.model.chain import GENESIS, Link, digest, link_hash
from gateway.model.marks import Keyring, MarkKind, ReceiptKey
from gateway.model.operations import CaseRecord
from gateway.model.receipts import body, receipt
from gateway.telemetry.events import EvidenceBroken, ReceiptIssued

T = TypeVar("T")


def receipted(tx: Transaction, work: Callable[[Transaction], T], keyring: Keyring) -> T:
    """Do `work`; every operation that has ended in it gets its receipt in the same transaction."""
    result = work(tx)
    for operation_id in sorted(tx.effects.finished):
        _issue(tx, operation_id, keyring)
    return result


def _issue(tx: Transaction, operation_id: str, keyring: Keyring) -> None:
    row = tx.row(
        """SELECT (SELECT receipt_key FROM installation),
                  (SELECT max(number) FROM receipts r WHERE r.operation_id = o.id)
           FROM operations o WHERE o.id = :id AND o.finished_at IS NOT NULL""",
        {"id": operation_id},
    )
    if row is None:
        return
    key = keyring.current or own_key(row[0])
    last: int = row[1] or 0
    if last and _unchanged(tx, operation_id, last, key):
        return
    said = composed(tx, operation_id, last + 1, key)
    if said is None:
        return
    its_digest = digest(said)
    tx.run(
        """INSERT INTO receipts (operation_id, number, key_id, digest, seal, body)
           VALUES (:id, :number, :key, :digest, :seal, :body)""",
        {
            "id": operation_id,
            "number": last + 1,
            "key": key.id,
            "digest": its_digest,
            "seal": key.seal(its_digest),
            "body": said,
        },
    )
    tx.effects.events.append(ReceiptIssued(operation_id, last + 1))


def composed(tx: Transaction, operation_id: str, number: int, key: ReceiptKey) -> str | None:
    """The body of the receipt that the operation's rows give now, or null if it has not ended."""
    operation = queries.operation(tx, operation_id)
    row = tx.row("SELECT upstream_tenant FROM operations WHERE id = :id", {"id": operation_id})
    if operation is None or operation.finished_at is None or row is None:
        return None
    cases = queries.results(tx, operation_id, None, -1, operation.total)
    return body(receipt(operation, row[0], cases, number, key))


def _unchanged(tx: Transaction, operation_id: str, last: int, key: ReceiptKey) -> bool:
    """Whether the last receipt says all: an operation may be told its end twice, as by an answer that came late."""
    row = tx.row(
        "SELECT digest FROM receipts WHERE operation_id = :id AND number = :last", {"id": operation_id, "last": last}
    )
    said = composed(tx, operation_id, last, key)
    return said is not None and row is not None and row[0] == digest(said)


def own_key(secret: str) -> ReceiptKey:
    """The key that a ledger has of its own, used where the configuration gives none."""
    return ReceiptKey(secret.encode())


def known_keys(tx: Transaction, keyring: Keyring) -> tuple[dict[str, ReceiptKey], ReceiptKey]:
    """Every known key by its id, and the ledger's own."""
    row = tx.row("SELECT receipt_key FROM installation")
    own = own_key(row[0] if row else "")
    return {own.id: own, **keyring.given}, own


def find(tx: Transaction, operation_id: str, number: int | None, keyring: Keyring) -> ReceiptRecord | None:
    """The operation's receipt of that number, or the newest one."""
    which = "" if number is None else "AND r.number = :number"
    row = tx.row(
        f"""SELECT r.number, r.body, r.key_id, r.sequence, r.digest, r.hash, r.seal,
               (SELECT p.hash FROM receipts p WHERE p.sequence = r.sequence - 1)
            FROM receipts r WHERE r.operation_id = :id {which} ORDER BY r.number DESC LIMIT 1""",  # noqa: S608 - a constant
        {"id": operation_id} | ({} if number is None else {"number": number}),
    )
    if row is None:
        return None
    keys, _ = known_keys(tx, keyring)
    names = _names(tx, operation_id, row[1], keys[row[2]]) if row[2] in keys else None
    linked = row[3] is not None
    link = Link(row[3], row[4], row[5], row[6]) if linked else None
    return ReceiptRecord(row[0], row[1], link, (row[7] or GENESIS) if linked else None, names)


def _names(tx: Transaction, operation_id: str, said: str, key: ReceiptKey) -> tuple[Case, ...] | None:
    operation = queries.operation(tx, operation_id)
    if operation is None:
        return None
    cases = queries.results(tx, operation_id, None, -1, operation.total)
    return tuple(_named(case, said, key) for case in cases)


def _named(case: CaseRecord, said: str, key: ReceiptKey) -> Case:
    known = case.request_id is not None and key.mark(MarkKind.REQUEST_ID, case.request_id) in said
    items = tuple(Item(item.id, item.type_code) for item in case.outcome.items)
    return Case(case.identifier, items, case.request_id if known else None)


def link(tx: Transaction, keyring: Keyring, limit: int) -> int:
    """Give up to `limit` receipts their places in the chain; how many.

    One transaction at a time does this, so that those that end operations need not wait for one another. Only what
    bears the seal of a known key is linked: a receipt that somebody has put or changed here by other means is told of.
    """
    tx.lock("receipts")
    head = tx.row("SELECT sequence, hash, seal FROM receipts WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1")
    sequence, previous = (head[0], head[1]) if head else (0, GENESIS)
    keys, own = known_keys(tx, keyring)
    if head and head[2].split(":")[0] in keyring.given:
        del keys[own.id]  # who can write the ledger can read its own key: it counts only until a better one has sealed
    linked = []
    for operation_id, number, key_id, its_digest, seal in _unlinked(tx, keys, limit):
        if not keys[key_id].sealed(its_digest, seal):
            tx.effects.events.append(EvidenceBroken("receipt", operation_id))
            continue
        sequence += 1
        previous = link_hash(sequence, previous, its_digest)
        new_seal = (keyring.current or own).seal(previous)
        linked.append({"id": operation_id, "number": number, "sequence": sequence, "hash": previous, "seal": new_seal})
    tx.run_many(
        """UPDATE receipts SET sequence = :sequence, hash = :hash, seal = :seal
           WHERE operation_id = :id AND number = :number""",
        linked,
    )
    return len(linked)


def _unlinked(tx: Transaction, keys: dict[str, ReceiptKey], limit: int) -> list[tuple[str, int, str, str, str]]:
    names = {f"key{place}": key_id for place, key_id in enumerate(keys)}
    rows = tx.rows(
        f"""SELECT operation_id, number, key_id, digest, seal FROM receipts
            WHERE sequence IS NULL AND key_id IN ({", ".join(f":{name}" for name in names)})
            ORDER BY operation_id, number LIMIT :limit""",  # noqa: S608 - names of ours
        {**names, "limit": limit},
    )
    return [(row[0], row[1], row[2], row[3], row[4]) for row in rows]


def has_unlinked(tx: Transaction) -> bool:
    """Whether a receipt waits for its place in the chain."""
    return tx.row("SELECT 1 FROM receipts WHERE sequence IS NULL LIMIT 1") is not None
