"""A SQLite ledger with its tables and nothing else: to migrate one for each test takes longer than most tests."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.ledger.sqlite_file import open_for_writing


def put_tables(path: Path) -> None:
    """Make a ledger at `path`, unless there is one. It gets an identity of its own when it is opened."""
    if not path.exists():
        path.write_bytes(_tables())


@cache
def _tables() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        connection = open_for_writing(path, 0)
        connection.execute("DELETE FROM installation")
        connection.close()
        return path.read_bytes()
