"""`gateway audit`: check the record of ended operations, take it elsewhere, look an identifier up in it."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from gateway.cli.configuration import config_option
from gateway.config import load
from gateway.config.audit import keyring, public_checkpoint_key, signing_key
from gateway.config.settings import Audit, Settings
from gateway.errors import ConfigurationError, LedgerError
from gateway.ledger.archive import Archive, open_archive
from gateway.ledger.auditor import Auditor, lookup
from gateway.ledger.export import export_line
from gateway.model.chain import GENESIS
from gateway.model.checkpoints import Checked, Lines, check_lines
from gateway.model.verification import Keys

FAULTY, UNUSABLE = 1, 2
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
UNSIGNED = "without checkpoints: if the end of the chain were cut off, nobody would notice"

checkpoints_option = click.option("--checkpoints", type=FILE, help="A file of checkpoints.")
public_keys_option = click.option(
    "--public-key", "public_keys", type=FILE, multiple=True, help="A public key of checkpoints, in PEM; repeatable."
)


@click.group()
def audit() -> None:
    """Check the receipts of a ledger, export them, look an identifier up in them.

    All of this only reads, and works while the gateway runs. Exit codes: 0; 1 (something is wrong, or nothing was
    found); 2 (the ledger, a key or a file cannot be used).
    """


@audit.command()
@config_option
@checkpoints_option
@public_keys_option
def verify(config: Path, checkpoints: Path | None, public_keys: tuple[Path, ...]) -> None:
    """Walk the chain of receipts, and find whatever was changed, removed, moved, added or cut off.

    Checkpoints are those of the ledger and of audit.checkpoint_file, or of --checkpoints in its place; their keys are
    that of the configuration and every --public-key. What retention has not removed yet is compared with its receipt.
    """
    with _ledger(config) as (settings, archive):
        lines = [*_lines(checkpoints or _existing(settings.audit.checkpoint_file)), *archive.checkpoints()]
        checked = _checked(lines, public_keys, settings.audit, archive.ledger)
        auditor = Auditor(_keys(settings, archive), checked.signed)
        faults = _tell(chain(checked.findings, auditor.ledger(archive)))
        click.echo(f"{auditor.linked:,} receipts in the chain, {auditor.unlinked:,} not linked yet")
        for key_id, count in auditor.sealed_by.items():
            whose = "which the ledger keeps itself" if key_id == archive.own_key.id else "of the configuration"
            click.echo(f"{count:,} of them sealed with the key {key_id}, {whose}")
        _conclude(faults, checked)


@audit.command("verify-export")
@click.argument("export", type=click.File("rb"))
@checkpoints_option
@public_keys_option
@click.option("--after", type=click.IntRange(min=0), default=0, help="The place behind which the export begins.")
@click.option("--key-file", "key_files", type=FILE, multiple=True, help="A key of the seals; any number of times.")
def verify_export(
    export: BinaryIO, checkpoints: Path | None, public_keys: tuple[Path, ...], after: int, key_files: tuple[Path, ...]
) -> None:
    """Walk the chain in the file EXPORT (-: standard input). Neither ledger nor configuration is needed.

    An export that goes on where an earlier one ended is checked with --after, and only from there on.

    Without --key-file the seals are not looked at: what stands behind the last checkpoint could then be anybody's.
    """
    with _explained():
        given = Audit(key_file=key_files[0], earlier_key_files=key_files[1:]) if key_files else Audit()
        keys = Keys(keyring(given).given) if key_files else None
        checked = _checked(_lines(checkpoints), public_keys, given, None)
        auditor = Auditor(keys, checked.signed)
        faults = _tell(chain(checked.findings, auditor.export(export, after)))
        click.echo(f"{auditor.linked:,} receipts, from {after + 1:,} on")
        if keys is None:
            click.echo("without a key: seals were not looked at")
        _conclude(faults, checked)


@audit.command()
@config_option
@click.option("--after", type=click.IntRange(min=0), default=0, help="Only what is linked behind this place.")
@click.option("--output", type=click.File("wb"), default="-", help="The file to write; standard output if left out.")
def export(config: Path, after: int, output: BinaryIO) -> None:
    """Write the receipts as JSON Lines, in the order of the chain. They name no case: identifiers are marks.

    Receipts that have no place in the chain yet are left out; a gateway at work gives them one within seconds.
    """
    with _ledger(config) as (_, archive):
        previous = archive.hash_at(after) if after else GENESIS
        if previous is None:
            raise click.UsageError(f"the chain has no place {after}")
        for kept in archive.linked(after):
            output.write(export_line(kept, previous) + b"\n")
            previous = kept.hash or ""


@audit.command()
@config_option
@click.argument("identifier")
def find(config: Path, identifier: str) -> None:
    """Look IDENTIFIER up: the number, token or id of a case, an item's id, or an upstream request id.

    It is found in the receipts, also after retention has removed every identifier. One line of JSON for each case. To
    keep it out of the list of processes, give - and write it to standard input.
    """
    with _ledger(config) as (settings, archive):
        wanted = sys.stdin.readline().rstrip("\r\n") if identifier == "-" else identifier
        found = False
        for case in lookup(archive, wanted, _keys(settings, archive).by_id.values()):
            found = True
            click.echo(msgspec.json.encode(case))
        if not found:
            click.echo("in no receipt", err=True)
            raise SystemExit(FAULTY)


@contextmanager
def _ledger(config: Path) -> Iterator[tuple[Settings, Archive]]:
    with _explained():
        settings = load(config, os.environ)
        with open_archive(settings.store.url, settings.store.password) as archive:
            yield settings, archive


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ConfigurationError, LedgerError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(UNUSABLE) from error


def _keys(settings: Settings, archive: Archive) -> Keys:
    return Keys({archive.own_key.id: archive.own_key, **keyring(settings.audit).given}, archive.own_key.id)


def _existing(file: Path | None) -> Path | None:
    """Null where there is none yet. The ledger keeps what was written there, so its loss does not hide a cut."""
    if file is not None and not file.exists():
        click.echo(f"{file}: not there", err=True)
        return None
    return file


def _lines(file: Path | None) -> Lines:
    if file is None:
        return []
    with file.open(encoding="utf-8", errors="replace") as opened:
        return [(f"{file}, line {number}", line.rstrip("\n")) for number, line in enumerate(opened, 1)]


def _checked(lines: Lines, public_keys: Sequence[Path], given: Audit, ledger: str | None) -> Checked:
    keys = [public_checkpoint_key(place) for place in public_keys]
    if (signing := signing_key(given)) is not None:
        keys.append(signing.public_key())
    if lines and not keys:
        raise click.UsageError("there are checkpoints: give --public-key, so that they can be checked")
    return check_lines(lines, keys, ledger)


def _tell(findings: Iterable[str]) -> int:
    told = 0
    for finding in findings:
        told += 1
        click.echo(finding)
    return told


def _conclude(faults: int, checked: Checked) -> None:
    last = max(checked.signed, default=0)
    click.echo(f"{len(checked.signed):,} checkpoints, the last one of receipt {last:,}" if last else UNSIGNED)
    click.echo(f"{faults:,} findings" if faults else "sound")
    if faults:
        raise SystemExit(FAULTY)
