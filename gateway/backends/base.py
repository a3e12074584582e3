"""What the dispatcher asks of an upstream system's protocol module."""

from typing import Protocol

from gateway.model.calls import Answer, Call, Reading, UpstreamRequest
from gateway.model.kinds import Kind


class Backend(Protocol):
    """Words calls and reads answers; pure, so that recorded answers are enough to test it."""

    def build(self, call: Call) -> UpstreamRequest:
        """The one HTTP request of `call`."""
        ...

    def read(self, call: Call, answer: Answer) -> Reading:
        """What `answer` says of every case of `call`; never raises, whatever the answer holds."""
        ...

    def call_label(self, kind: Kind) -> str:
        """The fixed name of the upstream operation, for metrics and logs."""
        ...
