"""An upstream's own texts on their way to a caller, and our words where it gave none."""

from collections.abc import Iterable
from itertools import islice

from gateway.model.outcomes import Code, shortened

MAX_TEXTS = 20
"""So many `errors[]` or `messages[]` of one answer are passed on."""

WORDS = {
    Code.CASE_NOT_FOUND: "The upstream has no such case.",
    Code.DELETION_FORBIDDEN_BY_STATE: "The state of the case forbids its deletion.",
    Code.DELETION_IN_PROGRESS: "Another deletion of the case is in progress.",
    Code.CASE_LOCKED: "The case is locked by another user.",
    Code.ITEM_NOT_IN_CASE: "The case has no such item.",
    Code.UPSTREAM_REJECTED: "The upstream rejected the request.",
    Code.UPSTREAM_UNAUTHORIZED: "The upstream did not accept the gateway's credential.",
    Code.UPSTREAM_THROTTLED: "The upstream asked for fewer requests.",
    Code.UPSTREAM_CLOSED: "The upstream is closed.",
    Code.UPSTREAM_ERROR: "The upstream failed to carry out the request.",
}
"""The `detail` of an error to which the upstream gave no text."""


def passed_on(text: str) -> str:
    """`text` in printable characters, at most 1,000 of them: no control character, line break or lone surrogate."""
    cut = shortened(text.strip())
    return cut if cut.isprintable() else "".join(map(_harmless, cut)).strip()


def all_passed_on(texts: Iterable[str]) -> tuple[str, ...]:
    """The first of `texts`, without those that say nothing."""
    return tuple(islice(filter(None, map(passed_on, texts)), MAX_TEXTS))


def _harmless(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
