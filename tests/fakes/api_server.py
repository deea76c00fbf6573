"""A stand-in of the coordinator's HTTP API, for the tests of the command line.

A build goes as the `play` says that the server was made with: a function that runs in a thread of its own for each
build and moves it on. What a client does wrong (an unknown path, an undeclared field, no token) is answered with an
error and kept in `complaints`.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "a-token"
STAGES = (("build-docker-image", "Build Docker Image", "docker_build"), ("unit-test", "Unit Test", "command"))
REPOSITORY = "local/ab12/hello"
SHA = "5" * 40
KEEP_ALIVE_S = 0.2
LARGEST_PAGE = 2

Json = dict[str, Any]
Play = Callable[["FakeBuild"], None]


@dataclass
class FakeBuild:
    """A build with its logs; whoever changes it does so through its methods, which tell the streams."""

    value: Json
    logs: dict[str, bytearray] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0
    shown: int = -1

    def stage(self, stage_id: str, **facts: Any) -> None:
        """Change facts of a stage, such as `status`."""
        with self.changed:
            next(s for s in self.value["stages"] if s["id"] == stage_id).update(facts)
            self._tell()

    def finish(self, status: str, reason: str = "") -> None:
        """End the build."""
        with self.changed:
            self.value.update(status=status, reason=reason, finished_at="2026-01-31T12:00:09.000Z", seconds=9.0)
            self._tell()

    def write(self, stage_id: str, data: bytes) -> None:
        """Add to a stage's log."""
        with self.changed:
            self.logs.setdefault(stage_id, bytearray()).extend(data)
            self._tell()

    def wait_until_cancelled(self) -> None:
        """Wait for a client to cancel."""
        with self.changed:
            self.changed.wait_for(lambda: self.value["cancel_requested"])

    def wait_until_shown(self) -> None:
        """Wait until a client was sent the build as it is."""
        with self.changed:
            self.changed.wait_for(lambda: self.shown == self.version)

    def next_state(self, seen: int) -> tuple[int, str]:
        """The build's version and its JSON once the version is no longer `seen`, or after KEEP_ALIVE_S."""
        with self.changed:
            self.changed.wait_for(lambda: self.version != seen, KEEP_ALIVE_S)
            return self.version, json.dumps(self.value)

    def was_shown(self, version: int) -> None:
        """Note that a client was sent this version."""
        with self.changed:
            self.shown = version
            self.changed.notify_all()

    def cancel(self) -> None:
        """What a client's cancel does."""
        with self.changed:
            self.value["cancel_requested"] = True
            self._tell()

    def status_of(self, stage_id: str) -> str:
        """A stage's status now."""
        return str(next(s for s in self.value["stages"] if s["id"] == stage_id)["status"])

    def _tell(self) -> None:
        self.version += 1
        self.changed.notify_all()


@dataclass
class Faults:
    """What goes wrong with streams. `cuts`: bytes of each log stream after which its connection breaks within an event,
    one stream after another. `overlap`: bytes that each stream repeats. `gap`: bytes that the next one leaves out.
    `event_cuts`: how many build streams break after their first event. `pause_s`: how long a list of builds takes."""

    cuts: list[int] = field(default_factory=list)
    overlap: int = 0
    gap: int = 0
    event_cuts: int = 0
    pause_s: float = 0.0


