"""The instants at which a gateway under test is killed; `killable` knows where they are in the code."""

from typing import Literal

Store = Literal["sqlite", "postgresql"]

TRANSACTIONS = ("accept", "claim", "settle", "cancel", "retry", "check")
"""What a transaction of the ledger does. A claim that grants nothing is none; `check` is the first at every start."""
SENDING = (
    "send.before",  # the call is in the ledger, and not a byte of it has left
    "send.middle",  # the head and half of the body have left
    "send.after",  # all of it has left, and nobody waits for the answer
    "answer.awaited",  # the upstream is at work
    "answer.begun",  # the first bytes of the answer are there
    "answer.read",  # the answer is known, and not recorded
    "answer.missed",  # no trustworthy answer came, and that is not recorded
)
ANY_TIME, STANDSTILL = "any time", "standstill"
"""Killed from outside at a random moment; stopped for longer than any lease, let go on, and killed a little later."""


def points(store: Store) -> tuple[str, ...]:
    """All of them. `during`: COMMIT was sent to the server, and its answer not awaited."""
    whens = ("before", "during", "after") if store == "postgresql" else ("before", "after")
    return (*(f"{what}.{when}" for what in TRANSACTIONS for when in whens), *SENDING)
