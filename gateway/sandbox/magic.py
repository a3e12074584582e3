"""Magic identifiers: a prefix of a case or item identifier that asks for a situation.

``PREFIX[-<number>][-BEFORE|-AFTER][-ONCE|-<count>|-ALWAYS]-<anything>``, for example ``NOTFOUND-1``,
``INPROGRESS-3-x``, ``DROP-AFTER-x``, ``SLOW-0.5-x``, ``STATUS-504-ONCE-x``.  A count has one to three digits and needs
something behind it, so that ``NOTFOUND-12`` is only a name.  ``WORDS`` is the whole table.
"""

from collections.abc import Iterable
from enum import StrEnum, auto

import msgspec


class Kind(StrEnum):
    """The situations."""

    # one call refused, nothing done
    UNAUTHORIZED = auto()
    THROTTLED = auto()
    CLOSED = auto()
    # the answer, not the work
    SLOW = auto()
    STATUS = auto()
    HTML = auto()
    BADGATEWAY = auto()
    REDIRECT = auto()
    EMPTY = auto()
    BADJSON = auto()
    DROP = auto()
    HANG = auto()
    CUTOFF = auto()
    DRIP = auto()
    WRONGTYPE = auto()
    LIST = auto()
    BARE = auto()
    NULLS = auto()
    BIG = auto()
    OTHERID = auto()
    MESSAGES = auto()
    # Scalepoint's cases
    NOTFOUND = auto()
    FORBIDDEN = auto()
    INPROGRESS = auto()
    ERROR500 = auto()
    NOTDELETED = auto()
    # ECM's cases
    MISSING = auto()
    LOCKED = auto()
    LOCKED409 = auto()
    NULLITEMS = auto()
    NOITEMS = auto()
    KEPTITEMS = auto()
    NORESULTS = auto()
    INVALID = auto()
    EXTRA = auto()
    EXTRACASE = auto()
    REORDER = auto()
    DUPLICATE = auto()
    DUPLICATECASE = auto()
    CONFLICT = auto()
    CONTRADICT = auto()
    DROPITEM = auto()
    DROPCASE = auto()
    NULLENTRY = auto()
    # ECM's items (ODD is for cases as well)
    ABSENT = auto()
    RELATED = auto()
    ODD = auto()


REFUSALS = frozenset({Kind.UNAUTHORIZED, Kind.THROTTLED, Kind.CLOSED})
INSTEAD = frozenset(
    {Kind.STATUS, Kind.HTML, Kind.BADGATEWAY, Kind.REDIRECT, Kind.EMPTY, Kind.BADJSON, Kind.DROP, Kind.HANG}
)
"""Answers that stand in place of the work's own: nothing is done unless ``-AFTER`` is said."""
EXECUTED_ONLY = frozenset({Kind.ERROR500, Kind.FORBIDDEN, Kind.NOTDELETED})
"""A dry run does not use these up."""

ALWAYS = None
ALL, SCALEPOINT, HUB, CASES, ITEMS = "all", "Hub, ClaimShop", "Hub", "ECM case", "ECM item"


class Word(msgspec.Struct, frozen=True):
    """One row: for how many calls it holds if the identifier does not say, and its number if it takes one."""

    prefix: str
    kind: Kind
    where: str
    times: int | None
    meaning: str
    number: float | None = None


