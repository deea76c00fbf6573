"""The Swagger page in a real browser: it shows every operation, asks nobody but us, and can be used with a token."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from coordinator.api.openapi import Json
from tests.chromium import opened_browser
from tests.coordinator.api.api_server import PIPELINES, Server
from tests.coordinator.samples import REPOSITORY

LIMIT_MS = 30_000


@dataclass
class Opened:
    """The page in a browser, and all that it asked for and complained of."""

    server: Server
    page: Page
    asked: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.page.goto(f"{self.server.url}/apidocs")

    def operation(self, operation_id: str) -> Locator:
        """One operation, opened."""
        found = self.page.locator(f".opblock[id$='-{operation_id}']")
        found.locator(".opblock-summary-control").click()
        return found

    def authorize(self) -> None:
        """Give the token as a person would."""
        self.page.locator(".auth-wrapper .authorize").first.click()
        self.page.locator(".auth-container input").fill(self.server.headers["Authorization"].removeprefix("Bearer "))
        self.page.locator(".auth-btn-wrapper .authorize").click()
        self.page.locator(".auth-btn-wrapper .btn-done").click()

    @staticmethod
    def tried(operation: Locator, **parameters: str) -> tuple[str, Json]:
        """Try an operation out with these parameters; returns the status and the JSON that the page then shows."""
        operation.locator(".try-out__btn").click()
        for name, value in parameters.items():
            operation.locator(f"tr[data-param-name='{name}'] input").fill(value)
        operation.locator(".execute").click()
        live = operation.locator(".live-responses-table")
        status = live.locator(".response .response-col_status").inner_text()
        return status.split()[0], json.loads(live.locator(".response .highlight-code code").first.inner_text())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as browser:
        yield browser


@pytest.fixture
def opened(server: Server, browser: Browser) -> Iterator[Opened]:
    server.start_build()
    page = browser.new_page()
    page.set_default_timeout(LIMIT_MS)
    yield Opened(server, page)
    page.close()


def test_every_operation_is_shown_and_nobody_else_is_asked(opened: Opened) -> None:
    paths = opened.server.ask("GET", "/api/v1/openapi.json").json()["paths"]
    operations = [operation for path in paths.values() for operation in path.values()]
    shown = opened.page.locator(".opblock")
    expect(shown).to_have_count(len(operations), timeout=LIMIT_MS)
    for operation in operations:
        expect(opened.page.locator(f".opblock[id$='-{operation['operationId']}']")).to_be_visible()
    assert f"{opened.server.url}/api/v1/openapi.json" in opened.asked
    assert [url for url in opened.asked if not url.startswith((f"{opened.server.url}/", "data:"))] == []
    assert opened.problems == []


def test_an_operation_is_tried_out_with_a_token_and_refused_without(opened: Opened) -> None:
    listing = opened.operation("list_pipelines")
    status, body = opened.tried(listing)
    assert (status, body["code"]) == ("401", "no_token")
    opened.authorize()
    build = opened.operation("read_build")
    host, owner, name = str(REPOSITORY).split("/")
    status, body = opened.tried(build, host=host, owner=owner, name=name, number="1")
    assert (status, body["number"], body["repository"]) == ("200", 1, str(REPOSITORY))
    assert f"{opened.server.url}{PIPELINES}/{REPOSITORY}/builds/1" in opened.asked
    assert [url for url in opened.asked if not url.startswith((f"{opened.server.url}/", "data:"))] == []
