"""Where secrets are kept, and whether something usable is kept there. No secret, nor what might be one, is shown."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

from gateway.config.section import Section
from gateway.config.settings import Secret
from gateway.config.tree import Tree
from gateway.config.values import Unfit, environment_name, text

MAX_FILE_BYTES = 65_536


class Origin(Struct, frozen=True):
    """What values in the file lean on: the folder that relative paths start from, and the environment."""

    folder: Path
    environ: Mapping[str, str]


def secret(section: Section, key: str, origin: Origin) -> Secret | None:
    """The secret that `<key>_file` or `<key>_env` points to, one of which must be given; null where neither fits.

    It is read once, to find out at start what would fail at the first call. Only its place is kept.
    """
    in_file, in_environment = f"{key}_file" in section, f"{key}_env" in section
    if in_file == in_environment:
        if not section.gives(key):  # in the clear, which is reported as that
            section.fault(f"{key}_file", f"give {key}_file or {key}_env{', not both' if in_file else ''}")
        return None
    if in_file:
        place = section.get(f"{key}_file", secret_file(origin), None)
        return Secret(file=place) if place else None
    variable = section.get(f"{key}_env", _checked_variable(origin), None)
    return Secret(env=variable) if variable else None


def refuse_in_the_clear(section: Section, key: str, instead: str) -> None:
    """Report a secret that stands in the file itself."""
    section.refuse(key, f"a secret does not belong in this file: give {instead}")


def path(origin: Origin, tree: Tree) -> Path:
    """A path, made absolute. What is none is not shown: a key or a password may have been put there by mistake."""
    try:
        return origin.folder / text(tree)
    except Unfit as unfit:
        raise Unfit("expected the path of a file") from unfit


def file(origin: Origin) -> Callable[[Tree], Path]:
    """A file that exists and can be read; relative to the configuration's folder, made absolute."""

    def parse(tree: Tree) -> Path:
        found = path(origin, tree)
        content(found)
        return found

    return parse


def secret_file(origin: Origin) -> Callable[[Tree], Path | None]:
    """A file that holds a secret: one line, not empty. Only its place is kept."""

    def parse(tree: Tree) -> Path:
        found = path(origin, tree)
        _check(text_in_file(found), str(found))
        return found

    return parse


def content(place: Path) -> bytes:
    """What the file at `place` holds. Raises Unfit: it cannot be read, or is larger than a secret or a key can be."""
    try:
        if place.exists() and not place.is_file():
            raise Unfit(f"{place} is not a file")
        with place.open("rb") as opened:
            found = opened.read(MAX_FILE_BYTES + 1)
    except OSError as cause:
        raise Unfit(f"{place} cannot be read: {os.strerror(cause.errno or 0)}") from cause
    if len(found) > MAX_FILE_BYTES:
        raise Unfit(f"{place} is larger than {MAX_FILE_BYTES:,} bytes")
    return found


def text_in_file(place: Path) -> str:
    """The text of the file at `place`, without the line end that editors add. Raises Unfit: unreadable, not UTF-8."""
    found = content(place)
    try:
        return found.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # Not chained: the error holds the bytes, which may be the secret.
        raise Unfit(f"{place} is not UTF-8") from None


def text_in_environment(origin: Origin, variable: str) -> str:
    """The value of an environment variable, without a line end. Raises Unfit: it is not set."""
    if variable not in origin.environ:
        raise Unfit(f"the environment variable {variable} is not set")
    return origin.environ[variable].rstrip("\r\n")


def _checked_variable(origin: Origin) -> Callable[[Tree], str | None]:
    def parse(tree: Tree) -> str:
        variable = environment_name(tree)
        _check(text_in_environment(origin, variable), f"the environment variable {variable}")
        return variable

    return parse


def _check(found: str, place: str) -> None:
    if not found:
        raise Unfit(f"{place} is empty")
    if not found.isprintable():
        raise Unfit(f"{place} holds more than one line, or control characters")
