"""Scalepoint Hub Property (UPSTREAMS.md): a request id is the idempotency key, and continues what was begun."""

from uuid import NAMESPACE_OID, uuid5

from gateway.backends import scalepoint
from gateway.backends.answers import Flaw, read_body
from gateway.backends.paths import url_path
from gateway.config.settings import BackendSettings
from gateway.model.calls import Answer, Call, Reading, UpstreamRequest
from gateway.model.kinds import Kind, Purpose


class HubSaid(scalepoint.Said, frozen=True, kw_only=True, rename={"request_id": "requestId"}):
    """A documented body: `requestId` and `deleted` always, the others sometimes."""

    request_id: str


class HubProperty:
    """Words and reads deletions at one installation of Hub Property."""

    def __init__(self, settings: BackendSettings) -> None:
        self._base_url = settings.base_url
        self._version = settings.version

    def build(self, call: Call) -> UpstreamRequest:
        """The one HTTP request of `call`, which carries one case.

        Raises ValueError: an executing call without a request id, which nothing could continue.
        """
        path = url_path(self._base_url, call.upstream_tenant, "api", "integration", self._version, "case")
        return scalepoint.deletion(call, path, {"requestId": _request_id(call)})

    def read(self, call: Call, answer: Answer) -> Reading:
        """What `answer` says of the case of `call`; never raises, whatever the answer holds."""
        said: HubSaid | Flaw = read_body(answer, HubSaid)
        if isinstance(said, HubSaid) and said.request_id.lower() != _request_id(call).lower():
            said = Flaw.FOREIGN
        return scalepoint.read(call, answer, said, resumes=True)

    def call_label(self, kind: Kind) -> str:  # noqa: ARG002 - one operation serves the only kind
        """The fixed name of the upstream operation, for metrics and logs."""
        return scalepoint.CALL_LABEL


def _request_id(call: Call) -> str:
    """The case's own id, except for a probe: that has another, lest it be taken for the deletion it asks about."""
    (case,) = call.cases
    if call.purpose is Purpose.PROBE:
        return str(uuid5(NAMESPACE_OID, call.id))
    if case.request_id is None:
        message = "a Hub deletion was granted without a request id"
        raise ValueError(message)
    return case.request_id
