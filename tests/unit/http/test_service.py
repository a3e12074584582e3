"""Probes, metrics and documentation: without authentication."""

import re
from html.parser import HTMLParser

import httpx2
import pytest

from gateway.http.app import Parts, build_probes
from gateway.http.openapi import document
from gateway.http.problems import Refusal
from tests.unit.http.api import Api


async def test_a_process_is_alive_whatever_else(api: Api) -> None:
    api.reasons = ("ledger",)
    async with api.client(None) as client:
        assert (await client.get("/livez")).json() == {"status": "ok", "reasons": []}


async def test_a_process_is_ready_unless_there_is_a_reason(api: Api) -> None:
    async with api.client(None) as client:
        ready = await client.get("/readyz")
        api.reasons = ("ledger",)
        not_ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "reasons": []})
    assert (not_ready.status_code, not_ready.json()) == (503, {"status": "not_ready", "reasons": ["ledger"]})


async def test_a_draining_process_is_alive_and_not_ready(api: Api) -> None:
    api.drain.begin()
    async with api.client(None) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).json()["reasons"] == ["draining"]


async def test_metrics_come_in_the_format_that_is_asked_for(api: Api) -> None:
    async with api.client(None) as client:
        answer = await client.get("/metrics", headers={"Accept": "application/openmetrics-text"})

    assert answer.text == "# application/openmetrics-text\n"
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_a_listener_of_its_own_has_probes_and_metrics_only(api: Api) -> None:
    parts = Parts(
        settings=lambda: api.settings,
        ledger=api.fake,
        clock=api.clock,
        readiness=lambda: (),
        render_metrics=lambda _: ("text/plain", b""),
    )
    transport = httpx2.ASGITransport(app=build_probes(parts))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as client:
        statuses = {path: (await client.get(path)).status_code for path in ("/livez", "/readyz", "/metrics", "/docs")}

    assert statuses == {"/livez": 200, "/readyz": 200, "/metrics": 200, "/docs": 404}


async def test_the_document_is_served_as_it_is(api: Api) -> None:
    async with api.client(None) as client:
        assert (await client.get("/openapi.json")).json() == document()


class Page(HTMLParser):
    """What a page holds: anchors, links, and tags with what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name == "src" or (name == "href" and tag == "link"):
                self.loads.add(value or "")
            if name == "href" and tag == "a":
                self.links.add(value or "")
        if tag not in {"meta", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
async def page(api: Api) -> tuple[httpx2.Response, Page]:
    async with api.client(None) as client:
        answer = await client.get("/docs")
    page = Page()
    page.feed(answer.text)
    return answer, page


def test_the_page_loads_nothing_and_runs_nothing(page: tuple[httpx2.Response, Page]) -> None:
    answer, parsed = page

    assert parsed.loads == {"data:,"}
    assert parsed.tags.isdisjoint({"script", "iframe", "object", "form", "img"})
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "url(" not in answer.text
    assert " style=" not in answer.text


def test_the_page_is_whole_and_its_links_lead_somewhere(page: tuple[httpx2.Response, Page]) -> None:
    _, parsed = page

    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert {link.removeprefix("#") for link in parsed.links if link.startswith("#")} <= set(parsed.ids)
    assert {link for link in parsed.links if not link.startswith("#")} == {"/openapi.json"}


def test_the_page_holds_every_call_schema_and_problem(page: tuple[httpx2.Response, Page]) -> None:
    answer, parsed = page
    calls = {call["operationId"] for item in document()["paths"].values() for call in item.values()}

    assert calls <= set(parsed.ids)
    assert {f"schema-{name}" for name in document()["components"]["schemas"]} <= set(parsed.ids)
    assert {refusal.code for refusal in Refusal} <= set(parsed.ids)
    assert not re.search(r"\*\*|`", re.sub("<pre>.*?</pre>", "", answer.text, flags=re.DOTALL)), "Markdown is left"