WORDS = (
    Word("NOTFOUND", Kind.NOTFOUND, SCALEPOINT, ALWAYS, "404, no such case"),
    Word("FORBIDDEN", Kind.FORBIDDEN, SCALEPOINT, ALWAYS, "403, the state forbids it; Hub has then partly deleted it"),
    Word("INPROGRESS", Kind.INPROGRESS, HUB, 1, "409, another deletion of this case is in progress"),
    Word("ERROR500", Kind.ERROR500, ALL, 1, "500 to an executed call; Hub has then partly deleted it"),
    Word("ERROR", Kind.ERROR500, ALL, 1, "the same as ERROR500; ERROR-ALWAYS never ends"),
    Word("NOTDELETED", Kind.NOTDELETED, SCALEPOINT, ALWAYS, "200, found, but not deleted"),
    Word("OTHERID", Kind.OTHERID, HUB, ALWAYS, "acts, answers with a requestId that is not the caller's"),
    Word("MESSAGES", Kind.MESSAGES, HUB, ALWAYS, "acts, answers with two messages"),
    Word("UNAUTHORIZED", Kind.UNAUTHORIZED, ALL, ALWAYS, "401 in spite of a valid credential"),
    Word("THROTTLED", Kind.THROTTLED, ALL, 1, "429"),
    Word("CLOSED", Kind.CLOSED, ALL, 1, "503 with Retry-After; ClaimShop names its hours instead"),
    Word("SLOW", Kind.SLOW, ALL, ALWAYS, "works <number> seconds (default 1), whether the caller waits or not", 1.0),
    Word("STATUS", Kind.STATUS, ALL, ALWAYS, "answers the status <number> (default 500)", 500.0),
    Word("DROP", Kind.DROP, ALL, 1, "closes the connection without an answer"),
    Word("HANG", Kind.HANG, ALL, 1, "never answers; ends when the caller goes"),
    Word("HTML", Kind.HTML, ALL, ALWAYS, "200 with an HTML page"),
    Word("BADGATEWAY", Kind.BADGATEWAY, ALL, ALWAYS, "502 with an HTML page"),
    Word("REDIRECT", Kind.REDIRECT, ALL, ALWAYS, "307 to a path that nobody should follow"),
    Word("EMPTY", Kind.EMPTY, ALL, ALWAYS, "200 with an empty body"),
    Word("BADJSON", Kind.BADJSON, ALL, ALWAYS, "200 with a body that is not JSON"),
    Word("CUTOFF", Kind.CUTOFF, ALL, ALWAYS, "acts, sends half of the body and closes the connection"),
    Word("DRIP", Kind.DRIP, ALL, ALWAYS, "acts, sends the body byte by byte over <number> seconds (default 5)", 5.0),
    Word("WRONGTYPE", Kind.WRONGTYPE, ALL, ALWAYS, "acts, answers as text/plain"),
    Word("LIST", Kind.LIST, ALL, ALWAYS, "acts, answers a list with the object in it"),
    Word("BARE", Kind.BARE, ALL, ALWAYS, "acts, answers {}"),
    Word("NULLS", Kind.NULLS, ALL, ALWAYS, "acts, answers with every member null"),
    Word("BIG", Kind.BIG, ALL, ALWAYS, "acts, answers over 1 MiB of valid JSON"),
    Word("MISSING", Kind.MISSING, CASES, ALWAYS, "'Case does not exist.', its items' fields null"),
    Word("KEPTITEMS", Kind.KEPTITEMS, CASES, ALWAYS, "'Case does not exist.', its items with ids and FAILED"),
    Word("NOITEMS", Kind.NOITEMS, CASES, ALWAYS, "'Case does not exist.', without a list of items"),
    Word("NULLITEMS", Kind.NULLITEMS, CASES, ALWAYS, "'... removal failed.', its items' fields null"),
    Word("LOCKED", Kind.LOCKED, CASES, ALWAYS, "'Case is locked by another user SUPERVISOR.'"),
    Word("LOCKED409", Kind.LOCKED409, CASES, ALWAYS, "the same text as HTTP 409 to the whole call"),
    Word("NORESULTS", Kind.NORESULTS, CASES, ALWAYS, "the whole call FAILED, 200, without RESULTARRAY"),
    Word("INVALID", Kind.INVALID, CASES, ALWAYS, "400 'Invalid JSON Input format. ...' to the whole call"),
    Word("EXTRA", Kind.EXTRA, CASES, ALWAYS, "acts, answers one item more than was asked"),
    Word("EXTRACASE", Kind.EXTRACASE, CASES, ALWAYS, "acts, answers one case more than was asked"),
    Word("REORDER", Kind.REORDER, CASES, ALWAYS, "acts, answers items and cases in reverse order"),
    Word("DUPLICATE", Kind.DUPLICATE, CASES, ALWAYS, "acts, answers the first item twice"),
    Word("DUPLICATECASE", Kind.DUPLICATECASE, CASES, ALWAYS, "acts, answers the case twice"),
    Word("CONFLICT", Kind.CONFLICT, CASES, ALWAYS, "acts, answers the first item as SUCCESS and as FAILED"),
    Word(
        "CONTRADICT", Kind.CONTRADICT, CASES, ALWAYS, "does nothing; the items FAILED, the case and the whole SUCCESS"
    ),
    Word("DROPITEM", Kind.DROPITEM, CASES, ALWAYS, "acts, leaves the first item out of the answer"),
    Word("DROPCASE", Kind.DROPCASE, CASES, ALWAYS, "acts, leaves the case out of the answer"),
    Word("NULLENTRY", Kind.NULLENTRY, CASES, ALWAYS, "acts, answers null in place of the case"),
    Word("ODD", Kind.ODD, "ECM case, ECM item", ALWAYS, "FAILED with a text that no document knows"),
    Word("ABSENT", Kind.ABSENT, ITEMS, ALWAYS, "'... does not exist in case.'"),
    Word("RELATED", Kind.RELATED, ITEMS, ALWAYS, "'... error occurred while deleting from ... related tables.'"),
)

