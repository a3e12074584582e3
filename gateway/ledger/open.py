"""Open the ledger that the configuration names."""

from pathlib import Path

from gateway.clock import Clock
from gateway.config.settings import Secret
from gateway.errors import LedgerUnusable
from gateway.ledger.base import Ledger
from gateway.ledger.ledger import SqlLedger
from gateway.ledger.sqlite import SqliteStore
from gateway.model.marks import Keyring
from gateway.telemetry.events import Observer

SQLITE = "sqlite:///"
POSTGRESQL = ("postgresql://", "postgres://")


def open_ledger(
    url: str,
    clock: Clock,
    observer: Observer,
    *,
    folder: Path = Path(),
    password: Secret | None = None,
    keyring: Keyring | None = None,
) -> Ledger:
    """The ledger at `url`, brought up to this version; a relative path is taken from `folder`.

    `keyring`: with which receipts are marked and sealed; without a key there, by one that the ledger keeps.

    To be called within the event loop on which it will be used.
    Raises LedgerUnusable: it cannot be opened, is corrupt, is in use, or was made by a newer version.
    """
    if url.startswith(SQLITE):
        return SqlLedger(SqliteStore((folder / url.removeprefix(SQLITE)).resolve(), clock), observer, keyring)
    if url.startswith(POSTGRESQL):
        # 10 MB and 80 ms that a ledger in a file does without.
        from gateway.ledger.postgres import PostgresStore  # noqa: PLC0415 - see above
        from gateway.ledger.postgres_password import password_of  # noqa: PLC0415 - see above

        return SqlLedger(PostgresStore(url, clock, password=password_of(password)), observer, keyring)
    message = f"store.url: {url.split(':', 1)[0]} is not known; use sqlite:///gateway.db or postgresql://user@host/db"
    raise LedgerUnusable(message)
