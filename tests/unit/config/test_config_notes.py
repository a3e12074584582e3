from collections.abc import Callable, Mapping

import pytest

from gateway.config.notes import notes
from gateway.config.settings import Settings

With = Callable[[Mapping[str, object]], Settings]
IDLE = {"credentials.oauth": ..., "credentials.static": ..., "credentials.open": ..., "callers.ui": ..., "issuers": ...}
"""Takes out of the sound configuration what has no effect."""


def test_a_configuration_of_which_all_is_used_has_no_notes(settings_with: With) -> None:
    assert notes(settings_with(IDLE)) == ()


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"callers.job.tenants": ["acme-dk"]}, "tenants.acme-no: not used by any caller"),
        ({"tenants.acme-dk.ecm": ...}, "backends.ecm: not used by any tenant"),
        ({"credentials.spare": {"type": "none"}}, "credentials.spare: not used by any backend"),
        ({"limits.spare": {"per_second": 1}}, "limits.spare: not used by any backend"),
        ({"server.auth": "disabled"}, "server.auth: disabled, so every process of this machine may delete"),
    ],
)
def test_what_has_no_effect_is_noted(settings_with: With, change: Mapping[str, object], note: str) -> None:
    [found] = notes(settings_with({**IDLE, **change}))

    assert found.startswith(note)


def test_two_backends_for_one_upstream_with_separate_limits_are_noted(settings_with: With) -> None:
    twin = {"system": "hub-property", "base_url": "https://hub.example/ecx/", "credentials": "scalepoint"}
    route = {"cases": {"backend": "twin", "tenant": "acme"}}

    apart = settings_with({**IDLE, "backends.twin": twin, "tenants.acme-no": route})
    together = settings_with({**IDLE, "backends.twin": {**twin, "limits": "hub"}, "tenants.acme-no": route})

    expected = "backends.twin: the same upstream as hub-dk, and yet paced and locked apart from it"
    assert expected in notes(apart)
    assert expected not in notes(together)
