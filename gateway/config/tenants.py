"""`tenants`: where the cases of each tenant live."""

from collections.abc import Collection, Mapping

from gateway.config.section import Section
from gateway.config.settings import BackendSettings, Route, Tenant
from gateway.config.values import known, path_word
from gateway.model.kinds import System

_SYSTEMS = {"cases": frozenset({System.HUB_PROPERTY, System.CLAIMSHOP}), "ecm": frozenset({System.ORACLE_ECM})}
"""The systems that each route may lead to."""


def read_tenants(root: Section, backends: Mapping[str, BackendSettings]) -> dict[str, Tenant]:
    """The tenants by name, each with a route for deletions, for removals, or for both."""
    names = root.names("backends")
    return {name: _tenant(section, name, names, backends) for name, section in root.named("tenants")}


def _tenant(section: Section, name: str, names: Collection[str], backends: Mapping[str, BackendSettings]) -> Tenant:
    given = [key for key in _SYSTEMS if key in section and not section.is_null(key)]
    if not given:
        section.fault("", "give cases, ecm, or both")
    routes = {key: _route(section, key, names, backends) for key in given}
    return Tenant(name, cases=routes.get("cases"), ecm=routes.get("ecm"))


def _route(section: Section, key: str, names: Collection[str], backends: Mapping[str, BackendSettings]) -> Route:
    with section.section(key) as route:
        name = route.need("backend", known("backend", names), "")
        backend = backends.get(name)
        if backend and backend.system not in _SYSTEMS[key]:
            route.fault("backend", f"{name} is {backend.system}; expected one of {', '.join(sorted(_SYSTEMS[key]))}")
        if key == "cases":
            return Route(name, route.need("tenant", path_word, ""))
        route.refuse("tenant", "oracle-ecm knows no tenants")
        return Route(name)
