"""The sandbox as an ASGI application."""

from typing import Protocol

from gateway.sandbox.assertions import Assertions
from gateway.sandbox.clock import Clock
from gateway.sandbox.control import Control, not_allowed
from gateway.sandbox.ecm import Ecm
from gateway.sandbox.history import Entry
from gateway.sandbox.http import Receive, Request, Scope, Send
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.replies import DROPPED, Delivery, Reply, json_reply
from gateway.sandbox.routes import Route, route_of
from gateway.sandbox.scalepoint import Scalepoint
from gateway.sandbox.state import State
from gateway.sandbox.token_endpoint import TokenEndpoint

_SILENT = (Delivery.DROPPED, Delivery.HUNG)


class Endpoint(Protocol):
    """One upstream.  ``answer`` fills in the history's entry as it goes."""

    async def answer(self, request: Request, entry: Entry) -> Reply:
        """The answer to one call."""


class Sandbox:
    """The application.  ``state`` is what it keeps: the history, the switches, the cases."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._control = Control(state)
        self._endpoints = _endpoints(state)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One HTTP request (ASGI)."""
        if scope["type"] != "http":
            message = f"the sandbox does not speak {scope['type']}"
            raise NotImplementedError(message)
        request = Request(scope, receive, send)
        if not await request.read():
            return
        route = route_of(request.path)
        if route is not None:
            await self._upstream(request, route)
        else:
            await request.deliver(self._control.answer(request) or self._lost(request))

    async def _upstream(self, request: Request, route: Route) -> None:
        entry = self.state.history.open(route.system, route.call, route.tenant, route.country)
        entry.traceparent = request.headers.get("traceparent")
        entry.x_request_id = request.headers.get("x-request-id")
        if request.query:
            entry.violate("query_string")
        reply = DROPPED
        try:
            reply = await self._answer(request, route, entry)
        finally:
            heard = reply.delivery not in _SILENT and not request.is_gone
            self.state.history.close(entry, reply.shown, heard=heard)
        await request.deliver(reply)

    async def _answer(self, request: Request, route: Route, entry: Entry) -> Reply:
        if request.method != route.method:
            entry.violate("wrong_method")
            return not_allowed(route.method)
        if request.too_large:
            return json_reply(413, {"error": "the body is over 64 MiB"})
        return await self._endpoints[route.system].answer(request, entry)

    def _lost(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):  # a browser's idle questions are no calls
            entry = self.state.history.open("unrouted", f"{request.method} {request.path}", None, None)
            entry.violate("unknown_path")
            self.state.history.close(entry, 404, heard=True)
        return json_reply(404, {"error": "nothing is here; GET / tells what there is"})


def build(options: SandboxOptions | None = None, clock: Clock | None = None) -> Sandbox:
    """The sandbox; makes the development key if ``options.keys_dir`` lacks it.

    Raises BadCertificate or OSError for keys that cannot be read or written, UnknownSwitch for a fault that is none.
    """
    return Sandbox(State(options or SandboxOptions(), clock or Clock()))


def _endpoints(state: State) -> dict[str, Endpoint]:
    options, board, clock = state.options, state.board, state.clock
    tokens = state.tokens if options.require_token else None
    assertions = Assertions(state.certificates, options.client_id)
    cases, ids = state.scalepoint_cases, state.request_ids
    return {
        "hub-property": Scalepoint(state.hub, board, clock, cases, tokens, ids),
        "claimshop": Scalepoint(state.claimshop, board, clock, cases, tokens, ids),
        "oracle-ecm": Ecm(options, board, clock, state.ecm_cases),
        "token": TokenEndpoint(options, board, clock, assertions, state.tokens),
    }
