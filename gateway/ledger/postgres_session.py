"""One connection to PostgreSQL: how it is made, what time it is there, and the transactions on it."""

import re
import threading
import time
from collections.abc import Iterable, Sequence
from functools import cache
from math import inf
from typing import TypeVar

import psycopg
from psycopg.abc import PQGen

from gateway.clock import Clock
from gateway.ledger.postgres_password import Password, no_password
from gateway.ledger.store import Effects, Parameters, Row
from gateway.model.hours import SECOND

CONNECT_SECONDS = 5
SESSION = """SET statement_timeout = '8s'; SET idle_in_transaction_session_timeout = '5s'; SET TimeZone = 'UTC';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"""
"""A statement that takes longer waits for a lock that its holder does not give back; a holder that stands still between
two statements is thrown out before that. What was committed is on durable storage, whatever the server's default."""
SERVER_CLOCK = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
"""The instant at which the statement is carried out; now() would be that at which the transaction began."""
STEP_MICROSECONDS = 10_000
"""By so much may two clocks differ that run side by side, before one of them counts as set back; and by a thousandth of
the time in between."""

T = TypeVar("T")
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


class Connection(psycopg.Connection[Row]):
    """A connection on which nobody waits for the server longer than he said, whatever network lies between.

    The server's own time limits are of no use when it stands still, or no word of it arrives.
    """

    _give_up_at = inf

    def wait_at_most(self, seconds: float) -> None:
        """From now on, in all. What takes longer raises psycopg.OperationalError, and leaves a connection to drop."""
        self._give_up_at = time.monotonic() + seconds

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """See `psycopg.Connection`: every word to the server and back goes through here."""
        left = max(0.0, self._give_up_at - time.monotonic())
        if left < inf:
            timeout = left if timeout is None else min(left, timeout)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.OperationalError as error:
            if time.monotonic() < self._give_up_at:
                raise
            message = "the server gave no answer in time"
            raise psycopg.OperationalError(message) from error


def connect(url: str, password: Password = no_password) -> Connection:
    """A connection in autocommit mode: transactions are begun and ended in so many words. Raises psycopg.Error."""
    connection = Connection.connect(
        url,
        password=password(),
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name="case-gateway",
        client_encoding="utf8",
        # A server that vanished without a word is noticed within seconds, also while nothing is sent.
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=15_000,
    )
    try:
        connection.wait_at_most(CONNECT_SECONDS)
        connection.execute(SESSION)
        connection.wait_at_most(inf)
    except BaseException:
        connection.close()
        raise
    return connection


class ClockSetBack(Exception):
    """The server's clock was set back by so many microseconds since it was last read. Never leaves the store."""

    def __init__(self, microseconds: int) -> None:
        super().__init__(microseconds)
        self.microseconds = microseconds


class ServerTime:
    """The ledger's time on the server, as this process last read it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._reading = 0
        self._read_at = clock.monotonic()
        self._told = 0

    def now(self) -> int:
        """The ledger's time without asking the server: it never goes back."""
        with self._lock:
            passed = round((self._clock.monotonic() - self._read_at) * SECOND)
            self._told = max(self._told, self._reading + passed)
            return self._told

    def monotonic(self) -> float:
        """Seconds on the process's own clock."""
        return self._clock.monotonic()

    def read(self, connection: Connection, sql: str) -> int:
        """Ask the server. Raises ClockSetBack, psycopg.Error."""
        asked_at = self._clock.monotonic()
        row = connection.execute(sql).fetchone()
        reading = int(row[0]) if row else 0
        with self._lock:
            # The least that must have passed, however long either answer was on its way.
            passed = round((asked_at - self._read_at) * SECOND)
            behind = self._reading + passed - reading
            if behind > STEP_MICROSECONDS + abs(passed) // 1_000:
                raise ClockSetBack(behind)
            self._reading, self._read_at = reading, self._clock.monotonic()
        return reading


@cache
def worded(sql: str) -> str:
    """`sql` with psycopg's placeholders. The statements are constants, or few: the cache stays small."""
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


class PostgresTransaction:
    """`Transaction` (see there) in READ COMMITTED: each statement sees what was committed before it."""

    __slots__ = ("_connection", "_now", "_time", "_time_sql", "asked_at", "effects", "wrote")

    def __init__(self, connection: Connection, time: ServerTime, time_sql: str) -> None:
        self._connection = connection
        self._time, self._time_sql = time, time_sql
        self._now: int | None = None
        self.asked_at = time.monotonic()
        self.wrote = False
        """Whether there is anything to make durable."""
        self.effects = Effects()

    @property
    def now(self) -> int:
        """See `Transaction`. Read when it is first asked for, and anew behind a lock."""
        if self._now is None:
            self.asked_at = self._time.monotonic()
            self._now = self._time.read(self._connection, self._time_sql)
        return self._now

    def lock(self, name: str) -> None:
        """See `Transaction`. A statement of its own: what the last holder committed is seen by the next one only."""
        self._connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"case-gateway {name}",))
        self._now = None

    def hold(self, *operation_ids: str) -> bool:
        """See `Transaction`. In the order of their ids, so that two who hold several do not wait for each other."""
        self._connection.execute(
            "SELECT 1 FROM operations WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", (list(operation_ids),)
        )
        return True

    def rows(self, sql: str, parameters: Parameters = {}) -> Sequence[Row]:  # noqa: B006 - never written to
        """See `Transaction`."""
        return self._connection.execute(worded(sql), parameters).fetchall()

    def row(self, sql: str, parameters: Parameters = {}) -> Row | None:  # noqa: B006 - never written to
        """See `Transaction`."""
        return self._connection.execute(worded(sql), parameters).fetchone()

    def run(self, sql: str, parameters: Parameters = {}) -> int:  # noqa: B006 - never written to
        """See `Transaction`."""
        self.wrote = True
        return self._connection.execute(worded(sql), parameters).rowcount

    def run_many(self, sql: str, many: Iterable[Parameters]) -> None:
        """See `Transaction`."""
        self.wrote = True
        with self._connection.cursor() as cursor:
            cursor.executemany(worded(sql), many)
