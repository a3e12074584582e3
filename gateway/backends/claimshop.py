"""Scalepoint ClaimShop (UPSTREAMS.md): as Hub Property, but nothing to resume with and no idempotency key."""

from gateway.backends import scalepoint
from gateway.backends.answers import read_body
from gateway.backends.paths import url_path
from gateway.config.settings import BackendSettings
from gateway.errors import ConfigurationError, Fault
from gateway.model.calls import Answer, Call, Reading, UpstreamRequest
from gateway.model.kinds import Kind


class ClaimShopSaid(scalepoint.Said, frozen=True, kw_only=True):
    """A documented body: `found`, `deleted` and `errors`, always all three."""

    found: bool
    errors: tuple[str, ...]


class ClaimShop:
    """Words and reads deletions at one installation of ClaimShop.

    Raises ConfigurationError: the backend has no country.
    """

    def __init__(self, settings: BackendSettings) -> None:
        if settings.country is None:
            raise ConfigurationError((Fault(f"backends.{settings.name}.country", "ClaimShop needs a country"),))
        self._base_url = settings.base_url
        self._country = settings.country
        self._version = settings.version

    def build(self, call: Call) -> UpstreamRequest:
        """The one HTTP request of `call`, which carries one case; a request id stays with us."""
        path = url_path(self._base_url, self._country, self._version, "case", call.upstream_tenant, "delete")
        return scalepoint.deletion(call, path, {})

    def read(self, call: Call, answer: Answer) -> Reading:
        """What `answer` says of the case of `call`; never raises, whatever the answer holds."""
        return scalepoint.read(call, answer, read_body(answer, ClaimShopSaid), resumes=False)

    def call_label(self, kind: Kind) -> str:  # noqa: ARG002 - one operation serves the only kind
        """The fixed name of the upstream operation, for metrics and logs."""
        return scalepoint.CALL_LABEL
