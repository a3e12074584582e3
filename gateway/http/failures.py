"""Every exception that can reach a caller, as a problem."""

import logging
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from litestar.types import ExceptionHandlersMap

from gateway.errors import CommitUnknown, LedgerUnavailable
from gateway.http.body import ClientGone
from gateway.http.exchange import exchange_of
from gateway.http.middleware import CLIENT_GONE
from gateway.http.problems import MEDIA_TYPE, Problem, Refusal

LEDGER_RETRY_SECONDS = 5

_logger = logging.getLogger(__name__)

_Request = Request[Any, Any, Any]


def answer_problem(request: _Request, problem: Problem) -> Response[bytes]:
    """The problem, as it is."""
    exchange_of(request.scope).problem = problem.refusal.code
    return Response(problem.body(), status_code=problem.refusal.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _unrouted(request: _Request, _error: NotFoundException) -> Response[bytes]:
    return answer_problem(request, Problem(Refusal.NOT_FOUND, "There is nothing at this path."))


def _wrong_method(request: _Request, error: MethodNotAllowedException) -> Response[bytes]:
    allowed = (error.headers or {})["allow"]
    return answer_problem(request, Problem(Refusal.METHOD_NOT_ALLOWED, "See Allow.", headers={"Allow": allowed}))


def _refused_by_litestar(request: _Request, _error: HTTPException) -> Response[bytes]:
    """What is left are requests that no route saw, such as one with an impossible Host header."""
    return answer_problem(request, Problem(Refusal.MALFORMED_REQUEST))


def _ledger_unavailable(request: _Request, error: LedgerUnavailable) -> Response[bytes]:
    _logger.warning("the ledger is unavailable: %s", error, extra=_ids(request))
    return answer_problem(request, _try_again(Refusal.LEDGER_UNAVAILABLE, "Nothing was written, nothing was sent."))


def _commit_unknown(request: _Request, error: CommitUnknown) -> Response[bytes]:
    _logger.warning("it is not known whether a request was accepted: %s", error, extra=_ids(request))
    detail = "Send it again with the same Idempotency-Key: then it is done once, whether or not it was accepted now."
    return answer_problem(request, _try_again(Refusal.ACCEPTANCE_UNKNOWN, detail))


def _try_again(refusal: Refusal, detail: str) -> Problem:
    return Problem(refusal, detail, headers={"Retry-After": str(LEDGER_RETRY_SECONDS)})


def _ids(request: _Request) -> dict[str, str]:
    return exchange_of(request.scope).ids


def _gone(_request: _Request, _error: ClientGone) -> Response[bytes]:
    return Response(b"", status_code=CLIENT_GONE)


def _internal(request: _Request, error: Exception) -> Response[bytes]:
    _logger.error("a request failed", exc_info=error, extra=_ids(request))
    return answer_problem(request, Problem(Refusal.INTERNAL_ERROR))


HANDLERS: ExceptionHandlersMap = {
    Problem: answer_problem,
    NotFoundException: _unrouted,
    MethodNotAllowedException: _wrong_method,
    HTTPException: _refused_by_litestar,
    LedgerUnavailable: _ledger_unavailable,
    CommitUnknown: _commit_unknown,
    ClientGone: _gone,
    Exception: _internal,
}
