"""What the parts of one backend's loop work with."""

from collections.abc import Callable
from random import uniform as random_uniform

from msgspec import Struct

from gateway.clock import Clock
from gateway.config.settings import BackendSettings, Circuit, Retry
from gateway.dispatch.backoff import Uniform
from gateway.ledger.base import Ledger
from gateway.telemetry.events import Observer
from gateway.telemetry.tracing import OFF, Tracing
from gateway.transport.base import Channel


class Rules(Struct, frozen=True):
    """What the configuration says of the backend at present."""

    backend: BackendSettings
    retry: Retry
    circuit: Circuit


class Means(Struct, frozen=True):
    """`rules` are looked up for every call: a change takes effect with the next. `uniform` is chance."""

    rules: Callable[[], Rules]
    channel: Channel
    ledger: Ledger
    clock: Clock
    observer: Observer
    uniform: Uniform = random_uniform
    tracing: Tracing = OFF
