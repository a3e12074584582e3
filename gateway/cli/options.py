"""Options that several commands share, and what they are turned into."""

import functools
import json
import re
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click
from msgspec import Struct

from gateway.cli.client import GatewayClient, Refused
from gateway.cli.credentials import API_KEY, TOKEN, credential
from gateway.cli.render import print_json

P = ParamSpec("P")
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,255}")


class Session(Struct, frozen=True):
    """The gateway to talk to, and how to print what it says."""

    client: GatewayClient
    as_json: bool


class Waiting(Struct, frozen=True):
    """How long to follow an operation: `seconds` null is until it ends; `asynchronous` does not follow it at all."""

    seconds: float | None
    asynchronous: bool


def talks_to_gateway(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Give a command `--url`, `--api-key-file`, `--token-file`, `--json`, and call it with the session they make."""

    @click.option(
        "--url",
        envvar="GATEWAY_URL",
        default="http://127.0.0.1:8080",
        show_default=True,
        show_envvar=True,
        help="Where the gateway answers.",
    )
    @click.option(
        "--api-key-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"A file that holds the API key; left out, the variable {API_KEY} is used.",
    )
    @click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help=f"In its place: a file that holds a token, read anew for each request; left out, the variable {TOKEN}.",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print the gateway's answer as JSON.")
    @functools.wraps(function)
    def command(
        url: str, api_key_file: Path | None, token_file: Path | None, as_json: bool, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        shown = credential(api_key_file, token_file)
        shown()  # what cannot be used is said before anything else
        with GatewayClient(url, shown) as client:
            try:
                function(Session(client, as_json), *args, **kwargs)
            except Refused as refused:
                if not as_json:
                    raise
                print_json(refused.problem)
                raise SystemExit(refused.exit_code) from refused

    return command


def waits(function: Callable[P, None]) -> Callable[..., None]:
    """Give a command `--wait` and `--async`, and call it with the `waiting` they make."""

    @click.option(
        "--wait",
        "wait_seconds",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Stop following after this long; the operation goes on. Left out: follow it to its end.",
    )
    @click.option("--async", "asynchronous", is_flag=True, help="Return as soon as the operation is accepted.")
    @functools.wraps(function)
    def command(wait_seconds: float | None, asynchronous: bool, *args: P.args, **kwargs: P.kwargs) -> None:
        if asynchronous and wait_seconds is not None:
            raise click.UsageError("--wait and --async exclude each other")
        kwargs["waiting"] = Waiting(wait_seconds, asynchronous)
        function(*args, **kwargs)

    return command


def submits(function: Callable[P, None]) -> Callable[..., None]:
    """Give a command the options of every request that makes an operation."""
    tenant = click.option("--tenant", required=True, help="The tenant whose cases these are.")
    mode = click.option(
        "--execute/--dry-run",
        default=None,
        callback=_mode,
        help="Act, which cannot be undone; or only say whether it would work. One of the two must be given.",
    )
    key = click.option(
        "--idempotency-key",
        callback=_idempotency_key,
        help="Repeating with the same key is safe: it is the same operation. Left out, one is made and printed.",
    )
    return tenant(mode(key(waits(function))))


def from_file(help_text: str) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Give a command `--from-file`, whose content (null if not given) arrives as `from_file`."""
    return click.option("--from-file", callback=_content, metavar="FILE", help=help_text)


def cases_from_json(text: str) -> list[Any]:
    """The cases of a file: a JSON array, each case as the API takes it. Raises UsageError."""
    try:
        cases = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--from-file: not a JSON array: {error}") from error
    if not isinstance(cases, list):
        raise click.UsageError("--from-file: expected a JSON array of cases")
    return cases


def _content(_context: click.Context, _parameter: click.Parameter, name: str | None) -> str | None:
    if name is None:
        return None
    try:
        data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise click.BadParameter(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{name} is not UTF-8 text") from error


def _mode(_context: click.Context, _parameter: click.Parameter, value: bool | None) -> bool:
    # Not `required=True`: its message would name --execute alone, and nothing irreversible is to be suggested.
    if value is None:
        raise click.UsageError("say --dry-run, or --execute, which cannot be undone")
    return value


def _idempotency_key(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    if value is None:
        return f"gateway-cli-{uuid.uuid4()}"
    if not VISIBLE_ASCII.fullmatch(value):
        raise click.BadParameter("expected 1 to 255 visible ASCII characters, without spaces")
    return value
