"""What people and tests steer the sandbox with: history, switches, cases, certificates, tokens, reset."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec

from gateway.sandbox.certificates import BadCertificate
from gateway.sandbox.front_page import front_page
from gateway.sandbox.http import Request
from gateway.sandbox.replies import Reply, json_reply, text_reply
from gateway.sandbox.seeding import BadSeed, plant
from gateway.sandbox.state import State
from gateway.sandbox.switches import UnknownSwitch

PAGE_LIMIT = 10_000


class BadQuestion(ValueError):
    """A query parameter that cannot be read."""


class Control:
    """The sandbox's own paths."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._routes: dict[str, dict[str, Callable[[Request], Reply]]] = {
            "/": {"GET": lambda _: text_reply(200, front_page())},
            "/healthz": {"GET": lambda _: json_reply(200, {"status": "ok"})},
            "/history": {"GET": self._history, "DELETE": self._clear_history},
            "/history/summary": {"GET": lambda _: json_reply(200, self._state.history.summary())},
            "/switches": {"GET": lambda _: self._switches(), "PUT": self._switch, "PATCH": self._switch},
            "/cases": {"POST": self._plant},
            "/certificates": {"GET": self._certificates, "POST": self._register, "DELETE": self._unregister},
            "/tokens/revoke": {"POST": lambda _: json_reply(200, {"revoked": self._state.tokens.revoke_all()})},
            "/reset": {"POST": self._reset},
        }

    def answer(self, request: Request) -> Reply | None:
        """The answer, or None for a path that is not one of these."""
        methods = self._routes.get(request.path)
        if methods is None:
            return None
        handler = methods.get(request.method)
        if handler is None:
            return not_allowed(*methods)
        try:
            return handler(request)
        except (BadQuestion, BadSeed, BadCertificate, UnknownSwitch) as error:
            return json_reply(400, {"error": str(error)})

    def _history(self, request: Request) -> Reply:
        asked = _query(request, "since", "system", "case", "limit")
        since, limit = _whole(asked, "since", 0), _whole(asked, "limit", PAGE_LIMIT)
        items = self._state.history.page(since, asked.get("system"), asked.get("case"), min(limit, PAGE_LIMIT))
        next_since = items[-1]["number"] if items else since
        return json_reply(200, {"items": items, "next": next_since, "last": self._state.history.last})

    def _clear_history(self, _: Request) -> Reply:
        self._state.history.clear()
        return Reply(204)

    def _switches(self) -> Reply:
        return json_reply(200, self._state.board.now)

    def _switch(self, request: Request) -> Reply:
        try:
            changes = msgspec.json.decode(request.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UnknownSwitch(str(error)) from error
        self._state.switch(changes)
        return self._switches()

    def _plant(self, request: Request) -> Reply:
        count = plant(request.body, self._state.scalepoint_cases, self._state.ecm_cases)
        return json_reply(200, {"seeded": count})

    def _certificates(self, _: Request) -> Reply:
        return json_reply(200, {"thumbprints": self._state.certificates.names()})

    def _register(self, request: Request) -> Reply:
        return json_reply(200, {"thumbprint": self._state.certificates.register(request.body)})

    def _unregister(self, request: Request) -> Reply:
        name = _query(request, "thumbprint").get("thumbprint", "")
        if self._state.certificates.remove(name):
            return Reply(204)
        return json_reply(404, {"error": "no certificate with this thumbprint is registered"})

    def _reset(self, _: Request) -> Reply:
        self._state.reset()
        return Reply(204)


def not_allowed(*methods: str) -> Reply:
    """405 (RFC 9110 15.5.6)."""
    allow = ((b"allow", ", ".join(methods).encode()),)
    return json_reply(405, {"error": "this path does not have that method"}, allow)


def _query(request: Request, *known: str) -> dict[str, str]:
    try:
        asked = parse_qs(request.query, keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise BadQuestion(str(error)) from error
    unknown = set(asked) - set(known)
    if unknown:
        message = f"unknown parameter {min(unknown)!r}; known: {', '.join(known)}"
        raise BadQuestion(message)
    return {name: values[-1] for name, values in asked.items()}


def _whole(asked: dict[str, str], name: str, otherwise: int) -> int:
    text = asked.get(name)
    if text is None:
        return otherwise
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):  # noqa: PLR2004 - fits any counter
        message = f"{name}: expected a whole number, got {text!r}"
        raise BadQuestion(message)
    return int(text)
