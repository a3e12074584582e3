"""A check of our own: a request that the document allows is refused for nothing but what no schema can say."""

from typing import Any

import schemathesis  # type: ignore[import-not-found]  # of an environment of its own, `make tools`

BEYOND_SCHEMAS = {"idempotency_key_reused"}
"""A key that came with another request before."""
OPAQUE = {"?cursor"}
"""Made by the gateway, so that no pattern tells a good one."""
TWICE = "The same case stands earlier"
"""One case, asked for twice with different items or request ids."""


@schemathesis.check  # type: ignore[untyped-decorator]  # see above
def refused_for_what_no_schema_says(_context: object, response: Any, case: Any) -> None:  # noqa: ANN401 - its values
    """Fails on 400, 413, 415 and 422 to a valid request, unless the problem is one of those above."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if response.status_code not in {400, 405, 413, 415, 422} or "problem" not in response.headers["content-type"][0]:
        return
    problem = response.json()
    pointers = {each["pointer"] for each in problem["errors"]}
    if problem["code"] in BEYOND_SCHEMAS or (pointers and pointers <= OPAQUE) or TWICE in problem["detail"]:
        return
    message = f"a request that the document allows was refused: {problem['code']}, {problem['detail']}"
    raise AssertionError(message)
