"""Every route, right and wrong, over HTTP."""

import base64
import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
import requests

from coordinator.api.builds import DEFAULT_PAGE, LARGEST_PAGE
from coordinator.api.requests import MAX_BODY_BYTES
from coordinator.api.server import MAX_REQUEST_BYTES
from shared import keys
from shared.catalogue import StageType
from shared.status import ReportStatus
from tests.coordinator.api.api_server import BUILDS, PIPELINE_FILE, PIPELINES, TIMEOUT_S, Server
from tests.coordinator.samples import CATALOGUE, IMAGE, REPOSITORY, SHA, build
from tests.coordinator.world import PlayedStage
from tests.waiting import wait_for

UTC = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
FINISHED = "2026-01-31T12:00:09.000Z"
SECRETS = "/api/v1/namespaces/acaleph/secrets/docker-credentials"
READ_FROM_ETCD = [
    PIPELINES,
    BUILDS,
    f"{BUILDS}/1",
    f"{BUILDS}/1/events",
    f"{BUILDS}/1/stages",
    f"{BUILDS}/1/stages/build",
    f"{BUILDS}/1/stages/build/logs",
    f"{BUILDS}/1/stages/build/artifacts",
    f"{BUILDS}/1/stages/build/artifacts/a",
    "/readyz",
]


