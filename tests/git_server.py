"""A git server over HTTP: git's own `http-backend` behind a small CGI server, with basic authentication if wanted."""

import base64
import os
import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from tests.free_port import free_port


class GitServer:
    """Serves the bare repositories in a folder, read only, on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, login: tuple[str, str] | None = None, *, protocol_2: bool = True) -> None:
        """Without `protocol_2` it gives out only commits that a branch or tag points to."""
        self.folder = folder
        self.protocol_2 = protocol_2
        self.requests: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), _handler(self, login))
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{name}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(owner: GitServer, login: tuple[str, str] | None) -> type[BaseHTTPRequestHandler]:
    wanted = "Basic " + base64.b64encode(":".join(login).encode()).decode() if login else None

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

        def log_message(self, *_: object) -> None:
            """Say nothing on stderr."""

        def _answer(self, body: bytes) -> None:
            owner.requests.append(self.path)
            if wanted and self.headers.get("Authorization") != wanted:
                self._send(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
                return
            self._send(*http_backend(owner.folder, self.command, self.path, self.headers, body, owner.protocol_2))

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler


def http_backend(
    folder: Path, method: str, path: str, headers: Mapping[str, str], body: bytes, protocol_2: bool = True
) -> tuple[int, dict[str, str], bytes]:
    """Let git answer a request for a repository in `folder`: status, headers and content."""
    path, _, query = path.partition("?")
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
        "GIT_PROTOCOL": headers.get("Git-Protocol", "") if protocol_2 else "",
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=False)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    answer = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return int(answer.pop("Status", "200").split()[0]), answer, content


def make_repository(folder: Path, name: str, files: dict[str, str]) -> str:
    """Make a bare repository `name` with one commit on main; returns the commit's SHA."""
    work = folder / f"{name}.work"
    work.mkdir(parents=True)
    for path, text in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(text)
    git(work, "init", "--quiet", "--initial-branch", "main")
    sha = commit(work, "first")
    git(folder, "clone", "--quiet", "--bare", str(work), str(folder / name))
    return sha


def commit(work: Path, message: str) -> str:
    """Commit everything in a work tree; returns the SHA."""
    git(work, "add", "--all")
    git(
        work, "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "--quiet", "--allow-empty", "-m", message
    )
    return git(work, "rev-parse", "HEAD")


def git(folder: Path, *arguments: str) -> str:
    """Run git, apart from the settings of who runs the tests; returns what it printed."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
