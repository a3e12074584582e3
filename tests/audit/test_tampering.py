"""Whoever writes to the ledger past the gateway is found out: each column, each kind of change (docs/evidence.md)."""

# ruff: noqa: S608 - the statements are the test's own
import json
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.sqlite_file import open_for_writing
from gateway.model.chain import digest, link_hash

from .evidence import CHECKPOINTS, Evidence

LINKED, UNLINKED = 6, 1
SECOND = "(SELECT operation_id FROM receipts WHERE sequence = 2)"


def columns(folder: Path, table: str) -> list[str]:
    connection = open_for_writing(folder / "any.db", 0)
    found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    connection.close()
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every column of every table that is evidence, as the migrations make it."""
    if "table" in metafunc.fixturenames:
        with tempfile.TemporaryDirectory() as folder:
            found = [(table, name) for table in ("receipts", "checkpoints") for name in columns(Path(folder), table)]
        metafunc.parametrize(("table", "name"), found)


def variants(value: Any) -> Iterator[Any]:  # noqa: ANN401 - a column's
    """Values that are almost the same."""
    if isinstance(value, int):
        yield from (value + 1_000, -value, None)
    elif isinstance(value, str):
        other = "1" if value[-1:] != "1" else "2"
        yield from (value[:-1] + other, other + value[1:], value + " ", value[:-1], "")
        yield value.replace("succeeded", "failed") if "succeeded" in value else value.upper() + "x"
    else:
        yield from (1, "x")


def assert_found(evidence: Evidence, why: str = "") -> None:
    done = evidence.run("verify")
    assert done.exit_code == 1, (why, done.output)
    assert "findings" in done.stdout


async def test_what_nobody_touched_is_sound(evidence: Evidence) -> None:
    done = evidence.run("verify")

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "6 receipts in the chain, 1 not linked yet",
        f"6 of them sealed with the key {done.stdout.split('key ')[1][:16]}, of the configuration",
        "1 checkpoints, the last one of receipt 5",
        "sound",
    ]


async def test_each_edit_of_each_column_of_each_row_is_found(evidence: Evidence, table: str, name: str) -> None:
    key = "rowid" if table == "receipts" else "line"
    tried = 0
    for row, value in evidence.rows(f"SELECT {key}, {name} FROM {table}"):
        for changed in set(variants(value)) - {value}:
            try:
                evidence.tamper(f"UPDATE {table} SET {name} = ? WHERE {key} = ?", changed, row)
            except sqlite3.IntegrityError:  # the table itself refuses it
                continue
            assert_found(evidence, f"{table}.{name} of {row}: {value!r} became {changed!r}")
            tried += 1
            evidence.tamper(f"UPDATE {table} SET {name} = ? WHERE {key} = ?", value, changed if key == name else row)
    assert tried > 0
    assert evidence.run("verify").exit_code == 0


@pytest.mark.parametrize("sequence", range(1, LINKED + 1))
async def test_the_removal_of_any_receipt_is_found(evidence: Evidence, sequence: int) -> None:
    evidence.tamper("DELETE FROM receipts WHERE sequence = ?", sequence)

    assert_found(evidence)


async def test_the_removal_of_one_that_is_not_linked_yet_is_found(evidence: Evidence) -> None:
    assert evidence.tamper("DELETE FROM receipts WHERE sequence IS NULL") == UNLINKED

    assert_found(evidence)


@pytest.mark.parametrize("last", range(LINKED))
async def test_a_chain_that_is_cut_off_is_found(evidence: Evidence, last: int) -> None:
    evidence.tamper("DELETE FROM receipts WHERE sequence > ? OR sequence IS NULL", last)

    assert_found(evidence)


@pytest.mark.parametrize("last", range(5))
async def test_a_cut_is_found_by_the_file_of_checkpoints_alone(evidence: Evidence, last: int) -> None:
    """Although the ledger's own checkpoints and every record of the operations are gone, too."""
    evidence.tamper("DELETE FROM receipts WHERE sequence > ? OR sequence IS NULL", last)
    evidence.tamper("DELETE FROM checkpoints")
    evidence.tamper("DELETE FROM operations")

    assert_found(evidence)


@pytest.mark.parametrize("last", range(5))
async def test_a_cut_is_found_by_the_checkpoints_in_the_ledger_where_the_file_is_lost(
    evidence: Evidence, last: int
) -> None:
    evidence.tamper("DELETE FROM receipts WHERE sequence > ? OR sequence IS NULL", last)
    evidence.tamper("DELETE FROM operations")
    (evidence.folder / CHECKPOINTS).unlink()

    assert_found(evidence)


@pytest.mark.parametrize(("one", "other"), [(a, b) for b in range(1, LINKED + 1) for a in range(1, b)])
async def test_receipts_that_change_places_are_found(evidence: Evidence, one: int, other: int) -> None:
    for old, new in ((one, -1), (other, one), (-1, other)):
        evidence.tamper("UPDATE receipts SET sequence = ? WHERE sequence = ?", new, old)

    assert_found(evidence)


def linked(evidence: Evidence) -> list[dict[str, Any]]:
    names = ("operation_id", "number", "key_id", "digest", "sequence", "hash", "seal", "body")
    rows = evidence.rows(f"SELECT {', '.join(names)} FROM receipts WHERE sequence IS NOT NULL ORDER BY sequence")
    return [dict(zip(names, row, strict=True)) for row in rows]