def error_of(answer: requests.Response, status: int, code: str) -> str:
    """Check that an answer is an error as all are; returns its message."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    body = answer.json()
    assert set(body) == {"code", "message", "details"}
    assert (body["code"], type(body["details"])) == (code, list)
    assert body["message"]
    return str(body["message"])


def test_health_needs_no_token(idle_server: Server) -> None:
    for path in ("/healthz", "/readyz"):
        answer = idle_server.ask("GET", path, headers={})
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_token_in_the_query_string_is_refused(idle_server: Server) -> None:
    token = idle_server.headers["Authorization"].removeprefix("Bearer ")
    for name in ("token", "access_token", "Authorization", "jwt"):
        error_of(idle_server.ask("GET", f"{PIPELINES}?{name}={token}", headers={}), 401, "no_token")


def test_a_pipeline_is_created_once_and_listed(server: Server) -> None:
    assert server.ask("GET", PIPELINES).json() == {"items": []}
    answer = server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    assert answer.status_code == 201
    created_at = answer.json()["created_at"]
    assert answer.json() == {"repository": str(REPOSITORY), "created_at": created_at, "webhook_problem": ""}
    again = server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    assert (again.status_code, again.json()) == (200, answer.json())
    assert server.ask("GET", PIPELINES).json() == {"items": [answer.json()]}


@pytest.mark.parametrize("repository", ["hello", "a/b", "a/b/c/d", "a//c", "local/../c", "local/b/.", 7, None])
def test_a_repository_of_another_form_is_refused(idle_server: Server, repository: Any) -> None:
    error_of(idle_server.ask("POST", PIPELINES, json={"repository": repository}), 400, "bad_field")


def test_a_repository_that_is_not_there_is_not_found(idle_server: Server) -> None:
    error_of(idle_server.ask("POST", PIPELINES, json={"repository": "local/ab12/other"}), 404, "not_found")


def test_a_new_build_looks_as_the_contract_says(server: Server) -> None:
    made = server.start_build(source="cli")
    stages = made.pop("stages")
    assert made == {
        "repository": str(REPOSITORY),
        "number": 1,
        "status": "PENDING",
        "reason": "",
        "namespace": "acaleph",
        "pipeline": "hello",
        "commit": {
            "sha": SHA,
            "ref": "refs/heads/main",
            "branch": "main",
            "author": "Ann <ann@example.com>",
            "message": "first",
        },
        "trigger": {"source": "cli", "actor": "ann"},
        "created_at": made["created_at"],
        "finished_at": "",
        "seconds": None,
        "cancel_requested": False,
        "notifications": [],
        "resumptions": [],
    }
    assert stages[1] == {
        "id": "unit-test",
        "name": "Unit Test",
        "type": "command",
        "status": "PENDING",
        "attempt": 0,
        "reason": "",
        "fault": "",
        "exit_code": None,
        "waiting_for": "",
        "result": {},
        "warnings": [],
        "seconds": None,
        "log_bytes": 0,
        "github": "",
        "created_at": "",
        "launched_at": "",
        "scheduled_at": "",
        "containers_started_at": "",
        "started_at": "",
        "finished_at": "",
        "timings": {},
        "waterfall": [],
    }


def test_a_build_runs_and_is_read_to_its_end(server: Server) -> None:
    server.world.play()
    server.start_build()
    done = wait_for(lambda: b if (b := server.ask("GET", f"{BUILDS}/1").json())["finished_at"] else None)
    assert done["status"] == "SUCCESS"
    assert done["seconds"] >= 0
    assert done["stages"][0]["result"] == {"image": IMAGE}
    assert done["stages"][0]["seconds"] >= 0
    assert [stage["attempt"] for stage in done["stages"]] == [1, 1]


def test_builds_are_listed_newest_first_and_page_by_page(server: Server) -> None:
    server.start_build()
    for number in range(2, 6):
        server.world.store.create_build(REPOSITORY, lambda n: build(number=n, finished_at=FINISHED))
        assert server.ask("GET", f"{BUILDS}/{number}").ok
    assert server.ask("DELETE", f"{BUILDS}/3").status_code == 204
    pages = {
        "": ([5, 4, 2, 1], None),
        "?limit=4": ([5, 4, 2, 1], None),
        "?limit=3": ([5, 4, 2], 2),
        "?limit=3&before=2": ([1], None),
        "?limit=2": ([5, 4], 4),
        "?limit=2&before=4": ([2, 1], None),
        "?limit=1&before=4": ([2], 2),
        "?before=1": ([], None),
        f"?before={10**17}": ([5, 4, 2, 1], None),
        "?limit=999999": ([5, 4, 2, 1], None),
    }
    for query, (numbers, following) in pages.items():
        answer = server.ask("GET", BUILDS + query).json()
        assert ([item["number"] for item in answer["items"]], answer.get("next")) == (numbers, following), query
    for wrong in ("-1", "0", "x", "1.5", "1" * 19, "²"):
        for name in ("limit", "before"):
            error_of(server.ask("GET", f"{BUILDS}?{name}={wrong}"), 400, "bad_query")


def test_a_page_has_a_bound_whatever_is_asked_for(server: Server) -> None:
    server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    for _ in range(LARGEST_PAGE + 1):
        server.world.store.create_build(REPOSITORY, lambda n: build(number=n, finished_at=FINISHED))
    for query, size in (("", DEFAULT_PAGE), ("?limit=1000", LARGEST_PAGE)):
        answer = server.ask("GET", BUILDS + query).json()
        assert (len(answer["items"]), answer.get("next")) == (size, LARGEST_PAGE + 2 - size)


def test_only_the_stages_that_were_asked_for_run(server: Server) -> None:
    made = server.start_build(only=["Build"])
    assert [(stage["status"], stage["reason"]) for stage in made["stages"]] == [
        ("PENDING", ""),
        ("SKIPPED", "not asked for"),
    ]
    error_of(server.ask("POST", BUILDS, json={"ref": "main", "only": ["Nope"]}), 404, "not_found")
    assert "no earlier build" in error_of(
        server.ask("POST", BUILDS, json={"ref": "main", "only": ["unit-test"]}), 422, "input"
    )


def test_a_later_build_of_one_stage_takes_the_image_of_an_earlier_one(server: Server) -> None:
    server.world.play()
    server.start_build()
    wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["finished_at"])
    server.start_build(only=["Unit Test"])
    assert server.world.store.build(REPOSITORY, 2).value.inherited_image == IMAGE


@pytest.mark.parametrize(
    "body", [{"ref": 7}, {"ref": None}, {"ref": "main", "only": "Build"}, {"ref": "main", "source": 7}]
)
def test_a_field_of_the_wrong_kind_is_refused(server: Server, body: Any) -> None:
    server.start_build()
    error_of(server.ask("POST", BUILDS, json=body), 400, "bad_field")


def test_what_is_not_there_is_not_found(server: Server) -> None:
    error_of(server.ask("GET", BUILDS), 404, "not_found")
    error_of(server.ask("POST", BUILDS, json={"ref": "main"}), 404, "not_found")
    server.start_build()
    error_of(server.ask("POST", BUILDS, json={"ref": "nope"}), 404, "not_found")
    for path in (f"{BUILDS}/2", f"{BUILDS}/2/events", f"{BUILDS}/2/stages/build/logs", f"{BUILDS}/0", f"{BUILDS}/-1"):
        error_of(server.ask("GET", path), 404, "not_found")
    error_of(server.ask("POST", f"{BUILDS}/2/cancel"), 404, "not_found")
    error_of(server.ask("GET", f"{BUILDS}/1/stages/nope/logs"), 404, "not_found")
    error_of(server.ask("GET", f"{BUILDS}/1/stages/build/logs?attempt=7"), 404, "not_found")


def test_a_repository_without_a_pipeline_file_is_not_found(server: Server) -> None:
    server.start_build()
    server.source.files.clear()
    assert ".pipeline.yml" in error_of(server.ask("POST", BUILDS, json={"ref": "main"}), 404, "not_found")


def test_every_problem_of_a_pipeline_file_is_a_detail(server: Server) -> None:
    server.start_build()
    server.source.files[".pipeline.yml"] = PIPELINE_FILE.replace("docker_build", "docker_bild").replace("[make", "[{}")
    answer = server.ask("POST", BUILDS, json={"ref": "main"})
    error_of(answer, 422, "pipeline_file")
    details = answer.json()["details"]
    assert len(details) == 2
    assert details[0].startswith(".pipeline.yml:7:")
    assert "did you mean docker_build?" in details[0]
    assert [build["number"] for build in server.ask("GET", BUILDS).json()["items"]] == [1]


def test_an_operators_own_stage_type_may_be_named() -> None:
    server = Server(catalogue={**CATALOGUE, "scan": StageType("mine:1")})
    text = PIPELINE_FILE.replace("type: docker_build", "type: scan, params: {deep: 1}")
    server.source.files[".pipeline.yml"] = text.replace("command: [make", "image: busybox, command: [make")
    made = server.start_build()
    server.close()
    assert made["stages"][0]["type"] == "scan"


def details_of_scanning(server: Server) -> list[str]:
    """What is said of a file with a stage of the type scan, of which a build is asked for; the server is closed."""
    server.source.files[".pipeline.yml"] = PIPELINE_FILE.replace(
        "type: docker_build", "type: scan, params: {level: mid}"
    )
    server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    answer = server.ask("POST", BUILDS, json={"ref": "main"})
    server.close()
    error_of(answer, 422, "pipeline_file")
    return list(answer.json()["details"])


def test_a_stage_types_schema_is_shown_and_held_against_a_builds_params_with_their_places() -> None:
    rules = {"properties": {"level": {"enum": ["low", "high"]}}, "required": ["level"]}
    server = Server(catalogue={**CATALOGUE, "scan": StageType("mine:1", rules, "Looks for trouble.")})
    listed = server.ask("GET", "/api/v1/stage-types").json()["items"]
    assert [item["type"] for item in listed] == ["command", "docker_build", "docker_publish", "scan"]
    assert listed[3] == {
        "type": "scan", "image": "mine:1", "description": "Looks for trouble.", "built_in": False, "params": rules,
    }  # fmt: skip
    assert (listed[0]["built_in"], listed[0]["params"]["required"]) == (True, ["command"])
    details = details_of_scanning(server)
    where = ".pipeline.yml:7:51: spec.template.stages[0].params.level"
    assert details == [f"{where}: 'mid' is not one of ['low', 'high']"]


def test_a_schema_that_cannot_be_used_is_no_failure_of_the_server() -> None:
    rules = {"properties": {"level": {"$ref": "#/properties/level"}}}
    server = Server(catalogue={**CATALOGUE, "scan": StageType("mine:1", rules)})
    details = details_of_scanning(server)
    assert "params: the JSON Schema of its type cannot be used: a reference leads to itself" in details[0]


def test_an_unknown_route_is_not_found_in_json(idle_server: Server) -> None:
    for path in ("/", "/nope", "/api/v1/pipelines/a/b", f"{BUILDS}/x", f"{BUILDS}/1/nope", "/healthz/"):
        error_of(idle_server.ask("GET", path), 404, "not_found")


def test_a_method_that_a_route_has_not_is_refused_in_json(idle_server: Server) -> None:
    error_of(idle_server.ask("DELETE", PIPELINES), 405, "method_not_allowed")
    error_of(idle_server.ask("POST", "/healthz"), 405, "method_not_allowed")
    error_of(idle_server.ask("GET", f"{BUILDS}/1/cancel"), 405, "method_not_allowed")


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"nul"])
def test_a_body_that_is_not_json_is_refused(idle_server: Server, body: bytes) -> None:
    error_of(idle_server.ask("POST", PIPELINES, data=body), 400, "bad_json")


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"x"'])
def test_a_body_that_is_no_object_is_refused(idle_server: Server, body: bytes) -> None:
    error_of(idle_server.ask("POST", PIPELINES, data=body), 400, "bad_json")


def test_a_body_over_the_limit_is_refused_and_the_connection_lives_on(server: Server) -> None:
    with requests.Session() as session:
        session.headers.update(server.headers)
        too_large = b" " * (MAX_BODY_BYTES + 1)
        error_of(session.post(server.url + PIPELINES, data=too_large, timeout=TIMEOUT_S), 413, "too_large")
        answer = session.get(server.url + PIPELINES, timeout=TIMEOUT_S)
        assert (answer.status_code, answer.json()) == (200, {"items": []})
        fits = json.dumps({"repository": str(REPOSITORY)}).encode().ljust(MAX_BODY_BYTES)
        assert session.post(server.url + PIPELINES, data=fits, timeout=TIMEOUT_S).status_code == 201


def in_pieces(data: bytes) -> Iterator[bytes]:
    """A body that is sent in chunks, without its length."""
    yield from (data[at : at + 10_000] for at in range(0, len(data), 10_000))


def test_a_chunked_body_is_read(server: Server) -> None:
    body = json.dumps({"repository": str(REPOSITORY)}).encode()
    assert server.ask("POST", PIPELINES, data=in_pieces(body)).status_code == 201


def test_a_chunked_body_over_the_limit_is_taken_before_it_is_refused(server: Server) -> None:
    """Or else a client that sends before it reads meets a broken connection, and no answer."""
    connection = HTTPConnection("127.0.0.1", server.service.port, timeout=TIMEOUT_S)
    body = in_pieces(b" " * (20 * MAX_BODY_BYTES))
    connection.request("POST", PIPELINES, body, {**server.headers, "Transfer-Encoding": "chunked"}, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["code"]) == (413, "too_large")
    connection.close()


def raw(server: Server, *parts: bytes) -> tuple[bytes, Any]:
    """Send bytes as they are; returns the status line and the JSON of the answer."""
    with socket.create_connection(("127.0.0.1", server.service.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(b"".join(parts))
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    return head.split(b"\r\n")[0], json.loads(body)


def head_of(server: Server, path: str, *lines: str) -> bytes:
    fixed = ("Host: x", f"Authorization: {server.headers['Authorization']}", "Connection: close")
    return "\r\n".join((f"POST {path} HTTP/1.1", *fixed, *lines, "", "")).encode()


def test_what_is_no_request_is_refused_in_json(idle_server: Server) -> None:
    for nonsense in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n"):
        status, body = raw(idle_server, nonsense)
        assert status.startswith(b"HTTP/1.1 400")
        assert body["code"] == "bad_request"


def test_a_body_that_no_route_would_take_is_refused_before_it_is_sent(idle_server: Server) -> None:
    status, body = raw(idle_server, head_of(idle_server, PIPELINES, f"Content-Length: {MAX_REQUEST_BYTES + 1}"))
    assert status.startswith(b"HTTP/1.1 413")
    assert body["code"] == "request_entity_too_large"


def test_a_negative_length_is_refused(idle_server: Server) -> None:
    status, body = raw(idle_server, head_of(idle_server, PIPELINES, "Content-Length: -1"), b"{}")
    assert status.startswith(b"HTTP/1.1 400")
    assert body == {"code": "bad_request", "message": "Content-Length is negative.", "details": []}


@pytest.mark.parametrize("chunks", [b"zz\r\n{}\r\n0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"-1\r\n{}\r\n"])
def test_broken_chunks_are_refused(idle_server: Server, chunks: bytes) -> None:
    status, body = raw(idle_server, head_of(idle_server, PIPELINES, "Transfer-Encoding: chunked"), chunks)
    assert status.startswith(b"HTTP/1.1 400")
    assert body["code"] in ("bad_body", "bad_field")


def test_a_build_is_cancelled_once_asked_for(server: Server) -> None:
    def waits(stage: PlayedStage) -> None:
        stage.wait_for_cancel()
        stage.end(ReportStatus.INTERRUPTED, 130)

    server.world.plays["build"] = waits
    server.world.play()
    server.start_build()
    wait_for(lambda: server.world.worked)
    answer = server.ask("POST", f"{BUILDS}/1/cancel")
    assert (answer.status_code, answer.json()["cancel_requested"]) == (202, True)
    done = wait_for(lambda: b if (b := server.ask("GET", f"{BUILDS}/1").json())["finished_at"] else None)
    assert (done["status"], done["reason"]) == ("CANCELLED", "cancelled by ann")
    error_of(server.ask("POST", f"{BUILDS}/1/cancel"), 409, "conflict")


def test_a_secret_is_handed_to_the_launcher(server: Server) -> None:
    data = {"password": base64.b64encode(b"\x00\xff").decode(), "empty": ""}
    answer = server.ask("PUT", SECRETS, json={"data": data})
    assert (answer.status_code, answer.content) == (204, b"")
    assert server.intake.secrets == {("acaleph", "docker-credentials"): {"password": b"\x00\xff", "empty": b""}}


@pytest.mark.parametrize(
    "data", [None, [], "x", {"a": 7}, {"a": None}, {"a": ["x"]}, {"a": "?"}, {"a": "ä"}, {"a": "a"}]
)
def test_a_secret_that_is_not_base64_is_refused(idle_server: Server, data: Any) -> None:
    error_of(idle_server.ask("PUT", SECRETS, json={"data": data}), 400, "bad_field")
    assert idle_server.intake.secrets == {}


def test_without_a_launcher_that_takes_them_there_is_no_route_for_secrets() -> None:
    server = Server(with_intake=False)
    error_of(server.ask("PUT", SECRETS, json={"data": {}}), 404, "not_found")
    server.close()


@pytest.mark.parametrize("path", READ_FROM_ETCD)
def test_a_store_that_is_down_is_unavailable(server: Server, path: str) -> None:
    server.start_build()
    server.kv.down = True
    assert "etcd is down" in error_of(server.ask("GET", path), 503, "unavailable")
    server.kv.down = False
    assert server.ask("GET", "/readyz").json() == {"status": "ok"}


def test_without_s3_the_coordinator_is_ready_and_says_what_is_missing(server: Server) -> None:
    server.world.objects.stuck = True
    assert server.ask("GET", "/readyz").json() == {"status": "there are no logs and artifacts: S3 is down"}
    server.start_build()


def test_an_error_of_ours_is_not_written_to_the_servers_log(
    idle_server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    error_of(idle_server.ask("GET", f"{BUILDS}/7"), 404, "not_found")
    error_of(idle_server.ask("GET", PIPELINES, headers={}), 401, "no_token")
    assert capfd.readouterr().err == ""


def test_a_bug_is_an_error_without_its_trace(server: Server, capfd: pytest.CaptureFixture[str]) -> None:
    server.source.files[".pipeline.yml"] = None  # type: ignore[assignment]
    server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
    message = error_of(server.ask("POST", BUILDS, json={"ref": "main"}), 500, "internal")
    assert "Traceback" not in message
    assert "Traceback" in capfd.readouterr().err


def test_head_answers_without_a_body(server: Server) -> None:
    server.start_build()
    for path in (f"{BUILDS}/1", f"{BUILDS}/1/events", f"{BUILDS}/1/stages/build/logs?follow=true"):
        answer = server.ask("HEAD", path)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_stored_log_is_bytes_from_any_offset(server: Server) -> None:
    log = bytes(range(256)) * 1000
    server.world.plays["build"] = lambda stage: (stage.write(log), stage.end(ReportStatus.SUCCESS))  # type: ignore[assignment]
    server.world.play()
    server.start_build(only=["Build"])
    wait_for(lambda: server.ask("GET", f"{BUILDS}/1").json()["finished_at"])
    for stage in ("build", "Build"):
        for query, offset in (
            ("", 0),
            ("?offset=0", 0),
            ("?offset=70001&attempt=1", 70001),
            ("?offset=999999", 999999),
        ):
            answer = server.ask("GET", f"{BUILDS}/1/stages/{stage}/logs{query}")
            assert (answer.status_code, answer.content) == (200, log[offset:])
            assert answer.headers["Content-Type"] == "application/octet-stream"
    error_of(server.ask("GET", f"{BUILDS}/1/stages/build/logs?offset=-1"), 400, "bad_query")
    error_of(server.ask("GET", f"{BUILDS}/1/stages/build/logs?attempt=x"), 400, "bad_query")


def test_a_log_before_the_first_attempt_is_empty(server: Server) -> None:
    server.start_build()
    answer = server.ask("GET", f"{BUILDS}/1/stages/unit-test/logs")
    assert (answer.status_code, answer.content) == (200, b"")


def test_names_are_unescaped_and_compared_exactly(server: Server) -> None:
    server.start_build()
    assert server.ask("GET", f"{BUILDS}/1/stages/Unit%20Test/logs").status_code == 200
    error_of(server.ask("GET", f"{BUILDS}/1/stages/%00/logs"), 404, "not_found")
    error_of(server.ask("GET", f"{BUILDS}/1/stages/%ff/logs"), 404, "not_found")
    error_of(server.ask("GET", f"{PIPELINES}/local/%2e%2e/hello/builds"), 404, "not_found")


def test_a_port_that_is_taken_is_named(idle_server: Server) -> None:
    with pytest.raises(Exception, match=f"cannot listen on 127.0.0.1:{idle_server.service.port}.*choose another port"):
        Server(port=idle_server.service.port)


def test_no_build_gets_a_number_when_it_is_refused(server: Server) -> None:
    server.start_build()
    server.ask("POST", BUILDS, json={"ref": "main", "only": ["Nope"]})
    assert server.start_build()["number"] == 2
    assert keys.build_key(REPOSITORY, 2).endswith("00000002")


def test_a_namespace_that_the_operator_does_not_allow_is_refused_before_anything_is_started() -> None:
    server = Server(pipeline_namespaces={"local/*": ("team-a",)})
    try:
        server.ask("POST", PIPELINES, json={"repository": str(REPOSITORY)})
        message = error_of(server.ask("POST", BUILDS, json={"ref": "main"}), 422, "input")
        assert "'acaleph'" in message
        assert "team-a" in message
        assert server.ask("GET", BUILDS).json()["items"] == []
        assert server.world.launcher.launches == []
    finally:
        server.close()


def test_metrics_are_prometheus_text_without_a_token(idle_server: Server) -> None:
    answer = idle_server.ask("GET", "/metrics", headers={})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "# TYPE kontinuous_builds_total counter" in answer.text
