"""What goes back over the wire, and how."""

from enum import Enum

import msgspec

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"
TEXT = b"text/plain; charset=utf-8"

Headers = tuple[tuple[bytes, bytes], ...]


class Delivery(Enum):
    """How a reply reaches its caller."""

    WHOLE = "whole"
    CUT_OFF = "cut off"  # half of the body, then the connection closes
    DRIPPED = "dripped"  # the body byte by byte
    DROPPED = "dropped"  # no answer: the connection closes
    HUNG = "hung"  # no answer: the caller gave up waiting


class Reply(msgspec.Struct, frozen=True):
    """One answer; ``headers`` beside content type and length."""

    status: int
    body: bytes = b""
    content_type: bytes = JSON
    headers: Headers = ()
    delivery: Delivery = Delivery.WHOLE
    drip_seconds: float = 0

    @property
    def shown(self) -> int | str:
        """How the history names it: the status, or ``dropped`` or ``hung``."""
        if self.delivery in (Delivery.DROPPED, Delivery.HUNG):
            return str(self.delivery.value)
        return self.status


DROPPED = Reply(0, delivery=Delivery.DROPPED)
HUNG = Reply(0, delivery=Delivery.HUNG)


def json_reply(status: int, value: object, headers: Headers = ()) -> Reply:
    """A JSON answer."""
    return Reply(status, msgspec.json.encode(value), JSON, headers)


def text_reply(status: int, text: str) -> Reply:
    """A plain-text answer."""
    return Reply(status, text.encode(), TEXT)


def html_reply(status: int, title: str) -> Reply:
    """An HTML page, as a proxy or a login screen would send."""
    page = f"<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return Reply(status, page.encode(), HTML)
