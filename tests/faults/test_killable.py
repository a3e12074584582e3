"""What a gateway under test is killed at is what it does: a point that is never met would test nothing."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from gateway.ledger.ledger import SqlLedger
from gateway.telemetry.events import nobody

from .killable import transaction_of
from .points import TRANSACTIONS


class Listening:
    """A store that carries nothing out, and hears which transactions it is asked for."""

    poll_seconds = None

    def __init__(self) -> None:
        self.heard: list[str | None] = []

    def on_commit(self, listener: object) -> None:
        """Nothing is committed."""

    def on_effects(self, listener: object) -> None:
        """There are none."""

    async def write(self, work: object, **_: object) -> None:
        self.heard.append(transaction_of(work, None))


class Named(NamedTuple):
    name: str


class Rules(NamedTuple):
    """As much of a claim's rules as the ledger itself looks at."""

    backend: str = "hub-dk"
    limits: Named = Named("hub")


ASKED: Mapping[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "accept": ((None,), {"max_queued_cases": 1}),
    "claim": ((Rules(),), {}),
    "settle": ((None,), {}),
    "cancel": (("an id",), {}),
    "retry": (("an id",), {}),
    "check": ((), {}),
}


@pytest.mark.parametrize("what", TRANSACTIONS)
async def test_each_transaction_of_the_ledger_is_known_by_its_name(what: str) -> None:
    store = Listening()
    positional, named = ASKED[what]
    await getattr(SqlLedger(store, nobody), what)(*positional, **named)  # type: ignore[arg-type]  # it only listens
    assert store.heard == [what]
