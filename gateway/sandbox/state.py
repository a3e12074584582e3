"""Everything the sandbox keeps, in one place, so that a reset forgets nothing."""

from typing import Any

from gateway.sandbox.cases import EcmCase, ScalepointCase, Shelf
from gateway.sandbox.certificates import Certificates, ensure_development_key
from gateway.sandbox.claimshop import ClaimShop
from gateway.sandbox.clock import Clock
from gateway.sandbox.history import History
from gateway.sandbox.hub_property import HubProperty
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.request_ids import RequestIds
from gateway.sandbox.switches import SwitchBoard, Switches, check_faults
from gateway.sandbox.tokens import Tokens


class State:
    """Raises BadCertificate if a certificate of the options cannot be read."""

    def __init__(self, options: SandboxOptions, clock: Clock) -> None:
        check_faults(options.switches)
        self.options = options
        self.clock = clock
        self.clock.offset_seconds = options.switches.clock_offset_seconds
        self.board = SwitchBoard(options.switches)
        self.history = History(clock, options.history_entries)
        self.scalepoint_cases = Shelf(ScalepointCase, options.max_cases)
        self.ecm_cases = Shelf(EcmCase, options.max_cases)
        self.request_ids = RequestIds()
        self.tokens = Tokens()
        self.certificates = _registered(options)
        self.hub = HubProperty(self.board)
        self.claimshop = ClaimShop(self.board)

    def switch(self, changes: dict[str, Any]) -> None:
        """Raises UnknownSwitch."""
        before = self.board.now
        self.board.change(changes)
        self._apply(before)

    def reset(self) -> None:
        """As at the start, but for the clients: tokens and certificates stay, so that a gateway need not notice."""
        before = self.board.now
        self.board.reset()
        self._apply(before)
        self.hub.rearm()
        self.history.clear()
        for kept in (self.scalepoint_cases, self.ecm_cases, self.request_ids):
            kept.clear()

    def _apply(self, before: Switches) -> None:
        now = self.board.now
        self.clock.offset_seconds = now.clock_offset_seconds
        self.claimshop.rearm()
        if _limits(before) != _limits(now):
            self.hub.rearm()


def _limits(switches: Switches) -> tuple[object, ...]:
    hub = switches.hub
    return hub.per_second, hub.per_minute, hub.window, hub.refused_count, switches.clock_offset_seconds


def _registered(options: SandboxOptions) -> Certificates:
    certificates = Certificates()
    own = () if options.keys_dir is None else (ensure_development_key(options.keys_dir),)
    for path in (*own, *options.certificates):
        certificates.register(path.read_bytes())
    return certificates
