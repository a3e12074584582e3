"""A ledger in a file with a chain of receipts, its keys and checkpoints, and somebody who can write to all of it."""

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from gateway.checkpointing import Checkpointing, Signer
from gateway.cli.audit import audit
from gateway.config.audit import checkpoint_key, receipt_key
from gateway.ledger.base import Ledger
from gateway.ledger.open import open_ledger
from gateway.model.hours import SECOND
from gateway.model.marks import Keyring
from gateway.telemetry.events import Event, Observer
from tests.clock import ManualClock
from tests.contract.desk import NOT_FOUND, SUCCEEDED, Desk, ecm_case
from tests.signing import make_signing_key
from tests.tables import put_tables

SECRET = "made for this test, long enough to seal with"
DAY = 86_400
LEDGER, CHECKPOINTS = "ledger.db", "checkpoints.jsonl"


class Evidence:
    """`run` does what `gateway audit` does with it; `tamper` writes past the gateway."""

    def __init__(self, folder: Path, *, key: bool = True, signing: bool = True) -> None:
        self.folder = folder
        self.clock = ManualClock()
        self.events: list[Event] = []
        section: dict[str, Any] = {}
        self._keyring = Keyring()
        if key:
            (folder / "receipt.key").write_text(SECRET + "\n")
            section["key_file"] = "receipt.key"
            self._keyring = Keyring(receipt_key(folder / "receipt.key"))
        self._section = section
        self._signing: Path | None = None
        self.checkpoints = folder / CHECKPOINTS
        if signing:
            self._sign_into(CHECKPOINTS)
        self.configure(audit=section)
        put_tables(folder / LEDGER)
        self.desk = Desk(self._open, self.clock)

    def _open(self, clock: ManualClock, observer: Observer) -> Ledger:
        return open_ledger("sqlite:///ledger.db", clock, observer, folder=self.folder, keyring=self._keyring)

    def configure(self, **sections: Any) -> None:  # noqa: ANN401 - YAML
        """Write the configuration file anew."""
        tree = {"store": {"url": f"sqlite:///{LEDGER}"}, **sections}
        (self.folder / "gateway.yaml").write_text(yaml.safe_dump(tree))

    def _sign_into(self, name: str) -> None:
        self._signing = make_signing_key(self.folder)
        self.checkpoints = self.folder / name
        self._section |= {"checkpoint_key_file": "checkpoint.key", "checkpoint_file": name}

    def use_new_signing_key(self, name: str) -> None:
        """A new key, and a new file of checkpoints with that name."""
        self._sign_into(name)
        self.configure(audit=self._section)

    async def use_own_key(self) -> None:
        """Open the ledger anew without the key, although the configuration file still gives it."""
        await self.desk.ledger.close()
        self._keyring = Keyring()
        self.desk = Desk(self._open, self.clock)

    async def end(self, *numbers: str) -> str:
        """An operation that has ended; the last of several cases was not found."""
        operation_id = await self.desk.accept(*numbers)
        for call in (await self.desk.claim()).calls:
            last = len(numbers) > 1 and call.cases[0].identifier.value == numbers[-1]
            await self.desk.settle(call, NOT_FOUND if last else SUCCEEDED)
        self.clock.advance(1)
        return operation_id

    async def cancel_removal(self, case_id: str, *items: str) -> str:
        """An ECM operation that ended without a call."""
        operation_id = await self.desk.remove(ecm_case(case_id, *items))
        await self.desk.ledger.cancel(operation_id)
        self.clock.advance(1)
        return operation_id

    async def link(self) -> None:
        """Give every receipt its place."""
        while await self.desk.ledger.records.link():
            pass

    async def sign(self) -> None:
        """Write a checkpoint, as the gateway would."""
        assert self._signing is not None
        signer = Signer(checkpoint_key(self._signing), self.checkpoints, 1.0)
        ledger = self.desk.ledger
        await Checkpointing(signer, ledger.records, ledger.now, self.clock, self.events.append).once()

    async def clear(self, days: float) -> None:
        """Remove what ended longer ago, in every file."""
        before = self.desk.ledger.now() - round(days * DAY * SECOND)
        while await self.desk.ledger.records.clear(before):
            pass
        assert await self.desk.ledger.records.wipe()

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """`gateway audit ...` with this configuration."""
        command, *rest = arguments
        if command != "verify-export":
            rest = ["--config", str(self.folder / "gateway.yaml"), *rest]
        return CliRunner().invoke(audit, [command, *rest], input=stdin)

    def tamper(self, sql: str, *values: Any) -> int:  # noqa: ANN401 - any column's
        """Change the ledger past the gateway; how many rows."""
        with sqlite3.connect(self.folder / LEDGER) as connection:
            changed = connection.execute(sql, values).rowcount
        connection.close()
        return changed

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """What stands in the ledger."""
        connection = sqlite3.connect(self.folder / LEDGER)
        found = connection.execute(sql).fetchall()
        connection.close()
        return found

    def copy_of_ledger(self, folder: Path) -> None:
        """The ledger's files, as a backup would take them."""
        folder.mkdir()
        for file in self.folder.glob(f"{LEDGER}*"):
            shutil.copy(file, folder)

    def restore(self, folder: Path) -> None:
        """Put an older copy in the ledger's place."""
        for file in self.folder.glob(f"{LEDGER}*"):
            file.unlink()
        for file in folder.iterdir():
            shutil.copy(file, self.folder)

    def bytes_of_ledger(self) -> bytes:
        """Everything in the database's files."""
        return b"".join(file.read_bytes() for file in sorted(self.folder.glob(f"{LEDGER}*")))
