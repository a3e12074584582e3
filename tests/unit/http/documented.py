"""Every answer in these tests is held against the OpenAPI document: status, media type, headers, schema."""

from functools import cache

import httpx2
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from gateway.http.middleware import UNROUTED
from gateway.http.openapi import document

DOCUMENT = document()
SOMETIMES = {"Preference-Applied", "RateLimit", "RateLimit-Policy"}
"""Headers that an answer need not have."""
JSON = {"application/json", "application/problem+json"}


def check_documented(route: str, response: httpx2.Response) -> None:
    """The answer is one that the document promises for this route."""
    method = response.request.method.lower()
    method = "get" if method == "head" else method
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if route == UNROUTED or method == "options":
        assert method == "options" or media_type == "application/problem+json"
        return
    promised = _resolved(DOCUMENT["paths"][route][method]["responses"][str(response.status_code)])
    assert set(promised["headers"]) <= {_title(name) for name in response.headers} | SOMETIMES
    schema = promised["content"][media_type]["schema"]
    schema = schema.get("anyOf", [schema])[0]  # the first is this media type's; others are for makers of clients
    if media_type in JSON and "$ref" in schema and response.request.method != "HEAD":
        _validator(schema["$ref"]).validate(response.json())


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": DOCUMENT["components"]})


def _resolved(value: dict) -> dict:  # type: ignore[type-arg]  # plain JSON
    while "$ref" in value:
        found = DOCUMENT
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        value = found
    return value


def _title(name: str) -> str:
    return "WWW-Authenticate" if name == "www-authenticate" else name if name == "traceparent" else name.title()
