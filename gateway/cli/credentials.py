"""Who calls, as the command line shows it to a gateway: an API key or a token, never from its own arguments."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

API_KEY, TOKEN = "GATEWAY_API_KEY", "GATEWAY_TOKEN"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""RFC 6750 section 2.1."""

Credential = Callable[[], dict[str, str]]
"""The header fields that say who calls, read anew each time: files are rotated. Raises UsageError: unusable."""


def credential(api_key_file: Path | None, token_file: Path | None) -> Credential:
    """What a file holds, else one of the environment's variables, else nothing. Raises UsageError: two are given."""
    if api_key_file and token_file:
        raise click.UsageError("--api-key-file and --token-file exclude each other")
    if api_key_file:
        return partial(_api_key, partial(_in_file, api_key_file), f"the API key file {api_key_file}")
    if token_file:
        return partial(_token, partial(_in_file, token_file), f"the token file {token_file}")
    return _in_environment()


def _in_environment() -> Credential:
    given = [name for name in (API_KEY, TOKEN) if os.environ.get(name, "").strip()]
    match given:
        case []:
            return dict
        case [name]:
            shown = _api_key if name == API_KEY else _token
            return partial(shown, partial(os.environ.__getitem__, name), f"the variable {name}")
        case _:
            raise click.UsageError(f"{API_KEY} and {TOKEN} exclude each other: unset one, or name a file")


def _api_key(read: Callable[[], str], place: str) -> dict[str, str]:
    return {"X-API-Key": _usable(read(), _KEY, place)}


def _token(read: Callable[[], str], place: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {_usable(read(), _BEARER, place)}"}


def _in_file(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}") from error


def _usable(text: str, form: re.Pattern[str], place: str) -> str:
    found = text.strip()
    if not form.fullmatch(found):
        raise click.UsageError(f"{place} holds {'characters that do not belong there' if found else 'nothing'}")
    return found
