"""`backends`: the upstreams, how they are reached, and when they are open."""

from collections.abc import Mapping
from datetime import date, datetime, time

from msgspec import structs

from gateway.config.limits import Pace, complete, read_paces
from gateway.config.process import DAY_SECONDS
from gateway.config.secret_places import Origin
from gateway.config.section import Section
from gateway.config.settings import BackendSettings, Credential, Limits
from gateway.config.tls_files import ca_file, read_pair
from gateway.config.urls import base_url
from gateway.config.values import known, member, over_zero, path_word, time_of_day, timezone, whole
from gateway.model.hours import Hours
from gateway.model.kinds import System

SCALEPOINT_HOURS = Hours(time(16), time(8))
DOCUMENTED_HOURS = {System.HUB_PROPERTY: SCALEPOINT_HOURS, System.CLAIMSHOP: SCALEPOINT_HOURS, System.ORACLE_ECM: None}
_DEFAULT = BackendSettings("", System.ORACLE_ECM, "", Credential("", "none"), Limits(""))
_MAX_SECONDS = 3_600
_SCALEPOINT = (System.HUB_PROPERTY, System.CLAIMSHOP)
_SYSTEMS_OF_KEY = {"version": _SCALEPOINT, "country": (System.CLAIMSHOP,), "cases_per_call": (System.ORACLE_ECM,)}


def read_backends(
    root: Section, credentials: Mapping[str, Credential], origin: Origin
) -> tuple[dict[str, BackendSettings], dict[str, Limits]]:
    """The backends and the limits groups, both by name. Backends without a known `system` are left out."""
    paces = read_paces(root)
    read = [_backend(section, name, credentials, paces, origin) for name, section in root.named("backends")]
    backends = [backend for backend in read if backend is not None]
    systems = {group: set[System]() for group in [*paces, *(backend.limits.name for backend in backends)]}
    for backend in backends:
        systems[backend.limits.name].add(backend.system)
    limits = {group: complete(group, paces.get(group, {}), sharing) for group, sharing in systems.items()}
    return {backend.name: structs.replace(backend, limits=limits[backend.limits.name]) for backend in backends}, limits


def _backend(
    section: Section, name: str, credentials: Mapping[str, Credential], paces: Mapping[str, Pace], origin: Origin
) -> BackendSettings | None:
    """A backend whose limits are no more than the name of its group; null without a known `system`."""
    system = section.need("system", member(System), None)
    _refuse_keys_of_other_systems(section, system)
    certificate, key = read_pair(section, "client_certificate_file", "client_private_key_file", origin)
    backend = BackendSettings(
        name=name,
        system=system or _DEFAULT.system,
        base_url=section.need("base_url", base_url, ""),
        credential=credentials.get(
            section.need("credentials", known("credential", credentials), ""), _DEFAULT.credential
        ),
        limits=Limits(_group(section, name, paces)),
        hours=_hours(section, system),
        version=section.get("version", path_word, _DEFAULT.version),
        country=section.get("country", path_word, None),
        timeout_seconds=section.get("timeout_seconds", over_zero(_MAX_SECONDS), _DEFAULT.timeout_seconds),
        linger_seconds=section.get("linger_seconds", over_zero(_MAX_SECONDS), _DEFAULT.linger_seconds),
        cases_per_call=section.get("cases_per_call", whole(1, 1_000), _DEFAULT.cases_per_call),
        ca_file=section.get("ca_file", ca_file(origin), None),
        client_certificate_file=certificate,
        client_private_key_file=key,
    )
    _refuse_tls_without_https(section, backend)
    _refuse_too_little_time(section, backend)
    return backend if system else None


def _refuse_tls_without_https(section: Section, backend: BackendSettings) -> None:
    if backend.base_url.startswith("http:"):
        for key in ("ca_file", "client_certificate_file"):
            if section.gives(key):
                section.fault(key, "of no use: base_url is not https")


def _refuse_keys_of_other_systems(section: Section, system: System | None) -> None:
    for key, systems in _SYSTEMS_OF_KEY.items():
        if system and system not in systems:
            section.refuse(key, f"belongs to {' and '.join(systems)}, not to {system}")
    if system is System.CLAIMSHOP and "country" not in section:
        section.fault("country", 'missing: ClaimShop has it in its URL, such as "dk"')


def _group(section: Section, backend: str, paces: Mapping[str, Pace]) -> str:
    if section.is_null("limits"):
        section.fault("limits", "expected the name of a group; left out, the documented limits of the system are kept")
        return backend
    if "limits" in section:
        return section.get("limits", known("limits group", paces), backend)
    if backend in paces:
        section.fault(
            "limits", f'missing: is the group "{backend}" meant? A group of its own could not be told from it'
        )
    return backend


def _hours(section: Section, system: System | None) -> Hours | None:
    if "hours" not in section:
        return DOCUMENTED_HOURS[system] if system else None
    if section.is_null("hours"):
        return None
    with section.section("hours") as hours:
        opens, closes = hours.need("open", time_of_day, None), hours.need("close", time_of_day, None)
        zone = hours.get("timezone", timezone, "UTC")
        if opens and closes and opens == closes:
            hours.fault("close", "the same as open; always open is hours: null")
    return Hours(opens, closes, zone) if opens and closes else None


def _refuse_too_little_time(section: Section, backend: BackendSettings) -> None:
    """A call begins only if it can end before closing, and after a jitter at opening: the window must hold two."""
    if backend.hours is None:
        return
    day = date.min
    opens, closes = datetime.combine(day, backend.hours.opens), datetime.combine(day, backend.hours.closes)
    open_seconds = (closes - opens).total_seconds() % DAY_SECONDS
    if 0 < open_seconds < 2 * backend.timeout_seconds:
        section.fault(
            "timeout_seconds",
            f"{backend.timeout_seconds:g} is more than half of the {open_seconds:g} seconds that hours leave open: "
            "no call could end before closing",
        )
