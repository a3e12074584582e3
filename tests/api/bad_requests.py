"""Requests with one thing wrong, made at random: a maker for each rule of CONTRACT.md section 1, "Requests"."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from msgspec import Struct

Json = Any
Path = tuple[str | int, ...]
Draw = Callable[..., Any]

MAX_CASES, MAX_ITEMS, MAX_BODY_BYTES, MAX_DEPTH, MAX_CHARACTERS = 3, 4, 8_000, 32, 128

ECM = {
    "external-entity-removals": ("externalEntities", ("externalEntity", "externalEntityTypeCode")),
    "transaction-removals": ("transactions", ("transactionReferenceId", "transactionTypeCode")),
    "customer-removals": ("customers", ("customerId",)),
    "account-removals": ("accounts", ("accountId",)),
}
"""The list of each removal, and the members of what stands in it."""
DELETIONS = "case-deletions"
COLLECTIONS = (DELETIONS, *ECM)
NAMES_OF_A_CASE = ("caseNumber", "caseToken")
MEMBERS = {"execute", "cases", "caseId", "requestId", *NAMES_OF_A_CASE} | {
    name for items, members in ECM.values() for name in (items, *members)
}

MARK = "~mark~"
"""Stands in a document for what JSON cannot say."""
CONTROL = st.characters(categories=["Cc"])
WHITE = st.sampled_from(" \u00a0\u1680\u2000\u2003\u200a\u202f\u205f\u3000")
SURROGATE = st.characters(codec=None, categories=["Cs"])
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"), exclude_characters="~"),
    min_size=1,
    max_size=20,
)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="~"), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)


class Good(Struct):
    """A request in which nothing is wrong yet."""

    collection: str
    value: dict[str, Json]

    @property
    def items(self) -> str:
        """The list in its cases; empty for deletions."""
        return ECM[self.collection][0] if self.collection in ECM else ""

    def objects(self) -> list[Path]:
        """Where its objects are."""
        found: list[Path] = [()]
        for number, case in enumerate(self.value["cases"]):
            found.append(("cases", number))
            found += [("cases", number, self.items, place) for place in range(len(case.get(self.items, ())))]
        return found

    def at(self, path: Path) -> Json:
        """What stands at a place."""
        found: Json = self.value
        for step in path:
            found = found[step]
        return found

    def put(self, path: Path, value: Json) -> None:
        """Have it stand there instead."""
        self.at(path[:-1])[path[-1]] = value

    def places(self, wanted: type) -> list[Path]:
        """Where values of a type stand."""
        return [
            (*path, name) for path in self.objects() for name, value in self.at(path).items() if type(value) is wanted
        ]


class Bad(Struct, frozen=True):
    """What is sent. `place` is where the answer must say that it is wrong; null where it says more than a place."""

    collection: str
    body: bytes
    place: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ((b"Content-Type", b"application/json"),)


def pointer(path: Path) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def bad(good: Good, path: Path | None = None, **instead: str) -> Bad:
    """The request as it is now; `instead`: what stands in the place of MARK, as a text or as a name."""
    body = json.dumps(good.value)
    for text in instead.values():
        body = body.replace(json.dumps(MARK), text)
    return Bad(good.collection, body.encode(), None if path is None else pointer(path))


@st.composite
def goods(draw: Draw, collections: tuple[str, ...] = COLLECTIONS, cases: int = MAX_CASES) -> Good:
    """At most so many cases, and an item in each."""
    collection = draw(st.sampled_from(collections))
    names = draw(st.lists(NAMES, min_size=1, max_size=cases, unique=True))
    return Good(collection, {"execute": True, "cases": [draw(case(collection, name)) for name in names]})


@st.composite
def case(draw: Draw, collection: str, name: str) -> dict[str, Json]:
    if collection == DELETIONS:
        return {draw(st.sampled_from(NAMES_OF_A_CASE)): name}
    items, members = ECM[collection]
    return {"caseId": name, items: [{member: draw(NAMES) for member in members}]}


def item_of(collection: str, number: int) -> dict[str, str]:
    return dict.fromkeys(ECM[collection][1], f"I{number}")


@st.composite
def unknown_members(draw: Draw) -> Bad:
    good = draw(goods())
    near = st.sampled_from(["Execute", "dryRun", "casenumber", "case_number", "caseNumber ", "__proto__", "", "a/b~1"])
    path = (*draw(st.sampled_from(good.objects())), draw((near | TEXTS).filter(lambda name: name not in MEMBERS)))
    good.put(path, draw(VALUES))
    return bad(good, path)


@st.composite
def duplicate_members(draw: Draw) -> Bad:
    """The same value twice, or two; the name spelled alike, or with escapes."""
    good = draw(goods())
    path = draw(st.sampled_from(good.objects()))
    name = draw(st.sampled_from(sorted(good.at(path))))
    good.put((*path, MARK), draw(st.just(good.at(path)[name]) | VALUES))
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in name)
    return bad(good, (*path, name), name=f'"{draw(st.sampled_from([name, escaped]))}"')


@st.composite
def empty_lists(draw: Draw) -> Bad:
    good = draw(goods())
    path = draw(st.sampled_from(good.places(list)))
    good.put(path, [])
    return bad(good, path)


@st.composite
def same_case_twice(draw: Draw) -> Bad:
    good = draw(goods(cases=MAX_CASES - 1))
    cases = good.value["cases"]
    again = dict(draw(st.sampled_from(cases)))
    if good.items:
        again[good.items] = [item_of(good.collection, 1)]
    cases.append(again)
    return bad(good, ("cases", len(cases) - 1, next(iter(again))))


@st.composite
def same_item_twice(draw: Draw) -> Bad:
    good = draw(goods(tuple(ECM), cases=1))
    items = good.value["cases"][0][good.items]
    items += [item_of(good.collection, number) for number in range(draw(st.integers(0, 2)))]
    items.append(dict(draw(st.sampled_from(items))))
    return bad(good, ("cases", 0, good.items, len(items) - 1))


@st.composite
def too_many_cases(draw: Draw) -> Bad:
    collection = draw(st.sampled_from(COLLECTIONS))
    count = draw(st.integers(MAX_CASES + 1, 20))
    return bad(Good(collection, {"execute": True, "cases": [draw(case(collection, str(n))) for n in range(count)]}),
               ("cases",))  # fmt: skip


@st.composite
def too_many_items(draw: Draw) -> Bad:
    good = draw(goods(tuple(ECM)))
    cases = good.value["cases"]
    over = draw(st.integers(0, len(cases) - 1))
    count = draw(st.integers(MAX_ITEMS + 1 - over, 20))
    cases[over][good.items] = [item_of(good.collection, number) for number in range(count)]
    return bad(good, ("cases", over, good.items))


@st.composite
def too_large(draw: Draw) -> Bad:
    """Said beforehand, or found while it arrives."""
    made = bad(draw(goods()))
    body = made.body + draw(st.sampled_from([b" ", b"x", b"\xff", b"["])) * MAX_BODY_BYTES
    if draw(st.booleans()):
        return Bad(made.collection, body, headers=made.headers)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    return Bad(made.collection, chunked, headers=(*made.headers, (b"Transfer-Encoding", b"chunked")))


@st.composite
def too_deep(draw: Draw) -> Bad:
    good = draw(goods())
    path = draw(st.sampled_from([path for kind in (bool, str, list) for path in good.places(kind)]))
    good.put(path, MARK)
    depth = draw(st.integers(MAX_DEPTH, 700))
    opened = draw(st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")]))
    return bad(good, None, value=opened[0] * depth + "0" + opened[1] * depth)


@st.composite
def no_numbers(draw: Draw) -> Bad:
    good = draw(goods())
    path = draw(st.sampled_from([path for kind in (bool, str, list) for path in good.places(kind)]))
    good.put(path, MARK)
    words = ["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 401, "-" + "9" * 500, "0." + "1" * 500]
    return bad(good, path, value=draw(st.sampled_from(words)))


BAD_UTF8 = (b"\xff", b"\xc0\xaf", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xf4\x90\x80\x80", b"\x80")
ENCODINGS = ("utf-16", "utf-16-le", "utf-32", "utf-8-sig")


@st.composite
def no_utf8(draw: Draw) -> Bad:
    made = bad(draw(goods()))
    if draw(st.booleans()):
        text = made.body.decode()
        encoded = text.encode(draw(st.sampled_from(ENCODINGS)))
        return Bad(made.collection, encoded)
    place = draw(st.integers(0, len(made.body)))
    return Bad(made.collection, made.body[:place] + draw(st.sampled_from(BAD_UTF8)) + made.body[place:])


@st.composite
def no_json(draw: Draw) -> Bad:
    """Cut off anywhere, followed by something, or never JSON."""
    made = bad(draw(goods()))
    cut = st.integers(0, len(made.body) - 1).map(lambda place: made.body[:place])
    more = st.sampled_from([b"{}", b",", b"\x00", b"null", b"//", b"]", b"}"]).map(lambda rest: made.body + rest)
    never = st.sampled_from([b"execute=true", b"<cases/>", b"{'execute': true}", b"{execute: true}", b"--", b"+1"])
    return Bad(made.collection, draw(cut | more | never))


MEDIA_TYPES = st.sampled_from(
    [b"text/plain", b"text/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x",
     b"application/jsonp", b"application/json-patch+json", b"application/vnd.api+json", b"application/json, text/plain",
     b"application/json;charset=latin1", b"application/json; charset=utf-16", b"application/json;;", b"json", b""]
) | st.binary(min_size=1, max_size=20).filter(lambda text: all(byte > 32 and byte != 127 for byte in text))  # fmt: skip


@st.composite
def other_media_types(draw: Draw) -> Bad:
    made = bad(draw(goods()))
    json_type = (b"Content-Type", b"application/json")
    headers = draw(
        MEDIA_TYPES.filter(lambda text: not text.lower().startswith(b"application/json;charset=utf")).map(
            lambda text: ((b"Content-Type", text),)
        )
        | st.just(())
        | st.just((json_type, json_type))
        | st.sampled_from([b"gzip", b"br", b"identity, gzip", b"x"]).map(
            lambda it: (json_type, (b"Content-Encoding", it))
        )
    )
    return Bad(made.collection, made.body, headers=headers)


@st.composite
def bad_identifiers(draw: Draw) -> Bad:
    """Any text of any request: empty, too long, with a control or half a character, or white space around it."""
    good = draw(goods())
    path = draw(st.sampled_from(good.places(str)))
    name = draw(NAMES)
    place = draw(st.integers(0, len(name)))
    inside = (CONTROL | SURROGATE).map(lambda character: name[:place] + character + name[place:])
    around = st.tuples(st.sampled_from([0, 1]), WHITE).map(lambda it: it[1] + name if it[0] else name + it[1])
    long = st.integers(MAX_CHARACTERS + 1, 500).map(lambda count: "\N{PILE OF POO}" * count)
    good.put(path, draw(inside | around | long | st.just("")))
    return bad(good, path)


@st.composite
def wrong_types(draw: Draw) -> Bad:
    good = draw(goods())
    path = draw(
        st.sampled_from([path for kind in (bool, str, list) for path in good.places(kind)] + good.objects()[1:])
    )
    found = type(good.at(path))
    good.put(path, draw(VALUES.filter(lambda value: type(value) is not found)))
    return bad(good, path)


@st.composite
def no_objects(draw: Draw) -> Bad:
    return Bad(
        draw(st.sampled_from(COLLECTIONS)),
        json.dumps(draw(VALUES.filter(lambda it: not isinstance(it, dict)))).encode(),
        "",
    )


@st.composite
def missing_members(draw: Draw) -> Bad:
    good = draw(goods())
    path = draw(st.sampled_from([path for kind in (bool, str, list) for path in good.places(kind)]))
    del good.at(path[:-1])[path[-1]]
    # Which of its two names a case lacks, nobody can say.
    return bad(good, path[:-1] if path[-1] in NAMES_OF_A_CASE else path)


@st.composite
def two_names(draw: Draw) -> Bad:
    good = draw(goods((DELETIONS,)))
    number = draw(st.integers(0, len(good.value["cases"]) - 1))
    good.value["cases"][number] = {name: draw(NAMES) for name in NAMES_OF_A_CASE}
    return bad(good, ("cases", number))


def _no_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return True
    return False


@st.composite
def bad_request_ids(draw: Draw) -> Bad:
    """No UUID, or that of another case."""
    good = draw(goods((DELETIONS,)))
    cases = good.value["cases"]
    last = ("cases", len(cases) - 1, "requestId")
    if len(cases) > 1 and draw(st.booleans()):
        for one in (cases[0], cases[-1]):
            one["requestId"] = "0198c1f2-7d3e-4c44-9b1e-2f6f0c6b8a10"
    else:
        broken = st.sampled_from(["0198c1f2-7d3e-4c44-9b1e-2f6f0c6b8a1", "0198c1f2-7d3e-4c44-9b1e-2f6f0c6b8a1g"])
        good.put(last, draw(broken | TEXTS.filter(_no_uuid)))
    return bad(good, last)


@st.composite
def dry_runs_on_ecm(draw: Draw) -> Bad:
    good = draw(goods(tuple(ECM)))
    good.value["execute"] = False
    return bad(good)


VISIBLE = st.binary(min_size=1, max_size=30).filter(lambda text: all(33 <= byte <= 126 for byte in text))
HIDDEN = st.sampled_from([b" ", b"\t", b"\x80", b"\xff", "ø".encode()])


@st.composite
def bad_idempotency_keys(draw: Draw) -> Bad:
    made = bad(draw(goods()))
    around = st.tuples(VISIBLE, HIDDEN, VISIBLE).map(b"".join)
    long = st.integers(256, 2_000).map(lambda count: b"k" * count)
    keys = draw(
        st.tuples(around | long | st.just(b"")) | st.tuples(VISIBLE, VISIBLE)  # or two of them
    )
    return Bad(made.collection, made.body, headers=(*made.headers, *((b"Idempotency-Key", key) for key in keys)))


class Rule(Struct, frozen=True):
    """What is answered to whatever `requests` makes."""

    requests: st.SearchStrategy[Bad]
    status: int
    code: str


MALFORMED, INVALID = (400, "malformed_request"), (422, "invalid_request")

RULES: dict[str, Rule] = {
    "unknown fields": Rule(unknown_members(), *INVALID),
    "duplicate members": Rule(duplicate_members(), *MALFORMED),
    "an empty list": Rule(empty_lists(), *INVALID),
    "the same case twice": Rule(same_case_twice(), *INVALID),
    "the same item twice": Rule(same_item_twice(), *INVALID),
    "too many cases": Rule(too_many_cases(), *INVALID),
    "too many items": Rule(too_many_items(), *INVALID),
    "a body over max_body_bytes": Rule(too_large(), 413, "too_large"),
    "JSON nested deeper than 32": Rule(too_deep(), *MALFORMED),
    "NaN, infinities, endless numbers": Rule(no_numbers(), *MALFORMED),
    "invalid UTF-8": Rule(no_utf8(), *MALFORMED),
    "no JSON": Rule(no_json(), *MALFORMED),
    "another content type": Rule(other_media_types(), 415, "unsupported_media_type"),
    "an identifier that may not be one": Rule(bad_identifiers(), *INVALID),
    "a value of another type": Rule(wrong_types(), *INVALID),
    "a body that is no object": Rule(no_objects(), *INVALID),
    "a missing member, such as execute": Rule(missing_members(), *INVALID),
    "a case with two names": Rule(two_names(), *INVALID),
    "a requestId that is none, or another's": Rule(bad_request_ids(), *INVALID),
    "a dry run on ECM": Rule(dry_runs_on_ecm(), 422, "dry_run_unsupported"),
    "an Idempotency-Key that is none": Rule(bad_idempotency_keys(), *INVALID),
}
