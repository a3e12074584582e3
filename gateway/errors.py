"""Every exception of the gateway, in one tree.

GatewayError
├── ConfigurationError      the settings cannot be used: every fault, each with its path
├── LedgerError
│   ├── LedgerUnavailable   nothing was written: full or read-only disk, lost connection, closed
│   ├── CommitUnknown       the result of a COMMIT is not known
│   └── LedgerUnusable      at start: corrupt, locked by another process, made by a newer version
├── IssuerUnavailable       the keys of a token's issuer cannot be had, so that nobody knows whose token it is
└── TransportError
    ├── NotSent             no byte of the request left: it may be made again
    │   └── CredentialMissing       there is none to send: its token endpoint cannot be reached
    │       └── CredentialRefused   the token endpoint refused the gateway, or a secret cannot be read
    └── AnswerUnknown       sent, and no complete answer came: the upstream may have acted
"""

from msgspec import Struct


class Fault(Struct, frozen=True):
    """One thing wrong with the configuration: where (`limits.hub.per_second`) and what to do."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class GatewayError(Exception):
    """The root of the tree; its text is fit for an operator."""


class ConfigurationError(GatewayError):
    """The configuration cannot be used; `faults` holds everything that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class LedgerError(GatewayError):
    """The ledger could not do what was asked."""


class LedgerUnavailable(LedgerError):
    """Nothing was written."""


class CommitUnknown(LedgerError):
    """What was to be written may have been written."""


class LedgerUnusable(LedgerError):
    """The ledger cannot be opened; the text says why and what to do."""


class IssuerUnavailable(GatewayError):
    """A token cannot be verified now; `retry_seconds` is when its issuer's keys are asked for again."""

    def __init__(self, detail: str, retry_seconds: float) -> None:
        super().__init__(detail)
        self.retry_seconds = retry_seconds


class TransportError(GatewayError):
    """A call got no complete answer. `reason` is a fixed word for metrics, such as `connect` or `read_timeout`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class NotSent(TransportError):
    """No byte of the request left this process."""


class CredentialMissing(NotSent):
    """There is no credential to send; that says nothing of the upstream itself."""


class CredentialRefused(CredentialMissing):
    """The gateway's own credential does not work."""


class AnswerUnknown(TransportError):
    """The request, or part of it, was sent, and no complete answer came."""
