"""What differs between the configuration in force and another that is to take its place. Pure."""

from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct, structs

from gateway.config.settings import BackendSettings, Credential, Limits, Settings
from gateway.errors import Fault

PROCESS_SECTIONS = ("server", "store", "audit")
"""What a process is made with, and keeps to its end."""

OWN_SECTIONS = ("retry", "circuit")
NAMED_SECTIONS = ("issuers", "callers", "credentials", "limits", "backends", "tenants")


class Changes(Struct, frozen=True):
    """From one configuration to another. Paths are as in the file: `retry.max_attempts`, `callers.ui`.

    `settings`: the other one, with what needs a restart as it was. `gone`: backends, as they were, whose upstream is
    not configured under their name any more.
    """

    settings: Settings
    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]
    gone: tuple[BackendSettings, ...]


def changes(old: Settings, new: Settings) -> Changes:
    """What differs in `new`."""
    return Changes(
        settings=structs.replace(new, server=old.server, store=old.store, audit=old.audit),
        changed=(*_keys(old, new, OWN_SECTIONS), *_names(old, new)),
        needs_restart=tuple(_keys(old, new, PROCESS_SECTIONS)),
        gone=tuple(backend for backend in old.backends.values() if _upstream(new, backend.name) != backend.upstream),
    )


def refusals(found: Changes, unended: Collection[tuple[str, str]]) -> tuple[Fault, ...]:
    """What forbids the changes: backends that are gone, and whose (name, upstream) has `unended` work."""
    kept = [backend for backend in found.gone if (backend.name, backend.upstream) in unended]
    return tuple(_refusal(was, found.settings.backends.get(was.name)) for was in kept)


def _refusal(was: BackendSettings, now: BackendSettings | None) -> Fault:
    path, until = f"backends.{was.name}", "while it has cases that have not ended; wait for them, or cancel them"
    if now is None:
        return Fault(path, f"not removed {until}")
    key = next(key for key in ("system", "base_url", "country") if getattr(was, key) != getattr(now, key))
    return Fault(f"{path}.{key}", f"not changed {until}")


def _upstream(settings: Settings, backend: str) -> str | None:
    found = settings.backends.get(backend)
    return found.upstream if found else None


def _keys(old: Settings, new: Settings, sections: Collection[str]) -> Iterator[str]:
    for section in sections:
        was, now = getattr(old, section), getattr(new, section)
        for key in structs.fields(was):
            if getattr(was, key.name) != getattr(now, key.name):
                yield f"{section}.{'auth' if key.name == 'authenticate' else key.name}"


def _names(old: Settings, new: Settings) -> Iterator[str]:
    for section in NAMED_SECTIONS:
        was, now = _own(getattr(old, section)), _own(getattr(new, section))
        yield from (f"{section}.{name}" for name in {**was, **now} if was.get(name) != now.get(name))


def _own(named: Mapping[str, Struct]) -> dict[str, Struct]:
    """Of a backend, what stands in its own section: of its credential and its limits that is only the name."""
    return {name: _bare(value) if isinstance(value, BackendSettings) else value for name, value in named.items()}


def _bare(backend: BackendSettings) -> BackendSettings:
    names = {"credential": Credential(backend.credential.name, ""), "limits": Limits(backend.limits.name)}
    return structs.replace(backend, **names)
