"""Opening the ledger's file: locked, checked, and refused with a helpful word."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.errors import LedgerUnavailable, LedgerUnusable
from gateway.ledger.base import Ledger, OperationFilter
from gateway.ledger.open import open_ledger
from gateway.telemetry.events import nobody
from tests.clock import ManualClock
from tests.contract.desk import Desk, many, values
from tests.contract.places import PLACES

OPEN = """
import asyncio, sys
from pathlib import Path
from gateway.clock import SystemClock
from gateway.ledger.open import open_ledger
from gateway.telemetry.events import nobody

async def main():
    ledger = open_ledger("sqlite:///ledger.db", SystemClock(), nobody, folder=Path(sys.argv[1]))
    print("open", *(name for name in ("alembic", "sqlalchemy", "psycopg") if name in sys.modules), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await ledger.close()

asyncio.run(main())
"""


def open_at(folder: Path, name: str = "ledger.db") -> Ledger:
    return open_ledger(f"sqlite:///{name}", ManualClock(), nobody, folder=folder)


def desk_at(folder: Path) -> Desk:
    return Desk(PLACES["sqlite"](folder), ManualClock())


async def accept_until_full(desk: Desk) -> int:
    """How many operations of a hundred cases there is room for."""
    for number in range(100):
        try:
            await desk.accept(*many(100, f"C{number}-"))
        except LedgerUnavailable:
            return number
    raise AssertionError


def another_process(folder: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", OPEN, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[3],
    )  # fmt: skip


@pytest.fixture
async def made(tmp_path: Path) -> Path:
    """A closed ledger with something in it."""
    desk = desk_at(tmp_path)
    await desk.accept(*many(500))
    await desk.ledger.close()
    return tmp_path / "ledger.db"


def overwrite(path: Path, offset: int, content: bytes) -> bytes:
    """Put `content` into a file; what stood there before."""
    with path.open("r+b") as file:
        file.seek(offset)
        before = file.read(len(content))
        file.seek(offset)
        file.write(content)
    return before


def mount(*command: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - fixed commands


def mounted(folder: Path, *command: str) -> Iterator[Path]:
    """A file system of its own at `folder`, for as long as a test lasts."""
    if mount("mount", *command, str(folder)).returncode:
        pytest.skip("mounting a file system is not permitted here")
    yield folder
    # Lazily: a test that failed may still hold a file in it.
    assert mount("umount", "--lazy", str(folder)).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small"
    folder.mkdir()
    yield from mounted(folder, "-t", "tmpfs", "-o", "size=1m", "tmpfs")


@pytest.fixture(params=["file system", "folder", "file"])
def read_only(request: pytest.FixtureRequest, made: Path) -> Iterator[Path]:
    """The folder of a ledger in which nothing can be written, or in which the ledger cannot."""
    if request.param == "file system":
        yield from mounted(made.parent, "-t", "tmpfs", "-o", "ro", "tmpfs")
        return
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind root")
    target = made.parent if request.param == "folder" else made
    target.chmod(0o500)
    yield made.parent
    target.chmod(0o700)


async def test_a_second_ledger_on_the_same_file_is_refused(tmp_path: Path) -> None:
    ledger = open_at(tmp_path)

    with pytest.raises(LedgerUnusable, match="another gateway is using this ledger"):
        open_at(tmp_path)
    await ledger.close()
    await open_at(tmp_path).close()


async def test_another_process_is_refused_and_may_have_it_later(tmp_path: Path) -> None:
    ledger = open_at(tmp_path)
    refused = another_process(tmp_path)
    _, error = refused.communicate(timeout=20)
    await ledger.close()
    admitted = another_process(tmp_path)
    output, _ = admitted.communicate(timeout=20)

    assert "another gateway is using this ledger" in error
    assert refused.returncode != 0
    assert output.startswith("open")


async def test_a_process_that_is_killed_holds_no_lock(tmp_path: Path) -> None:
    holder = another_process(tmp_path)
    assert holder.stdout is not None
    assert holder.stdout.readline().startswith("open")
    holder.kill()
    holder.communicate(timeout=20)

    await open_at(tmp_path).close()


async def test_a_symbolic_link_to_a_ledger_is_locked_with_it(made: Path) -> None:
    (made.parent / "link.db").symlink_to(made)
    ledger = open_at(made.parent)

    with pytest.raises(LedgerUnusable, match="another gateway"):
        open_at(made.parent, "link.db")
    await ledger.close()


def test_only_the_first_start_loads_what_migrates(tmp_path: Path) -> None:
    outputs = [another_process(tmp_path).communicate(timeout=20)[0] for _ in range(2)]

    assert [output.split() for output in outputs] == [["open", "alembic", "sqlalchemy"], ["open"]]


async def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(bytes(number * number % 251 for number in range(20_000)))

    with pytest.raises(LedgerUnusable, match=r"ledger\.db.*not a database.*backup"):
        open_at(tmp_path)


@pytest.mark.parametrize("page", [1, 3, 6])
async def test_a_damaged_ledger_is_refused(made: Path, page: int) -> None:
    overwrite(made, page * 4096, bytes(range(64, 128)))

    with pytest.raises(LedgerUnusable, match="backup"):
        open_at(made.parent)


async def test_a_ledger_that_was_cut_off_is_refused(made: Path) -> None:
    os.truncate(made, 10 * 4096)

    with pytest.raises(LedgerUnusable, match="backup"):
        open_at(made.parent)


async def test_a_refused_ledger_is_not_left_locked(made: Path) -> None:
    sound = overwrite(made, 0, b"nothing of the kind")
    with pytest.raises(LedgerUnusable):
        open_at(made.parent)
    overwrite(made, 0, sound)

    await open_at(made.parent).close()


async def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()

    await open_at(tmp_path).close()


async def test_a_ledger_of_a_newer_version_is_refused(made: Path) -> None:
    with sqlite3.connect(made) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(LedgerUnusable, match=r"newer version \(revision 9999\)"):
        open_at(made.parent)


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()

    with pytest.raises(LedgerUnusable, match="a folder stands where"):
        open_at(tmp_path)


@pytest.mark.parametrize("folder", ["missing", "ledger.txt"])
async def test_a_folder_that_is_none_is_refused(tmp_path: Path, folder: str) -> None:
    (tmp_path / "ledger.txt").touch()

    with pytest.raises(LedgerUnusable, match="folder"):
        open_at(tmp_path / folder)


async def test_what_cannot_be_written_is_refused_at_start(read_only: Path) -> None:
    with pytest.raises(LedgerUnusable):
        open_at(read_only)


async def test_another_kind_of_store_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnusable, match="mysql"):
        open_ledger("mysql://host/db", ManualClock(), nobody, folder=tmp_path)


async def test_the_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "50% of # what ? æøå"
    folder.mkdir()

    await open_at(folder).close()

    assert (folder / "ledger.db").stat().st_size > 0


async def test_a_disk_that_is_too_small_is_refused_at_start(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(1_000_000))

    with pytest.raises(LedgerUnusable, match="full"):
        open_at(small_disk)


async def test_a_full_disk_stops_what_cannot_be_recorded_until_there_is_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(300_000))
    desk = desk_at(small_disk)
    accepted = await accept_until_full(desk)
    with pytest.raises(LedgerUnavailable):
        await desk.accept(*many(100, "more"))
    listed = sum(operation.total for operation in await desk.ledger.operations(OperationFilter(None, limit=1_000)))

    ballast.unlink()
    await desk.ledger.check()
    await desk.accept("CN1")

    assert listed == accepted * 100 > 0
    assert values(*(await desk.claim(1)).calls) == ["CN1"]
    await desk.ledger.close()
