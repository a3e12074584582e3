"""The HTTP API, put together."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from gateway.http.authentication import Gate
from gateway.http.docs import Docs
from gateway.http.failures import HANDLERS
from gateway.http.middleware import Edge
from gateway.http.operations import Operations
from gateway.http.parts import Parts
from gateway.http.probes import Probes
from gateway.http.quotas import Quotas
from gateway.http.receipts import Receipts
from gateway.http.submissions import Submission
from gateway.http.tenants import Tenants
from gateway.model.kinds import Kind

__all__ = ["Parts", "build", "build_probes", "routes"]


def build(parts: Parts) -> Edge:
    """The whole API as an ASGI application."""
    return _application(parts, routes(parts))


def build_probes(parts: Parts) -> Edge:
    """Only probes and metrics, for a listener of their own."""
    return _application(parts, Probes(parts).routes())


def routes(parts: Parts) -> list[HTTPRouteHandler]:
    """Every route of the API."""
    gate = Gate(parts.settings, parts.verify, Quotas(parts.clock), parts.observer)
    return [
        *(Submission(kind, parts, gate).route() for kind in Kind),
        *Operations(parts, gate).routes(),
        *Receipts(parts, gate).routes(),
        *Tenants(parts, gate).routes(),
        *Probes(parts).routes(),
        *Docs().routes(),
    ]


def _application(parts: Parts, handlers: Sequence[HTTPRouteHandler]) -> Edge:
    litestar = Litestar(
        handlers,
        debug=False,  # named, or the environment could turn them on
        pdb_on_exception=False,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,  # body.py keeps the configured bound
        exception_handlers=HANDLERS,
    )
    return Edge(litestar, parts.clock, parts.observer, parts.drain, parts.intake, parts.tracing)