_BY_PREFIX = {word.prefix: word for word in WORDS}
_HUB = frozenset(word.kind for word in WORDS if word.where in (ALL, SCALEPOINT, HUB))
KINDS = {
    "hub-property": _HUB,
    "claimshop": frozenset(word.kind for word in WORDS if word.where in (ALL, SCALEPOINT)),
    "oracle-ecm": frozenset(word.kind for word in WORDS if word.where == ALL or CASES in word.where),
    "oracle-ecm item": frozenset(word.kind for word in WORDS if ITEMS in word.where),
    "token": REFUSALS | {word.kind for word in WORDS if word.where == ALL},
}
"""Which situations each system (and ECM's items) knows.  Elsewhere the prefix is a name like any other."""


class Spell(msgspec.Struct, frozen=True):
    """A situation asked for: the first ``times`` calls of a case (None: all of them)."""

    kind: Kind
    times: int | None
    number: float = 0
    after: bool = False

    @property
    def acts(self) -> bool:
        """Whether the work is done, whatever is then answered."""
        return self.kind not in REFUSALS and (self.after or self.kind not in INSTEAD)


def spell_of(identifier: str, kinds: Iterable[Kind]) -> Spell | None:
    """The situation that ``identifier`` asks for, if it is one of ``kinds``."""
    prefix, dash, rest = identifier.partition("-")
    word = _BY_PREFIX.get(prefix) if dash else None
    return _read(word, rest.split("-")) if word is not None and word.kind in kinds else None


def fault_of(like: str, kinds: Iterable[Kind]) -> Spell | None:
    """The situation of a switch: as an identifier, but without the part that is only a name."""
    return spell_of(f"{like}-", kinds)


def _read(word: Word, parts: list[str]) -> Spell:
    number, times, after = word.number or 0.0, word.times, False
    if word.number is not None and len(parts) > 1 and _is_number(parts[0]):
        number = float(parts.pop(0))
    if len(parts) > 1 and parts[0] in ("BEFORE", "AFTER"):
        after = parts.pop(0) == "AFTER"
    if len(parts) > 1:
        times = _times(parts[0], times)
    return Spell(word.kind, times, number, after)


def _is_number(text: str) -> bool:
    return len(text) <= 6 and text.replace(".", "", 1).isdecimal() and text.isascii()  # noqa: PLR2004 - 999.99 at most


def _times(text: str, otherwise: int | None) -> int | None:
    if text == "ALWAYS":
        return ALWAYS
    if text == "ONCE":
        return 1
    is_count = text.isascii() and text.isdecimal() and len(text) <= 3  # noqa: PLR2004 - no part of a UUID is so short
    return int(text) if is_count else otherwise
