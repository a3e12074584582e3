"""Probes and metrics: without authentication, and without a call to any upstream."""

from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from gateway.http.answers import OK, UNAVAILABLE, answer_json
from gateway.http.parts import Parts


class Health(Struct, frozen=True):
    """`status` is `ok`, or `not_ready` for the `reasons` given."""

    status: str
    reasons: tuple[str, ...] = ()


class Probes:
    """What a platform asks of this process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def routes(self) -> list[HTTPRouteHandler]:
        """One handler a call."""
        return [get("/livez")(self.livez), get("/readyz")(self.readyz), get("/metrics")(self.metrics)]

    async def livez(self) -> Response[bytes]:
        """The event loop turns: that is all."""
        return answer_json(Health("ok"))

    async def readyz(self) -> Response[bytes]:
        """Whether requests should be sent here."""
        reasons = (*self._parts.readiness(), *(("draining",) if self._parts.drain.begun else ()))
        return answer_json(Health("not_ready", reasons), UNAVAILABLE) if reasons else answer_json(Health("ok"), OK)

    async def metrics(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """The metrics, in the format that the Accept header asks for."""
        content_type, body = self._parts.render_metrics(request.headers.get("accept"))
        return Response(body, headers={"Content-Type": content_type})