class ApiServer:
    """The stand-in, up as long as the context lasts."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.faults = Faults()
        self.pipelines: list[str] = []
        self.builds: dict[tuple[str, int], FakeBuild] = {}
        self.secrets: dict[str, Json] = {}
        self.stage_types: list[Json] = []
        self.complaints: list[str] = []
        self.log_offsets: list[int] = []
        self.listed: list[str] = []
        self.on_log: Callable[[], None] = lambda: None
        handler = type("Handler", (_Handler,), {"api": self})
        self._server = _listen(handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "ApiServer":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def start(self, repository: str, body: Json) -> FakeBuild:
        """Make a build and let its play begin."""
        number = 1 + sum(name == repository for name, _ in self.builds)
        build = FakeBuild(build_value(repository, number, body.get("only", [])))
        self.builds[repository, number] = build
        threading.Thread(target=self.play, args=(build,), daemon=True).start()
        return build


def build_value(repository: str, number: int, only: list[str]) -> Json:
    """A build as the API shows it, before anything of it ran."""
    commit = {"sha": SHA, "ref": "refs/heads/main", "branch": "main", "author": "", "message": ""}
    return {
        **dict.fromkeys(("reason", "finished_at"), ""),
        "repository": repository,
        "number": number,
        "status": "PENDING",
        "namespace": "examples",
        "pipeline": "hello",
        "commit": commit,
        "trigger": {"source": "cli", "actor": ""},
        "cancel_requested": False,
        "notifications": [],
        "resumptions": [],
        "created_at": f"2026-01-31T12:00:{number:02d}.000Z",
        "seconds": None,
        "stages": [_stage(*stage, skipped=bool(only) and stage[1] not in only) for stage in STAGES],
    }


def _pipeline(name: str) -> Json:
    return {"repository": name, "created_at": "2026-01-31T12:00:00.000Z", "webhook_problem": ""}


def _stage(stage_id: str, name: str, kind: str, *, skipped: bool) -> Json:
    return {
        **dict.fromkeys(("reason", "fault", "waiting_for"), ""),
        **dict.fromkeys(("created_at", "launched_at", "started_at", "finished_at"), ""),
        **dict.fromkeys(("exit_code", "seconds")),
        "id": stage_id,
        "name": name,
        "type": kind,
        "status": "SKIPPED" if skipped else "PENDING",
        "attempt": 0,
        "result": {},
        "warnings": [],
        "log_bytes": 0,
        "timings": {},
    }


def _listen(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server on a free port below those that the system hands out by itself."""
    for port in range(21000, 22000):
        with suppress(OSError):
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
    raise RuntimeError("no port is free")


