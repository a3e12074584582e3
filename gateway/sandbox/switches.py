"""Switches: how the upstreams behave beside their cases, read and set at run time (``GET`` and ``PUT /switches``)."""

from typing import Annotated, Any, Literal

import msgspec

from gateway.sandbox.hours import Hours
from gateway.sandbox.magic import KINDS, Spell, fault_of
from gateway.sandbox.rates import Window

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Switches(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Fault(_Switches, frozen=True, kw_only=True):
    """A system's next ``calls`` (null: all) behave ``like`` a magic prefix, say ``STATUS-503`` or ``DROP-AFTER``."""

    like: str
    calls: Count | None = None


class SystemSwitches(_Switches, frozen=True, kw_only=True):
    """What every upstream has."""

    latency_seconds: Seconds = 0
    fault: Fault | None = None


class HubSwitches(SystemSwitches, frozen=True, kw_only=True):
    """UPSTREAMS.md, "Scalepoint Hub Property".  A limit of null is none."""

    hours: Hours = "documented"
    per_second: Count | None = 5
    per_minute: Count | None = 100
    window: Window = "sliding"
    refused_count: bool = False
    throttle_retry_after_seconds: Count | None = None
    closed_retry_after: Literal["seconds", "date"] = "seconds"
    completed_repeat: Literal["notFound", "sameAnswer"] = "notFound"


class ClaimShopSwitches(SystemSwitches, frozen=True, kw_only=True):
    """UPSTREAMS.md, "Scalepoint ClaimShop".  A cap of null is none."""

    hours: Hours = "documented"
    simultaneous: Count | None = 5


class TokenSwitches(SystemSwitches, frozen=True, kw_only=True):
    """UPSTREAMS.md, "Scalepoint's token endpoint".  ``down``: 503 to every call."""

    down: bool = False
    lifetime_seconds: Count = 3600


class Switches(_Switches, frozen=True, kw_only=True):
    """All of them.

    ``strict``: only seeded cases exist.  ``magic``: whether magic identifiers work.  ``forced_closed_seconds`` and
    ``magic_closed_seconds``: the ``Retry-After`` while hours are switched to ``closed``, and of ``CLOSED-*``.
    """

    hub: HubSwitches = HubSwitches()
    claimshop: ClaimShopSwitches = ClaimShopSwitches()
    ecm: SystemSwitches = SystemSwitches()
    token: TokenSwitches = TokenSwitches()
    strict: bool = False
    magic: bool = True
    clock_offset_seconds: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)] = 0
    forced_closed_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    magic_closed_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 2


FIELDS = {"hub-property": "hub", "claimshop": "claimshop", "oracle-ecm": "ecm", "token": "token"}


class UnknownSwitch(ValueError):
    """A switch, or a value of one, that does not exist; the text says which."""


class SwitchBoard:
    """The switches as they stand."""

    def __init__(self, start: Switches) -> None:
        self._start = start
        self.now = start

    def change(self, changes: dict[str, Any]) -> Switches:
        """Merge ``changes`` into what stands; members not named stay.

        Raises UnknownSwitch, and then changes nothing.
        """
        merged = _merged(msgspec.to_builtins(self.now), changes)
        try:
            changed = msgspec.convert(merged, Switches)
        except msgspec.ValidationError as error:
            raise UnknownSwitch(str(error)) from error
        check_faults(changed)
        self.now = changed
        return changed

    def reset(self) -> None:
        """Back to how they stood at the start."""
        self.now = self._start

    def take_fault(self, system: str) -> Spell | None:
        """The system's fault, if one is on; counts the call."""
        switches: SystemSwitches = getattr(self.now, FIELDS[system])
        fault = switches.fault
        if fault is None:
            return None
        if fault.calls is not None:
            left = msgspec.structs.replace(fault, calls=fault.calls - 1) if fault.calls > 1 else None
            rest = msgspec.structs.replace(switches, fault=left)
            self.now = msgspec.structs.replace(self.now, **{FIELDS[system]: rest})
            if fault.calls == 0:
                return None
        return fault_of(fault.like, KINDS[system])


def _merged(old: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for name, value in changes.items():
        before = merged.get(name)
        both = isinstance(before, dict) and isinstance(value, dict) and name != "fault"
        merged[name] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged


def check_faults(switches: Switches) -> None:
    """Raises UnknownSwitch for a fault that is no magic prefix of its system."""
    for system, field in FIELDS.items():
        fault = getattr(switches, field).fault
        if fault is not None and fault_of(fault.like, KINDS[system]) is None:
            message = f"{field}.fault.like: {fault.like!r} is no magic prefix of {system}"
            raise UnknownSwitch(message)
