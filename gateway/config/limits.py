"""`limits`: the pace, cap and lock that the backends of one group share."""

from collections.abc import Collection

from gateway.config.section import Section
from gateway.config.settings import Limits
from gateway.config.values import count
from gateway.model.kinds import System

DOCUMENTED = {
    System.HUB_PROPERTY: {"per_second": 5, "per_minute": 100, "max_in_flight": 5},
    System.CLAIMSHOP: {"max_in_flight": 3},
    System.ORACLE_ECM: {"max_in_flight": 20},
}
"""CONTRACT.md section 3. ClaimShop's five are counted over all of its clients, so the gateway takes three."""

Pace = dict[str, int | None]
"""What the file says of a group: a limit, null for none; what it leaves out is not there."""

_KEYS = ("per_second", "per_minute", "max_in_flight")


def read_paces(root: Section) -> dict[str, Pace]:
    """What the file says of each group, by name."""
    return {group: _pace(section) for group, section in root.named("limits")}


def _pace(section: Section) -> Pace:
    pace = {key: section.get_or_null(key, count) for key in _KEYS if key in section}
    if not pace:
        section.fault("", f"give at least one of {', '.join(_KEYS)}; null means no such limit")
    return pace


def complete(group: str, pace: Pace, systems: Collection[System]) -> Limits:
    """The limits of `group`; one that is left out is the tightest that is documented for any of its `systems`."""
    documented = {
        key: min((DOCUMENTED[system][key] for system in systems if key in DOCUMENTED[system]), default=None)
        for key in _KEYS
    }
    return Limits(group, **(documented | pace))
