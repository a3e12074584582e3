"""Turns a genuine reply into the one that a magic identifier or a fault switch asks for."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.sandbox.http import Request
from gateway.sandbox.magic import REFUSALS, Kind, Spell
from gateway.sandbox.replies import DROPPED, HUNG, JSON, TEXT, Delivery, Reply, html_reply

BIG_BYTES = 1024 * 1024 + 65_536
OTHER_REQUEST_ID = "0d0d0d0d-0d0d-4d0d-8d0d-0d0d0d0d0d0d"
FOLLOWED = "/redirected"
_REFUSAL_STATUS = {Kind.UNAUTHORIZED: 401, Kind.THROTTLED: 429, Kind.CLOSED: 503}
_NO_CONTENT = (204, 304)


def refusal_status(spell: Spell | None) -> int | None:
    """401, 429 or 503 if the spell refuses the call before any work."""
    return _REFUSAL_STATUS[spell.kind] if spell is not None and spell.kind in REFUSALS else None


async def pause(latency_seconds: float, spell: Spell | None) -> None:
    """The time that the work takes."""
    seconds = latency_seconds + (spell.number if spell is not None and spell.kind is Kind.SLOW else 0)
    if seconds > 0:
        await asyncio.sleep(seconds)


async def spoil(spell: Spell, genuine: Reply, request: Request) -> Reply:
    """The reply that the spell asks for; ``genuine`` itself if it asks for nothing about the answer."""
    if spell.kind is Kind.HANG:
        await request.gone()
        return HUNG
    fixed = _FIXED.get(spell.kind)
    return fixed if fixed is not None else _changed(spell, genuine)


_FIXED = {
    Kind.DROP: DROPPED,
    Kind.HTML: html_reply(200, "Welcome"),
    Kind.BADGATEWAY: html_reply(502, "502 Bad Gateway"),
    Kind.REDIRECT: Reply(307, headers=((b"location", FOLLOWED.encode()),)),
    Kind.EMPTY: Reply(200),
    Kind.BADJSON: Reply(200, b'{"found": true, "deleted": tr'),
    Kind.BARE: Reply(200, b"{}"),
}


def _changed(spell: Spell, genuine: Reply) -> Reply:
    if spell.kind in _MEMBERS and genuine.content_type == JSON:
        members: dict[str, Any] = msgspec.json.decode(genuine.body)
        return _replace(genuine, body=msgspec.json.encode(_MEMBERS[spell.kind](members)))
    change = _CHANGES.get(spell.kind)
    return genuine if change is None else change(spell, genuine)


def _with_status(genuine: Reply, number: int) -> Reply:
    status = number if 200 <= number < 600 else 500  # noqa: PLR2004 - final statuses
    return _replace(genuine, status=status, body=b"" if status in _NO_CONTENT else genuine.body)


_CHANGES: dict[Kind, Callable[[Spell, Reply], Reply]] = {
    Kind.STATUS: lambda spell, genuine: _with_status(genuine, int(spell.number)),
    Kind.CUTOFF: lambda _, genuine: _replace(genuine, delivery=Delivery.CUT_OFF),
    Kind.DRIP: lambda spell, genuine: _replace(genuine, delivery=Delivery.DRIPPED, drip_seconds=spell.number),
    Kind.WRONGTYPE: lambda _, genuine: _replace(genuine, content_type=TEXT),
    Kind.LIST: lambda _, genuine: _replace(genuine, body=b"[" + genuine.body + b"]"),
}
_MEMBERS: dict[Kind, Callable[[dict[str, Any]], dict[str, Any]]] = {
    Kind.NULLS: dict.fromkeys,
    Kind.OTHERID: lambda members: members | {"requestId": OTHER_REQUEST_ID},
    Kind.MESSAGES: lambda members: members | {"messages": ["Case was archived", "Documents were purged"]},
    Kind.BIG: lambda members: members | {"padding": "x" * BIG_BYTES},
}


def _replace(reply: Reply, **changes: Any) -> Reply:  # noqa: ANN401 - fields of Reply
    return msgspec.structs.replace(reply, **changes)
