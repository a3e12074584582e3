"""Scalepoint's token endpoint: OAuth 2.0 client credentials (RFC 6749 4.4) for the scope ``case:delete``."""

import base64
import binascii
import hmac
from urllib.parse import parse_qsl, unquote_plus

from gateway.sandbox.assertions import Assertions, RefusedAssertion
from gateway.sandbox.clock import Clock
from gateway.sandbox.history import Entry
from gateway.sandbox.http import Request
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.replies import Reply, json_reply, text_reply
from gateway.sandbox.spoil import pause, refusal_status, spoil
from gateway.sandbox.switches import SwitchBoard
from gateway.sandbox.tokens import Tokens

SCOPE = "case:delete"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_STORE = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class OAuthError(Exception):
    """An error of RFC 6749 5.2; ``violation`` is its word in the history."""

    def __init__(self, code: str, detail: str, violation: str | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.violation = violation or code


class TokenEndpoint:
    """``POST /connect/token``."""

    def __init__(
        self, options: SandboxOptions, board: SwitchBoard, clock: Clock, assertions: Assertions, tokens: Tokens
    ) -> None:
        self._options = options
        self._board = board
        self._clock = clock
        self._assertions = assertions
        self._tokens = tokens

    async def answer(self, request: Request, entry: Entry) -> Reply:
        """A token, or an error of RFC 6749 5.2."""
        switches = self._board.now.token
        spell = self._board.take_fault("token")
        await pause(switches.latency_seconds, spell)
        if switches.down:
            return text_reply(503, "The token endpoint is down (switch token.down).")
        status = refusal_status(spell)
        if status is not None:
            return json_reply(status, {"error": "temporarily_unavailable"}, NO_STORE)
        reply = (
            self._issue(request, entry) if spell is None or spell.acts else json_reply(500, {"error": "server_error"})
        )
        return reply if spell is None else await spoil(spell, reply, request)

    def _issue(self, request: Request, entry: Entry) -> Reply:
        try:
            form = _form(request)
            self._authenticate(request, form)
            _check_grant(form)
        except OAuthError as error:
            entry.violate(error.violation)
            return _refused(error, basic="authorization" in request.headers)
        lifetime_seconds = self._board.now.token.lifetime_seconds
        entry.done = "token_issued"
        token = self._tokens.issue(self._clock.now(), lifetime_seconds)
        answer = {"access_token": token, "expires_in": lifetime_seconds, "token_type": "Bearer", "scope": SCOPE}
        return json_reply(200, answer, NO_STORE)

    def _authenticate(self, request: Request, form: dict[str, str]) -> None:
        basic = request.headers.get("authorization")
        ways = [basic is not None, "client_secret" in form, "client_assertion" in form]
        if sum(ways) > 1:
            raise OAuthError("invalid_request", "more than one way of client authentication")
        if "client_assertion" in form:
            self._check_assertion(request, form)
        elif basic is not None:
            self._check_secret(*_basic(basic))
        else:
            self._check_secret(form.get("client_id", ""), form.get("client_secret", ""))

    def _check_assertion(self, request: Request, form: dict[str, str]) -> None:
        if form.get("client_assertion_type") != JWT_BEARER:
            raise OAuthError("invalid_request", f"client_assertion_type must be {JWT_BEARER}")
        if form.get("client_id", self._options.client_id) != self._options.client_id:
            raise OAuthError("invalid_client", "client_id is not the assertion's", "wrong_client")
        audiences = self._options.audiences or (f"http://{request.headers.get('host', '')}{request.path}",)
        try:
            self._assertions.verify(form["client_assertion"], audiences, self._clock.now())
        except RefusedAssertion as error:
            raise OAuthError("invalid_client", str(error), error.violation) from error

    def _check_secret(self, client_id: str, secret: str) -> None:
        expected = self._options.client_secret
        same_id = hmac.compare_digest(client_id.encode(), self._options.client_id.encode())
        if expected is None or not same_id or not hmac.compare_digest(secret.encode(), expected.encode()):
            raise OAuthError("invalid_client", "unknown client, or wrong secret")


def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/x-www-form-urlencoded":
        raise OAuthError("invalid_request", "the content type must be application/x-www-form-urlencoded")
    try:
        fields = parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as error:
        raise OAuthError("invalid_request", "the form cannot be read") from error
    form = dict(fields)
    if len(form) != len(fields):
        raise OAuthError("invalid_request", "a parameter is there twice")
    return form


def _check_grant(form: dict[str, str]) -> None:
    grant = form.get("grant_type")
    if grant is None:
        raise OAuthError("invalid_request", "grant_type is missing")
    if grant != "client_credentials":
        raise OAuthError("unsupported_grant_type", "grant_type must be client_credentials")
    if SCOPE not in form.get("scope", "").split():
        raise OAuthError("invalid_scope", f"scope must contain {SCOPE}")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (ValueError, binascii.Error) as error:
        raise OAuthError("invalid_client", "the Authorization header cannot be read") from error
    if scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "the Authorization header is not HTTP basic")
    return unquote_plus(user), unquote_plus(secret)


def _refused(error: OAuthError, *, basic: bool) -> Reply:
    status = 401 if error.code == "invalid_client" else 400
    challenge = ((b"www-authenticate", b'Basic realm="sandbox"'),) if status == 401 and basic else ()  # noqa: PLR2004
    return json_reply(status, {"error": error.code, "error_description": str(error)}, NO_STORE + challenge)
