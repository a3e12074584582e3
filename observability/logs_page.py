"""`docs/logs.md`, from the events as they are logged, and from the calls of loggers in the code."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from gateway.telemetry.log_levels import NAMES, SAID, Said

GATEWAY = Path(__file__).parents[1] / "gateway"
HEAD = """\
# Logs

Made by `make observability` from the code that logs; do not edit.

One line an event, on standard output. `server.log_format` chooses the form: `json`, or `text` for a person to read;
`auto`, the default, is text where standard output is a terminal, and JSON everywhere else. `server.log_level` is the
least level that is logged, `info` by default. Both take effect at the next start.

```json
{"call_id":"01a2...","operation_id":"01a2...","backend":"hub-dk","call":"deleteCase","purpose":"execute","outcome":"200",...,
 "event":"call_ended","level":"info","timestamp":"2026-11-26T11:20:48.000000Z"}
```

## From a request to its calls, and back

| id | what it is | where else it stands |
| --- | --- | --- |
| `request_id` | the caller's `X-Request-Id`, or one made for it | the answer, and every upstream call |
| `operation_id` | the operation that the request made, or was about | the envelope, its URLs, its receipt |
| `position` | a case's place in its request, from 0 | `results[position]` of the operation |
| `call_id` | one upstream call | `gateway.call_id` of its spans |
| `deletion_id` | the `requestId` of the deletion that a call was for | `results[].requestId`, and what Hub was sent |
| `trace_parent` | the trace of a request or a call | the answer's `traceparent`; that of the upstream call; exemplars |

Every line of work for a case has `operation_id` and the `request_id` of the request that asked for it, however much
later that work is done and by whichever replica. So `request_id` alone finds all of it, and, since every upstream call
has it as `X-Request-Id`, what the upstream logged of it too. The `http_answered` of a later cancel, retry or copy has
an id of its own, and the same `operation_id`.

Case numbers, tokens, items and their ids, secrets, and what upstreams answer are never logged. They are in the ledger
alone: an operation and a position lead there. Names of the configuration (tenant, backend, caller) are logged.

## Events

| event | level | fields | meaning |
| --- | --- | --- | --- |
"""
OTHERS = """
## Other lines

`logger` names the module. They have `request_id`, `operation_id` and `call_id` where there are any, and `exception`
where there was one: frames and classes, without the texts of foreign exceptions, which may hold anything.

| level | logger | message |
| --- | --- | --- |
"""
TAIL = """
Libraries are heard from `warning` on, whatever `server.log_level` says.
"""


def logs_page() -> str:
    """The page as text."""
    return HEAD + "\n".join(_events()) + "\n" + OTHERS + "\n".join(sorted(_messages())) + "\n" + TAIL


def _events() -> Iterator[str]:
    for event, said in SAID.items():
        fields = ", ".join(f"`{field.name}`" for field in structs.fields(event))
        meaning = " ".join((event.__doc__ or "").split())
        yield f"| `{NAMES[event]}` | {_level(said)} | {fields} | {meaning} |"


def _level(said: Said) -> str:
    return "; ".join([_word(said.level), *(f"{_word(but.level)} if {but.words}" for but in said.but)])


def _word(level: int) -> str:
    return logging.getLevelName(level).lower()


def _messages() -> Iterator[str]:
    """What is said through the standard library's loggers; a message is a text that stands in the code."""
    for path in sorted(GATEWAY.rglob("*.py")):
        logger = ".".join(path.relative_to(GATEWAY.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("_logger"), attr=level), args=[ast.Constant(str(message)), *_]
                ):
                    yield f"| {'error' if level == 'exception' else level} | `{logger}` | {message} |"
