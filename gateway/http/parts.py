"""What the API is made of: everything that its handlers may use."""

from collections.abc import Callable

from msgspec import Struct, field

from gateway.clock import Clock
from gateway.config.settings import Settings
from gateway.http.authentication import Verify, no_tokens
from gateway.http.drain import Drain
from gateway.http.intake import Intake
from gateway.ledger.base import Ledger
from gateway.telemetry.events import Observer, nobody
from gateway.telemetry.tracing import OFF, Tracing


class Parts(Struct, frozen=True):
    """Given once, when the API is built.

    `settings` is called for each request. `serves`: whether work for a backend at its upstream is taken in now.
    `readiness`: why this process should get no requests, empty when it is ready.
    `verify` says whose token one is.
    `render_metrics` takes the request's Accept header and returns content type and body.
    """

    settings: Callable[[], Settings]
    ledger: Ledger
    clock: Clock
    readiness: Callable[[], tuple[str, ...]]
    render_metrics: Callable[[str | None], tuple[str, bytes]]
    serves: Callable[[str, str], bool] = lambda _backend, _upstream: True
    observer: Observer = nobody
    verify: Verify = no_tokens
    drain: Drain = field(default_factory=Drain)
    intake: Intake = field(default_factory=Intake)
    tracing: Tracing = OFF
