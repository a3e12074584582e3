"""What one process commits, the others hear: LISTEN and NOTIFY on a connection of its own."""

import asyncio
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

import msgspec
import psycopg
from msgspec import Struct

from gateway.ledger.postgres_session import Connection
from gateway.ledger.store import Effects

CHANNEL = "case_gateway"
MOST_NAMES = 100
"""Operations and backends in one notification: PostgreSQL takes up to 7,999 bytes, and a name is seldom over 40."""
LONGEST_BYTES = 7_999
RECONNECT_SECONDS = 0.5
LOOK_SECONDS = 5.0
"""How long the thread sleeps if nobody wakes it, neither the server nor `tell`; then it asks if the server is there."""
ANSWER_SECONDS = 5.0
"""How long the server may take to answer, before the connection is made anew."""


class _News(Struct, frozen=True):
    """Operations that finished, and backends with so many cases that may be due; `missed`: too much to be named."""

    finished: list[str] = []
    due: dict[str, int] = {}
    missed: bool = False


class News:
    """Tells the other processes what this one committed, and hears what they did, as long as the process lives.

    Told behind the commit and not within it: PostgreSQL lets only one transaction with a notification commit at a time.
    What a process that dies leaves untold, the others find when they next look for themselves.
    `hear` is called on the event loop, also after every connecting, since news may have been missed by then.
    """

    def __init__(
        self, connect: Callable[[], Connection], loop: asyncio.AbstractEventLoop, hear: Callable[[Effects], None]
    ) -> None:
        self._connect = connect
        self._loop = loop
        self._hear = hear
        self._guard = threading.Lock()
        self._untold = Effects()
        self._closing = threading.Event()
        self._bell, self._ring = socket.socketpair()
        self._ring.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="ledger-news", daemon=True)
        self._thread.start()

    def tell(self, effects: Effects) -> None:
        """Have the others told, soon. From any thread."""
        if effects.finished or effects.due:
            with self._guard:
                self._untold.add(effects)
            self._wake()

    def close(self) -> None:
        """Tell what is still untold, and stop; returns when the thread has ended. Idempotent."""
        if self._closing.is_set():
            return
        self._closing.set()
        self._wake()
        self._thread.join()
        self._bell.close()
        self._ring.close()

    def _wake(self) -> None:
        with suppress(OSError):  # full: it is awake; or closed
            self._ring.send(b"!")

    def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(psycopg.Error):
                self._talk()
            self._closing.wait(RECONNECT_SECONDS)

    def _talk(self) -> None:
        with closing(self._connect()) as connection:
            connection.wait_at_most(ANSWER_SECONDS)
            connection.add_notify_handler(lambda notification: self._take(connection, notification))
            connection.execute(f"LISTEN {CHANNEL}")
            # A lost notification costs time and nothing else: nobody waits for the disk with the lock of all notifiers.
            connection.execute("SET synchronous_commit = off")
            connection.execute("SET application_name = 'case-gateway news'")
            self._say(Effects(missed=True))
            while not self._closing.is_set():
                self._tell_all(connection)
                self._listen(connection)
            self._tell_all(connection)

    def _listen(self, connection: Connection) -> None:
        """Sleep until the server says something, or somebody of this process has something to tell."""
        _take_notifications(connection)
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(LOOK_SECONDS)}
        if self._bell in ready:
            self._bell.recv(4_096)
        if connection in ready:
            connection.pgconn.consume_input()
            _take_notifications(connection)
        connection.wait_at_most(ANSWER_SECONDS)
        if not ready:
            # Silence looks the same whether there is no news, or no way for it to come.
            connection.execute("SELECT 1")

    def _tell_all(self, connection: Connection) -> None:
        with self._guard:
            untold, self._untold = self._untold, Effects()
        try:
            for news in _words(untold):
                connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, news))
        except psycopg.Error:
            with self._guard:
                self._untold.add(untold)
            raise

    def _take(self, connection: Connection, notification: psycopg.Notify) -> None:
        if notification.pid == connection.pgconn.backend_pid:
            return
        try:
            news = msgspec.json.decode(notification.payload, type=_News)
        except msgspec.MsgspecError:
            news = _News(missed=True)
        effects = Effects(missed=news.missed)
        effects.finished.update(news.finished)
        effects.due.update(news.due)
        self._say(effects)

    def _say(self, effects: Effects) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to hear
            self._loop.call_soon_threadsafe(self._hear, effects)


def _take_notifications(connection: Connection) -> None:
    while notification := connection.pgconn.notifies():
        if connection.pgconn.notify_handler:
            connection.pgconn.notify_handler(notification)


def _words(effects: Effects) -> Iterator[str]:
    """The payloads that say it all, none too long to be sent."""
    finished, due = sorted(effects.finished), sorted(effects.due.items())
    for first in range(0, max(len(finished), len(due)), MOST_NAMES):
        some = slice(first, first + MOST_NAMES)
        payload = msgspec.json.encode(_News(finished[some], dict(due[some])))
        yield (payload if len(payload) <= LONGEST_BYTES else msgspec.json.encode(_News(missed=True))).decode()
