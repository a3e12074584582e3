"""The contract's vocabularies: kinds, systems, statuses (CONTRACT.md section 1, "The envelope")."""

from enum import StrEnum


class Kind(StrEnum):
    """What an operation does. The values stand in envelopes, grants and metrics."""

    CASE_DELETION = "case-deletion"
    EXTERNAL_ENTITY_REMOVAL = "external-entity-removal"
    TRANSACTION_REMOVAL = "transaction-removal"
    CUSTOMER_REMOVAL = "customer-removal"
    ACCOUNT_REMOVAL = "account-removal"


class System(StrEnum):
    """A kind of upstream; a backend is one configured instance of it."""

    HUB_PROPERTY = "hub-property"
    CLAIMSHOP = "claimshop"
    ORACLE_ECM = "oracle-ecm"


REMOVALS = tuple(kind for kind in Kind if kind is not Kind.CASE_DELETION)
KINDS_OF = {
    System.HUB_PROPERTY: (Kind.CASE_DELETION,),
    System.CLAIMSHOP: (Kind.CASE_DELETION,),
    System.ORACLE_ECM: REMOVALS,
}
"""What each system can do."""


class Status(StrEnum):
    """One vocabulary on three levels: item, case, operation."""

    PENDING = "pending"
    """Not ended: queued, in flight, or waiting for another attempt (items and cases)."""
    SCHEDULED = "scheduled"
    """An operation with nothing in flight, whose backend is closed."""
    RUNNING = "running"
    """Any other operation that has not ended."""
    SUCCEEDED = "succeeded"
    """The upstream said so, or the case was found gone after an unknown outcome."""
    PARTIAL = "partial"
    """A mixture of the others one level below."""
    FAILED = "failed"
    """The upstream said that it did not happen, or nothing was ever sent."""
    UNKNOWN = "unknown"
    """Sent, and no trustworthy answer: neither failed nor succeeded."""
    CANCELLED = "cancelled"
    """Withdrawn before it was sent."""


ENDED = frozenset({Status.SUCCEEDED, Status.PARTIAL, Status.FAILED, Status.UNKNOWN, Status.CANCELLED})


class Evidence(StrEnum):
    """On what an ended case or item rests."""

    CONFIRMED = "confirmed"
    """The upstream said so."""
    INFERRED = "inferred"
    """After an unknown outcome it was found absent: gone, but perhaps not by us."""


class IdentifierType(StrEnum):
    """Which of a case's identifiers a request carries; the value is its name in the API."""

    CASE_NUMBER = "caseNumber"
    CASE_TOKEN = "caseToken"  # noqa: S105 - the name of an identifier, not a secret
    CASE_ID = "caseId"


class Purpose(StrEnum):
    """Why a call is made; the `call` label of the metrics."""

    EXECUTE = "execute"
    """Acts; cannot be undone."""
    DRY_RUN = "dry_run"
    """The caller asked for a dry run."""
    PROBE = "probe"
    """A dry run of ours that settles an unknown outcome: is the case still there?"""
    TRIAL = "trial"
    """A dry run of ours that finds out whether the backend works again; what it says of the case is not used."""


class CircuitState(StrEnum):
    """Whether calls go to a backend (CONTRACT.md section 3, `circuit`)."""

    CLOSED = "closed"
    """As many as its limits allow."""
    HALF_OPEN = "half_open"
    """One, to find out whether it works again."""
    OPEN = "open"
    """None."""
