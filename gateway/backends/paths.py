"""The path of an upstream call."""

from urllib.parse import quote, urlsplit


def url_path(base_url: str, *segments: str) -> str:
    """The base URL's own path, and then `segments`, each percent-encoded."""
    return "/".join((urlsplit(base_url).path.rstrip("/"), *(quote(segment, safe="") for segment in segments)))
