"""What a changed configuration changes, and what is refused of it."""

from collections.abc import Callable, Mapping

import pytest
from msgspec import structs

from gateway.config.changes import changes, refusals
from gateway.config.settings import Settings

With = Callable[[Mapping[str, object]], Settings]
Change = Mapping[str, object]

GONE: Change = {"backends.hub-dk": ..., "tenants.acme-dk.cases": ..., "limits": ...}
MOVED: Change = {"backends.hub-dk.base_url": "https://elsewhere.example/ecx"}
RESHAPED: Change = {
    "backends.hub-dk.system": "claimshop",
    "backends.hub-dk.country": "dk",
}


def test_the_same_file_changes_nothing(settings_with: With) -> None:
    found = changes(settings_with({}), settings_with({}))

    assert (found.changed, found.needs_restart, found.gone) == ((), (), ())


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"retry.max_attempts": 4}, {"retry.max_attempts"}),
        ({"circuit.open_seconds": 5}, {"circuit.open_seconds"}),
        ({"callers.ui": ...}, {"callers.ui"}),
        ({"callers.job.execute": False}, {"callers.job"}),
        ({"limits.hub.per_second": 4}, {"limits.hub"}),
        ({"credentials.scalepoint.client_id": "other"}, {"credentials.scalepoint"}),
        ({"backends.hub-dk.hours": None}, {"backends.hub-dk"}),
        ({"backends.hub-dk.credentials": "oauth"}, {"backends.hub-dk"}),
        ({"tenants.acme-no": ..., "callers.job.tenants": ["acme-dk"]}, {"tenants.acme-no", "callers.job"}),
        ({"issuers.cluster.audience": "other"}, {"issuers.cluster"}),
    ],
)
def test_what_changed_is_told_by_its_path(settings_with: With, change: Change, paths: set[str]) -> None:
    new = settings_with(change)

    found = changes(settings_with({}), new)

    assert set(found.changed) == paths
    assert (found.settings, found.needs_restart) == (new, ())


def test_what_the_process_is_made_with_stays_and_the_rest_is_applied(settings_with: With) -> None:
    old = settings_with({})
    new = settings_with(
        {"server.port": 9, "server.auth": "disabled", "store.retention_days": 9, "retry.max_attempts": 9}
    )

    found = changes(old, new)

    assert found.needs_restart == ("server.port", "server.auth", "store.retention_days")
    assert found.changed == ("retry.max_attempts",)
    assert found.settings == structs.replace(old, retry=new.retry)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (GONE, "backends.hub-dk: not removed while "),
        (MOVED, "backends.hub-dk.base_url: not changed while "),
        (RESHAPED, "backends.hub-dk.system: not changed while "),
        ({"backends.claimshop-dk.country": "se"}, "backends.claimshop-dk.country: not changed while "),
    ],
)
def test_an_upstream_with_unfinished_work_may_not_go(settings_with: With, change: Change, fault: str) -> None:
    old = settings_with({})
    found = changes(old, settings_with(change))
    work = {(backend.name, backend.upstream) for backend in old.backends.values()}

    (refusal,) = refusals(found, work)

    assert str(refusal).startswith(fault)


@pytest.mark.parametrize("change", [GONE, MOVED, RESHAPED])
def test_an_upstream_without_work_may_go(settings_with: With, change: Change) -> None:
    old = settings_with({})
    found = changes(old, settings_with(change))
    others = {(name, backend.upstream) for name, backend in old.backends.items() if name != "hub-dk"}

    assert [backend.name for backend in found.gone] == ["hub-dk"]
    assert refusals(found, others | {("hub-dk", "work of another upstream")}) == ()


@pytest.mark.parametrize(
    "change",
    [
        {"backends.hub-dk.timeout_seconds": 5},
        {"backends.hub-dk.version": "v2"},
        {"backends.hub-dk.credentials": "oauth"},
        {"backends.hub-dk.limits": ..., "limits": ...},
        {"credentials.scalepoint.client_id": "other"},
    ],
)
def test_everything_else_about_a_backend_may_change_while_it_works(settings_with: With, change: Change) -> None:
    assert changes(settings_with({}), settings_with(change)).gone == ()
