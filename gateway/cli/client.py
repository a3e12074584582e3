"""The gateway's API as its own command line uses it: one request, one reply, every failure in words."""

import json
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import click
import httpx2
from msgspec import Struct

from gateway.cli.credentials import Credential

GRACE_SECONDS = 30.0
"""How much longer than the wait it asked for a request may take."""
CLIENT_ERRORS = range(400, 500)
TOO_MANY_REQUESTS = 429
NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.UnsupportedProtocol, httpx2.InvalidURL)


class Failure(click.ClickException):
    """A request that came to nothing; notes added to it are printed below its message."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the message and the notes on standard error."""
        super().show(file)
        for note in getattr(self, "__notes__", []):
            click.echo(note, file=file, err=True)


class Unreachable(Failure):
    """The gateway did not answer. `sent`: the request may have reached it all the same."""

    exit_code = 2

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Refused(Failure):
    """The gateway answered with a problem (RFC 9457), and will again until the request changes."""

    exit_code = 2

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(problem_text(status, problem))
        self.problem = problem

    @property
    def code(self) -> str:
        """The problem's own code, such as `outside_opening_hours`."""
        return str(self.problem.get("code", ""))


class RefusedForNow(Refused):
    """The gateway answered with a problem that may pass: the same request can be made again later."""

    exit_code = 1


def problem_text(status: int, problem: dict[str, Any]) -> str:
    """A problem in readable lines: its status and code, its detail, and each place it names."""
    head = f"{status} {problem.get('code', '')}".strip()
    lines = [f"{head}: {problem.get('detail') or problem.get('title') or 'no reason given'}"]
    lines += [f"  {error.get('pointer', '')}: {error.get('detail', '')}" for error in problem.get("errors") or []]
    return "\n".join(lines)


class Reply(Struct, frozen=True):
    """An answer that is no problem: an envelope, or a page of a list."""

    status: int
    body: dict[str, Any]
    retry_after_seconds: float | None = None


class GatewayClient:
    """Talks to one gateway. No redirects, no proxies, no resending: what is sent twice is the caller's choice."""

    def __init__(self, url: str, credential: Credential) -> None:
        """`url` is the gateway's base, such as `http://127.0.0.1:8080`; `credential` goes with each request."""
        self.url = url.rstrip("/")
        self._credential = credential
        self._http = httpx2.Client(trust_env=False)

    def get(self, path: str, params: dict[str, str] | None = None) -> Reply:
        """Read `path`. Raises Unreachable, Refused."""
        return self._exchange(self._http.build_request("GET", self.url + path, params=params), 0.0)

    def post(
        self, path: str, body: dict[str, Any] | None, headers: dict[str, str], *, wait_seconds: float = 0.0
    ) -> Reply:
        """Send `body` as JSON (null: none) to `path`, which may hold the answer back `wait_seconds`.

        Raises Unreachable, Refused.
        """
        content = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        if content is not None:
            headers = {"Content-Type": "application/json", **headers}
        request = self._http.build_request("POST", self.url + path, content=content, headers=headers)
        return self._exchange(request, wait_seconds)

    def _exchange(self, request: httpx2.Request, wait_seconds: float) -> Reply:
        limit = wait_seconds + GRACE_SECONDS
        request.extensions["timeout"] = {"connect": 10.0, "read": limit, "write": limit, "pool": limit}
        try:
            request.headers.update(self._credential())
            response = self._http.send(request)
        except click.UsageError as error:
            raise Unreachable(error.message, sent=False) from error
        except NOT_SENT as error:
            raise Unreachable(f"cannot reach the gateway at {self.url}: {error}", sent=False) from error
        except httpx2.TransportError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"the gateway at {self.url} did not answer: {reason}", sent=True) from error
        return _reply(response, self.url)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


def _reply(response: httpx2.Response, url: str) -> Reply:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        text = f"what answers at {url} is no gateway: status {response.status_code} without a JSON object"
        raise Unreachable(text, sent=True)
    if response.headers.get("content-type", "").startswith("application/problem+json"):
        passing = response.status_code == TOO_MANY_REQUESTS or response.status_code not in CLIENT_ERRORS
        raise (RefusedForNow if passing else Refused)(response.status_code, body)
    return Reply(response.status_code, body, _seconds(response.headers.get("retry-after")))


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdecimal() else None


def tenant_path(tenant: str, collection: str) -> str:
    """The path of a tenant's `collection`, such as `case-deletions`."""
    return f"/v1/tenants/{quote(tenant, safe='')}/{collection}"


def operation_path(operation_id: str, part: str = "") -> str:
    """The path of an operation, or of a `part` of it, such as `/results`."""
    return f"/v1/operations/{quote(operation_id, safe='')}{part}"