class _Refusal(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    api: ApiServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._dispatch(None)

    def do_POST(self) -> None:
        self._dispatch(self._body())

    def do_PUT(self) -> None:
        self._dispatch(self._body())

    def log_message(self, *_: object) -> None:
        """Say nothing: tests read what the command prints."""

    def _body(self) -> Json:
        return dict(json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}"))

    def _dispatch(self, body: Json | None) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        try:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                raise _Refusal(401, "the token is wrong")
            for method, pattern, action in _ROUTES:
                if method == self.command and (match := re.fullmatch(pattern, url.path)):
                    getattr(self, action)(*map(unquote, match.groups()), *([] if body is None else [body]))
                    return
            raise _Refusal(400, f"there is no {self.command} {url.path}")
        except _Refusal as refusal:
            if refusal.status == 400:
                self.api.complaints.append(str(refusal))
            self._answer(refusal.status, {"code": "refused", "message": str(refusal), "details": {}})

    def _answer(self, status: int, body: Json | None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _accept(self, body: Json, *allowed: str) -> None:
        if unknown := set(body) - set(allowed):
            raise _Refusal(400, f"undeclared fields: {sorted(unknown)}")

    def _build(self, repository: str, number: str) -> FakeBuild:
        try:
            return self.api.builds[repository, int(number)]
        except KeyError:
            raise _Refusal(404, f"there is no build {number} of {repository}") from None

    def list_pipelines(self) -> None:
        self._answer(200, {"items": [_pipeline(name) for name in self.api.pipelines]})

    def list_stage_types(self) -> None:
        self._answer(200, {"items": self.api.stage_types})

    def create_pipeline(self, body: Json) -> None:
        self._accept(body, "repository")
        known = body["repository"] in self.api.pipelines
        self.api.pipelines += [] if known else [body["repository"]]
        self._answer(200 if known else 201, _pipeline(body["repository"]))

    def list_builds(self, repository: str) -> None:
        self.api.listed.append(repository)
        time.sleep(self.api.faults.pause_s)
        if repository not in self.api.pipelines:
            raise _Refusal(404, f"there is no pipeline {repository}")
        before, limit = int(self.query.get("before", 1_000_000)), min(int(self.query["limit"]), LARGEST_PAGE)
        builds = [build.value for (name, _), build in self.api.builds.items() if name == repository]
        items = [build for build in builds[::-1] if build["number"] < before]
        more = {"next": items[limit - 1]["number"]} if len(items) > limit else {}
        self._answer(200, {"items": items[:limit], **more})

    def start_build(self, repository: str, body: Json) -> None:
        self._accept(body, "ref", "only", "source")
        if repository not in self.api.pipelines:
            raise _Refusal(404, f"there is no pipeline {repository}")
        self._answer(201, self.api.start(repository, body).value)

    def show_build(self, repository: str, number: str) -> None:
        self._answer(200, self._build(repository, number).value)

    def cancel_build(self, repository: str, number: str, _body: Json) -> None:
        build = self._build(repository, number)
        build.cancel()
        self._answer(202, build.value)

    def put_secret(self, namespace: str, name: str, body: Json) -> None:
        self._accept(body, "data")
        self.api.secrets[f"{namespace}/{name}"] = body["data"]
        self._answer(204, None)

    def follow_build(self, repository: str, number: str) -> None:
        build = self._build(repository, number)
        self._begin_events()
        seen = -1
        while True:
            version, value = build.next_state(seen)
            self._send(f"event: build\ndata: {value}\n\n" if version != seen else ": still here\n\n")
            seen = version
            build.was_shown(version)
            if self.api.faults.event_cuts > 0:
                self.api.faults.event_cuts -= 1
                return
            if json.loads(value)["finished_at"]:
                self._send("event: end\ndata: {}\n\n")
                return

    def read_log(self, repository: str, number: str, stage_id: str) -> None:
        build = self._build(repository, number)
        offset = int(self.query["offset"])
        self.api.log_offsets.append(offset)
        self.api.on_log()
        if self.query.get("follow") == "true":
            self._begin_events()
            self._follow_log(build, stage_id, offset)
            return
        data = bytes(build.logs.get(stage_id, b""))[offset:]
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        cut = self.api.faults.cuts.pop(0) if self.api.faults.cuts else len(data)
        self.wfile.write(data[:cut])
        self.close_connection = True

    def _follow_log(self, build: FakeBuild, stage_id: str, offset: int) -> None:
        faults = self.api.faults
        offset = max(0, offset - faults.overlap) + faults.gap
        faults.gap = 0
        budget = faults.cuts.pop(0) if faults.cuts else None
        for start, data in self._log_pieces(build, stage_id, offset):
            record = json.dumps({"offset": start, "data": base64.b64encode(data).decode()})
            event = f"id: {start + len(data)}\nevent: log\ndata: {record}\n\n" if data else ": still here\n\n"
            if budget is not None and start + len(data) - offset > budget:
                self._send(event[: len(event) // 2])
                return
            self._send(event)
        self._send(f'event: end\ndata: {{"offset": {len(build.logs.get(stage_id, b""))}}}\n\n')

    def _log_pieces(self, build: FakeBuild, stage_id: str, offset: int) -> Iterator[tuple[int, bytes]]:
        while True:
            with build.changed:
                ended = build.status_of(stage_id) not in ("PENDING", "RUNNING")
                data = bytes(build.logs.get(stage_id, b"")[offset : offset + 1000])
                if not data and not ended:
                    build.changed.wait(KEEP_ALIVE_S)
            if not data and ended:
                return
            yield offset, data
            offset += len(data)

    def _begin_events(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()

    def _send(self, text: str) -> None:
        with suppress(ConnectionError):  # the client may leave at any time
            self.wfile.write(text.encode())
            self.wfile.flush()


_P = "/api/v1/pipelines/([^/]+/[^/]+/[^/]+)"
_ROUTES = (
    ("GET", "/api/v1/pipelines", "list_pipelines"),
    ("GET", "/api/v1/stage-types", "list_stage_types"),
    ("POST", "/api/v1/pipelines", "create_pipeline"),
    ("GET", f"{_P}/builds", "list_builds"),
    ("POST", f"{_P}/builds", "start_build"),
    ("GET", f"{_P}/builds/([0-9]+)", "show_build"),
    ("POST", f"{_P}/builds/([0-9]+)/cancel", "cancel_build"),
    ("GET", f"{_P}/builds/([0-9]+)/events", "follow_build"),
    ("GET", f"{_P}/builds/([0-9]+)/stages/([^/]+)/logs", "read_log"),
    ("PUT", "/api/v1/namespaces/([^/]+)/secrets/([^/]+)", "put_secret"),
)
