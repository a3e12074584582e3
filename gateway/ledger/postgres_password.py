"""The database's password, read anew for each connection: a rotated one is picked up without a restart."""

import os
from collections.abc import Callable
from pathlib import Path

import psycopg

from gateway.config.settings import Secret

Password = Callable[[], str | None]
"""Null: libpq finds one by itself, or none is needed. Raises psycopg.Error."""


def no_password() -> str | None:
    """What a ledger has whose configuration names no password."""
    return None


def password_of(secret: Secret | None) -> Password:
    """The password that `secret` points to; one that cannot be read counts as a server that refuses, for now."""
    if secret is None:
        return no_password
    place = secret
    return lambda: _in_file(place.file) if place.file else _in_environment(place.env or "")


def _in_file(path: Path) -> str:
    try:
        return _usable(path.read_text(encoding="utf-8"), "store.password_file")
    except OSError as error:
        message = f"store.password_file cannot be read ({error.strerror})"
        raise psycopg.OperationalError(message) from error
    except UnicodeDecodeError:
        # Not chained: the error holds the bytes, which are the secret.
        message = "store.password_file is not UTF-8"
        raise psycopg.OperationalError(message) from None


def _in_environment(variable: str) -> str:
    return _usable(os.environ.get(variable, ""), "store.password_env")


def _usable(text: str, name: str) -> str:
    password = text.rstrip("\r\n")
    if not password:
        message = f"{name} holds nothing"
        raise psycopg.OperationalError(message)
    return password
