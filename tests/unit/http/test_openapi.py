"""The document against the code: what is served is documented, and what is documented is served."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types
from openapi_spec_validator import validate

from gateway.http.answers import STATUS_OF_CODE
from gateway.http.app import Parts, routes
from gateway.http.openapi import document
from gateway.http.openapi_answers import MEANINGS
from gateway.http.problems import Refusal
from gateway.http.requests import REQUESTS
from gateway.http.validation import asked
from gateway.model.kinds import Kind
from tests.unit.http.api import Api, settings

FILE = Path(__file__).parents[3] / "openapi" / "gateway.yaml"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    return document()


def test_the_document_is_valid_openapi(described: dict[str, Any]) -> None:
    validate(described)


def test_the_file_is_what_the_code_serves(described: dict[str, Any]) -> None:
    """If this fails, run `make openapi`."""
    assert yaml.safe_load(FILE.read_text(encoding="utf-8")) == described
    assert "&id" not in FILE.read_text(encoding="utf-8")


def test_every_route_is_documented_and_every_documented_call_is_routed(described: dict[str, Any]) -> None:
    api = Api()
    parts = Parts(settings, api.fake, api.clock, lambda: (), lambda _: ("", b""))
    served = {
        (path.replace(":str", ""), method.lower())
        for handler in routes(parts)
        for path in handler.paths
        for method in handler.http_methods
    }

    assert served == {(path, method) for path, item in described["paths"].items() for method in item}


def test_every_status_of_a_code_and_every_refusal_is_documented(described: dict[str, Any]) -> None:
    text = yaml.safe_dump(described["components"]["responses"])

    assert set(STATUS_OF_CODE.values()) <= set(MEANINGS)
    for refusal in set(Refusal) - {Refusal.METHOD_NOT_ALLOWED}:
        assert f"'#/components/examples/{refusal.code}'" in text
        assert f"submission-{refusal.status}" in text


def test_calls_have_names_of_their_own(described: dict[str, Any]) -> None:
    names = [call["operationId"] for item in described["paths"].values() for call in item.values()]

    assert len(names) == len(set(names)) == 18


def examples_of(described: dict[str, Any]) -> list[tuple[str, dict[str, Any], Any]]:
    """Every example in a request or an answer: where it stands, its schema, and its value."""
    found = []
    contents = [(name, answer["content"]) for name, answer in described["components"]["responses"].items()]
    for path, item in described["paths"].items():
        for call in item.values():
            contents += [(path, call["requestBody"]["content"])] if "requestBody" in call else []
            contents += [(path, answer["content"]) for answer in call["responses"].values() if "content" in answer]
    for where, content in contents:
        for media_type in content.values():
            for name, example in media_type.get("examples", {}).items():
                value = described["components"]["examples"][name] if "$ref" in example else example
                found.append((f"{where} {name}", media_type["schema"], value["value"]))
    return found


def test_examples_are_valid(described: dict[str, Any]) -> None:
    examples = examples_of(described)

    for where, schema, value in examples:
        validator = Draft202012Validator({**schema, "components": described["components"]})
        assert not list(validator.iter_errors(value)), where
    used = {where.rpartition(" ")[2] for where, _, _ in examples}
    assert set(described["components"]["examples"]) - used <= {"method_not_allowed"}


@pytest.mark.parametrize("kind", Kind)
def test_the_example_of_each_request_is_one_that_the_gateway_takes(kind: Kind, described: dict[str, Any]) -> None:
    content = described["paths"][f"/v1/tenants/{{tenant}}/{kind}s"]["post"]["requestBody"]["content"]
    value = content["application/json"]["examples"]["example"]["value"]

    assert asked(kind, value, settings().server)[0] is True
    assert content["application/json"]["schema"]["$ref"].endswith(f"/{REQUESTS[kind].__name__}")


@pytest.mark.parametrize(
    "case",
    [{}, {"caseNumber": "x", "caseToken": "y"}, {"caseNumber": ""}, {"caseNumber": "x" * 129}, {"number": "x"}],
)
def test_the_schema_refuses_what_the_gateway_refuses(case: dict[str, str], described: dict[str, Any]) -> None:
    schema = {"$ref": "#/components/schemas/CaseDeletions", "components": described["components"]}

    assert list(Draft202012Validator(schema).iter_errors({"execute": True, "cases": [case]}))


def test_nothing_in_it_speaks_of_our_own_papers(described: dict[str, Any]) -> None:
    text = yaml.safe_dump(described)

    for word in ("CONTRACT", "UPSTREAMS", "ARCHITECTURE", ".md", "msgspec"):
        assert word not in text
