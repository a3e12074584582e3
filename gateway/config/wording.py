"""How faults speak: paths, quoted values, and the name that was probably meant."""

import difflib
import json
import re
from collections.abc import Collection

MAX_SHOWN_CHARACTERS = 60
MAX_SHOWN_NAMES = 10
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")


def join(path: str, key: str) -> str:
    """The path of `key` under `path`: `limits.hub.per_second`, with keys that hold more than a word in quotes."""
    return f"{path}.{_bare(key)}" if path else _bare(key)


def quote(text: str) -> str:
    """`text` in double quotes, shortened, and harmless to a terminal or a log."""
    shown = clip(text)
    return json.dumps(shown, ensure_ascii=not shown.isprintable())


def clip(text: str) -> str:
    """`text`, or its beginning where it is long."""
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"


def suggestion(name: str, known: Collection[str]) -> str:
    """What to add to `unknown ...`: the nearest known name, and what else is known."""
    if not known:
        return "; none is defined"
    names = sorted(known)
    shown = ", ".join(map(_bare, names[:MAX_SHOWN_NAMES])) + (", ..." if len(names) > MAX_SHOWN_NAMES else "")
    near = difflib.get_close_matches(name[:MAX_SHOWN_CHARACTERS], names, n=1)
    return f"; did you mean {quote(near[0])}? (known: {shown})" if near else f"; known: {shown}"


def _bare(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else quote(key)
