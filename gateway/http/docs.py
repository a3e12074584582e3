"""The API's own description: `/openapi.json` for machines, `/docs` for people."""

from base64 import b64encode
from functools import cached_property
from hashlib import sha256

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from gateway.http.answers import MEDIA_TYPE
from gateway.http.docs_page import page
from gateway.http.docs_style import STYLE
from gateway.http.openapi import document

STYLE_DIGEST = b64encode(sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""Nothing is loaded from anywhere, and nothing runs: the page has no script."""


class Docs:
    """Both are made when they are first asked for."""

    def routes(self) -> list[HTTPRouteHandler]:
        """One handler a call."""
        return [get("/openapi.json")(self.openapi), get("/docs")(self.docs)]

    async def openapi(self) -> Response[bytes]:
        """The document, as JSON."""
        return Response(self._json, media_type=MEDIA_TYPE)

    async def docs(self) -> Response[bytes]:
        """The document, as a page."""
        return Response(self._page, media_type="text/html", headers={"Content-Security-Policy": POLICY})

    @cached_property
    def _json(self) -> bytes:
        return msgspec.json.encode(document())

    @cached_property
    def _page(self) -> bytes:
        return page(document()).encode("utf-8")
