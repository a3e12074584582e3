"""Whatever is sent, the sandbox itself never answers 500 and never breaks."""

from typing import Any

import httpx2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sandbox.app import build
from gateway.sandbox.options import SandboxOptions
from gateway.sandbox.switches import ClaimShopSwitches, HubSwitches, Switches

from .upstreams import CLAIMSHOP_PATH, ECM_PATH, HEADERS, HUB_PATH

PATHS = [
    ("DELETE", HUB_PATH.format(tenant="acme")),
    ("DELETE", CLAIMSHOP_PATH.format(tenant="acme", country="dk")),
    ("POST", ECM_PATH + "removeCustomer"),
    ("POST", ECM_PATH + "removeTransaction"),
    ("POST", "/connect/token"),
    ("PUT", "/switches"),
    ("POST", "/cases"),
    ("POST", "/certificates"),
    ("GET", "/history"),
    ("POST", "/elsewhere"),
]
SWITCHES = Switches(
    hub=HubSwitches(hours="open", per_second=None, per_minute=None),
    claimshop=ClaimShopSwitches(hours="open"),
    magic=False,
)
OPTIONS = SandboxOptions(require_token=False, ecm_auth="none", switches=SWITCHES)
NAMES = ["caseId", "customers", "customerId", "caseNumber", "caseIdentifierType", "CaseNumberRequest", "system", "hub"]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(NAMES)
)
names = st.sampled_from(NAMES) | st.text(max_size=5)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4))
often = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@often
@given(route=st.sampled_from(PATHS), body=anything)
async def test_arbitrary_json(route: tuple[str, str], body: object) -> None:
    await _sent(route, json=body, headers=HEADERS)


@often
@given(route=st.sampled_from(PATHS), content=st.binary(max_size=200))
async def test_arbitrary_bytes(route: tuple[str, str], content: bytes) -> None:
    await _sent(route, content=content, headers=HEADERS)


@often
@given(
    route=st.sampled_from(PATHS),
    name=st.sampled_from(["content-type", "accept", "authorization", "host", "traceparent", "accept-charset"]),
    value=st.binary(max_size=40),
)
async def test_arbitrary_headers(route: tuple[str, str], name: str, value: bytes) -> None:
    await _sent(route, content=b"{}", headers=[(name.encode(), value)])


@often
@given(
    form=st.dictionaries(
        st.sampled_from(
            ["grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type"]
        ),
        st.text()
        | st.sampled_from(
            ["client_credentials", "case:delete", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"]
        ),
    )
)
async def test_arbitrary_forms(form: dict[str, str]) -> None:
    clean = {name: value.encode("utf-8", "replace").decode() for name, value in form.items()}
    await _sent(("POST", "/connect/token"), data=clean)


@often
@given(query=st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#")))
async def test_arbitrary_questions(query: str) -> None:
    await _sent(("GET", f"/history?{query}"))


async def _sent(route: tuple[str, str], **request: Any) -> None:  # noqa: ANN401 - arguments of httpx2
    transport = httpx2.ASGITransport(build(OPTIONS))
    async with httpx2.AsyncClient(transport=transport, base_url="http://sandbox") as http:
        answer = await http.request(*route, **request)
    assert answer.status_code < 500
