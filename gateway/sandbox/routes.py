"""The upstreams' paths (UPSTREAMS.md)."""

import re

import msgspec

from gateway.sandbox.ecm_services import SERVICES


class Route(msgspec.Struct, frozen=True):
    """Where a call goes.  ``call`` is its name in the history."""

    system: str
    method: str
    call: str
    tenant: str | None = None
    country: str | None = None


_HUB = re.compile(r"/ecx/([^/]+)/api/integration/v[0-9]+/case")
_CLAIMSHOP = re.compile(r"/webapp/ScalePoint/([^/]+)/v[0-9]+/case/([^/]+)/delete")
_ECM = "/ECM/rest-api/ECMService/CaseManagementService/"
_TOKEN = "/connect/token"  # noqa: S105 - a path


def route_of(path: str) -> Route | None:
    """The upstream's call that ``path`` names, whatever the method."""
    if path.startswith(_ECM):
        service = path[len(_ECM) :]
        return Route("oracle-ecm", "POST", service) if service in SERVICES else None
    if path == _TOKEN:
        return Route("token", "POST", "token")
    hub = _HUB.fullmatch(path)
    if hub is not None:
        return Route("hub-property", "DELETE", "case-deletion", hub[1])
    claimshop = _CLAIMSHOP.fullmatch(path)
    return None if claimshop is None else Route("claimshop", "DELETE", "case-deletion", claimshop[2], claimshop[1])
