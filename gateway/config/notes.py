"""What a sound configuration leaves without effect: nothing is wrong, and yet somebody may wonder."""

from collections.abc import Iterable, Iterator
from itertools import combinations

from gateway.config.settings import Settings


def notes(settings: Settings) -> tuple[str, ...]:
    """One line for each thing that is given and not used, or not what it may be taken for; the first word is a path."""
    return (*_unused(settings), *_paced_apart(settings))


def _unused(settings: Settings) -> Iterator[str]:
    callers, backends = settings.callers.values(), settings.backends.values()
    routes = [route for tenant in settings.tenants.values() for route in (tenant.cases, tenant.ecm) if route]
    if settings.server.authenticate:
        yield from _left("tenants", settings.tenants, {name for caller in callers for name in caller.tenants}, "caller")
    else:
        yield "server.auth: disabled, so every process of this machine may delete"
    yield from _left("backends", settings.backends, {route.backend for route in routes}, "tenant")
    yield from _left("credentials", settings.credentials, {backend.credential.name for backend in backends}, "backend")
    yield from _left("limits", settings.limits, {backend.limits.name for backend in backends}, "backend")
    yield from _left("issuers", settings.issuers, {caller.issuer for caller in callers}, "caller")


def _left(section: str, names: Iterable[str], used: set[str] | set[str | None], user: str) -> Iterator[str]:
    return (f"{section}.{name}: not used by any {user}" for name in names if name not in used)


def _paced_apart(settings: Settings) -> Iterator[str]:
    """Paces and locks are of a group: two groups for one upstream add up, and do not keep off each other's cases."""
    for one, other in combinations(settings.backends.values(), 2):
        same = (one.base_url, one.country) == (other.base_url, other.country)
        if same and one.limits.name != other.limits.name:
            yield f"backends.{other.name}: the same upstream as {one.name}, and yet paced and locked apart from it"