def rewrite(evidence: Evidence, receipts: list[dict[str, Any]]) -> None:
    """Put these in the place of all that are linked, with digests and hashes made anew; seals need the key."""
    evidence.tamper("DELETE FROM receipts WHERE sequence IS NOT NULL")
    previous = "0" * 64
    for sequence, row in enumerate(receipts, 1):
        its_digest = digest(row["body"])
        previous = link_hash(sequence, previous, its_digest)
        evidence.tamper(
            """INSERT INTO receipts (operation_id, number, key_id, digest, sequence, hash, seal, body)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            *(
                row["operation_id"],
                row["number"],
                row["key_id"],
                its_digest,
                sequence,
                previous,
                row["seal"],
                row["body"],
            ),
        )


@pytest.mark.parametrize(
    ("how", "place"),
    [(how, place) for how in ("edit", "insert", "swap") for place in range(LINKED)]
    + [("remove", place) for place in range(LINKED - 1)],
)
async def test_a_chain_that_was_computed_anew_is_found(evidence: Evidence, place: int, how: str) -> None:
    """By its checkpoints up to the last one, and by the seals behind that.

    Only what stands last, behind the last checkpoint, can be removed together with its operation unnoticed.
    """
    receipts = linked(evidence)
    one = dict(receipts[place])
    match how:
        case "edit":
            receipts[place] = one | {"body": one["body"].replace('"acme"', '"zeta"')}
        case "remove":
            del receipts[place]
            evidence.tamper("DELETE FROM operations WHERE id = ?", one["operation_id"])
        case "insert":
            receipts.insert(place, one | {"number": 2, "body": one["body"].replace('"number":1', '"number":2')})
        case "swap":
            receipts.append(receipts.pop(place))
            receipts.append(receipts.pop(0))

    rewrite(evidence, receipts)

    assert_found(evidence)


async def test_a_receipt_that_somebody_else_wrote_is_found_and_never_linked(evidence: Evidence) -> None:
    [row] = evidence.rows("SELECT operation_id, key_id, seal, body FROM receipts WHERE sequence IS NULL")
    forged = row[3].replace('"number":1', '"number":2').replace('"succeeded"', '"failed"')
    evidence.tamper(
        "INSERT INTO receipts (operation_id, number, key_id, digest, seal, body) VALUES (?, 2, ?, ?, ?, ?)",
        *(row[0], row[1], digest(forged), row[2], forged),
    )

    await evidence.link()

    assert evidence.rows("SELECT number FROM receipts WHERE sequence IS NULL") == [(2,)]
    assert_found(evidence)


async def test_an_older_copy_of_the_ledger_is_found(evidence: Evidence, tmp_path: Path) -> None:
    evidence.copy_of_ledger(tmp_path / "backup")
    await evidence.end("CN10")
    await evidence.link()
    await evidence.sign()
    await evidence.desk.ledger.close()

    evidence.restore(tmp_path / "backup")

    assert_found(evidence)


async def test_another_ledger_in_its_place_is_found(evidence: Evidence, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Evidence(tmp_path / "other", signing=False)
    await other.end("CN1")
    await other.link()
    for made in (evidence, other):
        await made.desk.ledger.close()
    other.copy_of_ledger(tmp_path / "copy")

    evidence.restore(tmp_path / "copy")

    assert_found(evidence)


async def test_the_gateway_itself_notices_that_what_it_signed_is_gone_and_signs_no_more(evidence: Evidence) -> None:
    evidence.tamper("DELETE FROM receipts WHERE sequence >= 5")
    before = (evidence.folder / CHECKPOINTS).read_bytes()

    await evidence.sign()

    assert [type(event).__name__ for event in evidence.events] == ["CheckpointWritten", "EvidenceBroken"]
    assert (evidence.folder / CHECKPOINTS).read_bytes() == before


RECORDED = ("caller", "kind", "tenant", "backend", "upstream_tenant", "execute", "status", "created_at", "finished_at")


@pytest.mark.parametrize("column", RECORDED)
async def test_a_record_that_no_longer_says_what_its_receipt_says_is_found(evidence: Evidence, column: str) -> None:
    value = {"kind": "account-removal", "status": "unknown", "execute": 0}.get(column)
    value = value if value is not None else (5 if column.endswith("_at") else "zeta")
    evidence.tamper(f"UPDATE operations SET {column} = ? WHERE id = {SECOND}", value)

    assert_found(evidence)


@pytest.mark.parametrize(
    "change",
    [
        "cases SET identifier = 'CN77'",
        "cases SET identifier_type = 'caseToken'",
        "cases SET status = 'succeeded', errors = '[]'",
        "cases SET deleted = 1",
        "cases SET evidence = 'inferred'",
        "cases SET attempts = 0",
        "cases SET request_id = '0198c1f2-7d3e-7c44-9b1e-2f6f0c6b8a10'",
    ],
)
async def test_a_case_that_no_longer_says_what_its_receipt_says_is_found(evidence: Evidence, change: str) -> None:
    assert evidence.tamper(f"UPDATE {change} WHERE position = 1 AND operation_id = {SECOND}") == 1
    assert_found(evidence)


@pytest.mark.parametrize("change", ["id = 'ITEM9'", "type_code = 'XB'", "status = 'succeeded'", "errors = '[]'"])
async def test_an_item_that_no_longer_says_what_its_receipt_says_is_found(evidence: Evidence, change: str) -> None:
    assert evidence.tamper(f"UPDATE items SET {change} WHERE item_position = 1") == 1

    assert_found(evidence)


async def test_a_checkpoint_file_that_was_changed_is_found(evidence: Evidence) -> None:
    file = evidence.folder / CHECKPOINTS
    line = json.loads(file.read_text())
    for name in line:
        changed = line | {name: line[name] + 1 if name == "sequence" else line[name][:-3] + "abc"}
        file.write_text(json.dumps(changed) + "\n")
        assert_found(evidence, name)
    file.write_text("no checkpoint\n")
    assert_found(evidence)
