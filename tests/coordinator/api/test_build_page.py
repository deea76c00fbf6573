"""Where a link to a build leads a person: without a token, and without a word of what there is."""

import pytest

from coordinator.links import build_url
from shared.model import Repository
from tests.coordinator.api.api_server import Server
from tests.coordinator.api.test_api import error_of
from tests.coordinator.samples import REPOSITORY


def page(server: Server, repository: Repository, number: int) -> str:
    answer = server.ask("GET", build_url(server.url, repository, number).removeprefix(server.url), headers={})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    return answer.text


@pytest.mark.parametrize(
    "repository", [REPOSITORY, Repository("github.com", "Acme-1", ".git_hub.io"), Repository("git.corp:8443", "a", "b")]
)
def test_a_link_leads_to_the_commands_that_show_the_build(idle_server: Server, repository: Repository) -> None:
    text = page(idle_server, repository, 12)
    assert f"<h1>Build 12 of {repository}</h1>" in text
    assert f"\nkontinuous describe build {repository}/12\nkontinuous logs {repository}/12</pre>" in text
    assert '<a href="/apidocs">' in text


def test_it_discloses_nothing_of_what_there_is_and_reads_no_store(server: Server) -> None:
    server.start_build()
    there = page(server, REPOSITORY, 1)
    assert there.replace("/1\n", "/7\n").replace("/1<", "/7<").replace("Build 1 ", "Build 7 ") == page(
        server, REPOSITORY, 7
    )
    server.world.kv.down = True
    assert page(server, REPOSITORY, 1) == there


@pytest.mark.parametrize("number", ["0", "-1", "x", "123456789", "1/", "1/stages", "%D9%A3", "1%0A", ""])
def test_what_is_no_builds_number_has_no_page(idle_server: Server, number: str) -> None:
    error_of(idle_server.ask("GET", f"/builds/{REPOSITORY}/{number}", headers={}), 404, "not_found")


@pytest.mark.parametrize("host", ["--help", "%FF", "a:b", "a/b", ""])
@pytest.mark.parametrize("name", ["shop", "%3Cscript%3E", "a;b", "a%20b", "$(x)", "a%0Ab", ""])
def test_what_is_no_repositorys_name_has_no_page(idle_server: Server, host: str, name: str) -> None:
    error_of(idle_server.ask("GET", f"/builds/{host}/acme/{name}/1", headers={}), 404, "not_found")
    if name != "shop":
        error_of(idle_server.ask("GET", f"/builds/github.com/acme/{name}/1", headers={}), 404, "not_found")
        error_of(idle_server.ask("GET", f"/builds/github.com/{name}/shop/1", headers={}), 404, "not_found")
