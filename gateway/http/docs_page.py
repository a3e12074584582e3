"""The OpenAPI document as one page of HTML, to be read; nothing in it is loaded or run."""

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from gateway.http.docs_markup import block, inline, table
from gateway.http.docs_style import STYLE

Document = dict[str, Any]

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><style>{style}</style></head>
<body><div class="page"><nav aria-label="Contents">{contents}</nav><main>{main}</main></div></body></html>
"""


def page(document: Document) -> str:
    """The whole page."""
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    main = [
        f"<h1>{title}</h1>",
        block(document["info"]["description"]),
        '<p>The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>',
        _authentication(document),
        *(_tag(document, tag) for tag in document["tags"]),
        _problems(document),
        _schemas(document),
    ]
    return _TEMPLATE.format(title=title, style=STYLE, contents=_contents(document), main="\n".join(main))


def _calls(document: Document, tag: str) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method, call in item.items():
            if tag in call["tags"]:
                yield path, method, call


def _contents(document: Document) -> str:
    parts = ['<ul><li><a href="#authentication">Authentication</a></li></ul>']
    for tag in document["tags"]:
        calls = _calls(document, tag["name"])
        entries = "".join(
            f'<li><a href="#{call["operationId"]}">{escape(call["summary"])}</a></li>' for *_, call in calls
        )
        parts.append(f"<strong>{escape(tag['name'])}</strong><ul>{entries}</ul>")
    parts.append('<ul><li><a href="#problems">Problems</a></li><li><a href="#schemas">Schemas</a></li></ul>')
    return "".join(parts)


def _authentication(document: Document) -> str:
    schemes = document["components"]["securitySchemes"].values()
    rows = [
        [f"<code>{escape(scheme.get('name', 'Authorization: Bearer'))}</code>", inline(scheme["description"])]
        for scheme in schemes
    ]
    return f'<h2 id="authentication">Authentication</h2>{table(["Header", "What"], rows)}'


def _tag(document: Document, tag: Document) -> str:
    calls = "".join(_call(document, path, method, call) for path, method, call in _calls(document, tag["name"]))
    return f"<h2>{escape(tag['name'])}</h2>{block(tag['description'])}{calls}"


def _call(document: Document, path: str, method: str, call: Document) -> str:
    return (
        f'<h3 id="{call["operationId"]}">{escape(call["summary"])}</h3>'
        f'<p class="call"><span class="method {method}">{method.upper()}</span><code>{escape(path)}</code></p>'
        f"{block(call['description'])}{_parameters(call.get('parameters', []))}"
        f"{_body(call.get('requestBody'))}{_responses(document, call['responses'])}"
    )


def _parameters(parameters: list[Document]) -> str:
    if not parameters:
        return ""
    rows = [
        [f"<code>{escape(each['name'])}</code>", each["in"], _type(each["schema"]), inline(each["description"])]
        for each in parameters
    ]
    return f"<h4>Parameters</h4>{table(['Name', 'In', 'Type', 'What'], rows)}"


def _body(body: Document | None) -> str:
    if body is None:
        return ""
    ((media_type, content),) = body["content"].items()
    examples = "".join(_code(example["value"]) for example in content["examples"].values())
    return f"<h4>Body</h4><p>{_type(content['schema'])}, <code>{media_type}</code></p>{examples}"


def _responses(document: Document, responses: Document) -> str:
    shown = "".join(_response(document, status, _resolved(document, answer)) for status, answer in responses.items())
    return f"<h4>Answers</h4>{shown}"


def _response(document: Document, status: str, answer: Document) -> str:
    names = ", ".join(f"<code>{escape(name)}</code>" for name in answer["headers"])
    contents = "".join(_content(document, media_type, each) for media_type, each in answer["content"].items())
    return (
        f"<details><summary><strong>{status}</strong> {inline(answer['description'])}</summary>"
        f"<p>Headers: {names}</p>{contents}</details>"
    )


def _content(document: Document, media_type: str, content: Document) -> str:
    examples = "".join(
        f"<p><code>{escape(name)}</code></p>{_code(_resolved(document, example)['value'])}"
        for name, example in content.get("examples", {}).items()
    )
    return f"<p><code>{escape(media_type)}</code> {_type(content['schema'])}</p>{examples}"


def _problems(document: Document) -> str:
    codes = document["components"]["schemas"]["ProblemDetails"]["properties"]["code"]["enum"]
    examples = document["components"]["examples"]
    rows = [
        [f'<code id="{code}">{code}</code>', str(problem["status"]), escape(problem["title"])]
        for code in codes
        for problem in [examples[code]["value"]]
    ]
    head = '<h2 id="problems">Problems</h2><p>Why no operation was made, as <code>application/problem+json</code>.</p>'
    return head + table(["Code", "HTTP", "Meaning"], rows)


def _schemas(document: Document) -> str:
    schemas = document["components"]["schemas"].items()
    return '<h2 id="schemas">Schemas</h2>' + "".join(_schema(name, schema) for name, schema in schemas)


def _schema(name: str, schema: Document) -> str:
    head = f'<h3 id="schema-{name}">{name}</h3>{block(schema.get("description", ""))}'
    if "enum" in schema:
        return f"{head}<p>{', '.join(f'<code>{escape(value)}</code>' for value in schema['enum'])}</p>"
    rows = [
        [_member(member, schema.get("required", [])), _type(of), inline(of.get("description", ""))]
        for member, of in schema["properties"].items()
    ]
    return head + table(["Member", "Type", "What"], rows)


def _member(name: str, required: list[str]) -> str:
    return f"<code>{escape(name)}</code>" + ("" if name in required else ' <span class="need">optional</span>')


def _type(schema: Document) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#schema-{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    return " ".join(_words(schema))


def _words(schema: Document) -> Iterator[str]:
    yield escape(str(schema.get("format") or schema["type"]))
    if "enum" in schema:
        yield "of " + ", ".join(f"<code>{escape(value)}</code>" for value in schema["enum"])
    low, high = (schema.get(f"{bound}Length", schema.get(f"{bound}imum")) for bound in ("min", "max"))
    if low is not None and high is not None:
        yield f"({low} to {high})"


def _resolved(document: Document, value: Document) -> Document:
    """What a reference within the document stands for."""
    if "$ref" not in value:
        return value
    found = document
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _code(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
