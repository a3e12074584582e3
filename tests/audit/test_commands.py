"""`gateway audit`: what it says and writes, and with which exit code (docs/evidence.md)."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.audit import audit
from gateway.ledger.archive import PAGE_ROWS

from .evidence import CHECKPOINTS, SECRET, Evidence


async def exported(evidence: Evidence) -> Path:
    file = evidence.folder / "export.jsonl"
    assert evidence.run("export", "--output", str(file)).exit_code == 0
    return file


async def test_an_export_has_a_line_for_each_receipt_in_the_order_of_the_chain(evidence: Evidence) -> None:
    lines = [json.loads(line) for line in evidence.run("export").stdout.splitlines()]

    assert [line["chain"]["sequence"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line["chain"]["previous"] for line in lines[1:]] == [line["chain"]["hash"] for line in lines[:-1]]
    assert lines[0]["receipt"]["cases"][0]["status"] == "succeeded"


async def test_an_export_names_no_case(evidence: Evidence) -> None:
    text = evidence.run("export").stdout

    assert not any(name in text for name in ("CN0", "CN1", "CA1", "ITEM1", '"XA"'))


async def test_an_export_can_go_on_where_the_last_one_ended(evidence: Evidence) -> None:
    whole = evidence.run("export").stdout.splitlines()

    assert evidence.run("export", "--after", "4").stdout.splitlines() == whole[4:]
    assert evidence.run("export", "--after", "60").exit_code == 2


async def test_an_export_is_checked_without_the_ledger(evidence: Evidence, tmp_path: Path) -> None:
    file = await exported(evidence)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("export.jsonl", "checkpoint.pub", CHECKPOINTS):
        shutil.move(evidence.folder / name, elsewhere)

    done = evidence.run(
        "verify-export", str(elsewhere / file.name),
        "--checkpoints", str(elsewhere / CHECKPOINTS), "--public-key", str(elsewhere / "checkpoint.pub"),
    )  # fmt: skip

    assert (done.exit_code, done.stdout.splitlines()) == (
        0,
        [
            "6 receipts, from 1 on",
            "without a key: seals were not looked at",
            "1 checkpoints, the last one of receipt 5",
            "sound",
        ],
    )


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("how", ["edit", "remove", "swap", "spoil"])
async def test_a_changed_export_is_found(evidence: Evidence, place: int, how: str) -> None:
    """Cut off at its end it is found by checkpoints only, and the last line stands behind those."""
    file = await exported(evidence)
    lines = file.read_bytes().splitlines(keepends=True)
    match how:
        case "edit":
            lines[place] = lines[place].replace(b'"acme"', b'"zeta"')
        case "remove":
            del lines[min(place, 4)]
        case "swap":
            lines.append(lines.pop(min(place, 4)))
        case "spoil":
            lines[place] = lines[place][:-20] + b"\n"
    file.write_bytes(b"".join(lines))

    done = evidence.run(
        "verify-export", str(file), "--key-file", str(evidence.folder / "receipt.key"),
        "--checkpoints", str(evidence.folder / CHECKPOINTS),
        "--public-key", str(evidence.folder / "checkpoint.pub"),
    )  # fmt: skip

    assert done.exit_code == 1, done.output


@pytest.mark.parametrize("identifier", ["CN1", "CA1", "ITEM2"])
async def test_a_known_identifier_is_found(evidence: Evidence, identifier: str) -> None:
    done = evidence.run("find", identifier)
    piped = evidence.run("find", "-", stdin=identifier + "\n")

    [case] = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert (case["tenant"], case["caller"], case["number"], case["position"]) == ("acme", "job", 1, 0)
    assert case["as"] == {"CN1": "caseNumber", "CA1": "caseId", "ITEM2": "item"}[identifier]
    assert case["status"] == ("succeeded" if identifier == "CN1" else "cancelled")
    assert piped.stdout == done.stdout
    assert identifier not in done.stdout


async def test_a_request_id_is_found(evidence: Evidence) -> None:
    [(request_id,)] = evidence.rows("SELECT request_id FROM cases WHERE identifier = 'CN2'")

    done = evidence.run("find", request_id)

    assert json.loads(done.stdout)["as"] == "requestId"


async def test_an_unknown_identifier_is_not_found(evidence: Evidence) -> None:
    done = evidence.run("find", "CN4711")

    assert (done.exit_code, done.stdout, done.stderr) == (1, "", "in no receipt\n")


async def test_long_chains_are_read_in_pages(tmp_path: Path) -> None:
    made = Evidence(tmp_path)
    for number in range(2 * PAGE_ROWS + 1):
        await made.end(f"CN{number}")
    await made.link()

    assert made.run("verify").stdout.startswith(f"{2 * PAGE_ROWS + 1} receipts in the chain, 0 not linked yet\n")
    assert len(made.run("export").stdout.splitlines()) == 2 * PAGE_ROWS + 1
    await made.desk.ledger.close()
    made.tamper("UPDATE operations SET caller = 'x' WHERE id = (SELECT max(id) FROM operations)")
    assert made.run("verify").exit_code == 1


async def test_a_ledger_that_no_gateway_uses_can_be_read(evidence: Evidence) -> None:
    await evidence.desk.ledger.close()

    assert evidence.run("verify").exit_code == 0
    assert evidence.run("find", "CN1").exit_code == 0


async def test_reading_changes_nothing(evidence: Evidence) -> None:
    before = evidence.rows("SELECT * FROM receipts")

    for command in (("verify",), ("export",), ("find", "CN1")):
        evidence.run(*command)

    assert evidence.rows("SELECT * FROM receipts") == before


async def test_without_a_key_of_its_own_the_ledger_s_key_is_used_and_said_so(tmp_path: Path) -> None:
    made = Evidence(tmp_path, key=False, signing=False)
    await made.end("CN1")
    await made.link()

    done = made.run("verify")

    assert done.exit_code == 0
    assert done.stdout.splitlines()[1].endswith(", which the ledger keeps itself")
    assert done.stdout.splitlines()[2].startswith("without checkpoints")
    assert made.run("find", "CN1").exit_code == 0
    await made.desk.ledger.close()


async def test_a_key_may_be_replaced_while_the_earlier_one_stays_known(evidence: Evidence) -> None:
    await evidence.link()
    await evidence.desk.ledger.close()
    (evidence.folder / "new.key").write_text("another one, long enough to seal receipts with\n")
    section = {"key_file": "new.key", "earlier_key_files": ["receipt.key"]}
    signing = {"checkpoint_key_file": "checkpoint.key", "checkpoint_file": CHECKPOINTS}

    evidence.configure(audit={**section, **signing})
    known = evidence.run("verify"), evidence.run("find", "CN1")
    evidence.configure(audit={"key_file": "new.key", **signing})
    forgotten = evidence.run("verify"), evidence.run("find", "CN1")

    assert [done.exit_code for done in known] == [0, 0]
    assert [done.exit_code for done in forgotten] == [1, 1]
    assert "sealed with a key that is not given" in forgotten[0].stdout


async def test_the_ledger_s_own_key_seals_nothing_after_a_better_one(tmp_path: Path) -> None:
    """Otherwise whoever writes the ledger could go on with the key that stands in it."""
    made = Evidence(tmp_path, signing=False)
    await made.end("CN1")
    await made.link()
    await made.use_own_key()
    await made.end("CN2")
    await made.link()

    done = made.run("verify")

    assert done.exit_code == 1
    assert "although a better one was in use before it" in done.stdout
    await made.desk.ledger.close()


@pytest.mark.parametrize("missing", ["gateway.yaml", "receipt.key", "checkpoint.key", "ledger.db"])
async def test_what_cannot_be_read_is_said(evidence: Evidence, missing: str) -> None:
    await evidence.desk.ledger.close()
    (evidence.folder / missing).unlink()

    for command in (("verify",), ("export",), ("find", "CN1")):
        done = evidence.run(*command)
        assert (done.exit_code, done.stdout) == (2, ""), done.output
        assert missing in done.stderr
        assert SECRET not in done.output


async def test_a_ledger_of_an_earlier_version_is_said_to_be_one(evidence: Evidence) -> None:
    await evidence.desk.ledger.close()
    evidence.tamper("DROP TABLE receipts")
    evidence.tamper("UPDATE alembic_version SET version_num = '0001'")

    done = evidence.run("verify")

    assert (done.exit_code, "start the gateway on it once" in done.stderr) == (2, True)


async def test_checkpoints_need_a_key_to_be_checked_with(evidence: Evidence) -> None:
    file = await exported(evidence)

    done = evidence.run("verify-export", str(file), "--checkpoints", str(evidence.folder / CHECKPOINTS))
    wrong = evidence.run(
        "verify-export", str(file), "--checkpoints", str(evidence.folder / CHECKPOINTS),
        "--public-key", str(evidence.folder / "checkpoint.key"),
    )  # fmt: skip

    assert (done.exit_code, "--public-key" in done.stderr) == (2, True)
    assert (wrong.exit_code, "no Ed25519 public key" in wrong.stderr) == (2, True)


def test_a_file_that_is_no_ledger_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("store: {url: 'sqlite:///ledger.db'}\n")
    (tmp_path / "ledger.db").write_text("no database, but long enough to look at\n" * 100)

    done = CliRunner().invoke(audit, ["verify", "--config", str(tmp_path / "gateway.yaml")])

    assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)


async def test_a_new_signing_key_begins_a_new_file_and_the_old_one_s_public_half_is_given(evidence: Evidence) -> None:
    (evidence.folder / "checkpoint.pub").rename(evidence.folder / "old.pub")
    evidence.use_new_signing_key("new-checkpoints.jsonl")
    await evidence.sign()

    alone = evidence.run("verify")
    both = evidence.run("verify", "--public-key", str(evidence.folder / "old.pub"))

    assert (alone.exit_code, both.exit_code) == (1, 0)
    assert "2 checkpoints, the last one of receipt 6" in both.stdout
