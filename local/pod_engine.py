"""The Docker engine's HTTP API, as far as pods need it.

The SDK gives the connection (socket, pool, API version); the calls are made here, since the SDK's own add an inspect
to each log and exec, and its streams cannot be ended from another thread. Safe to use from many threads.
API reference: https://docs.docker.com/reference/api/engine/
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from requests import RequestException, Response
from urllib3.exceptions import HTTPError

from shared.errors import InfrastructureError
from shared.json_value import Json

CALL_S = 120
PULL_SILENCE_S = 300
_POOL = 64
NOT_FOUND = 404
BAD_REQUEST = 400
_STREAM_ERRORS = (RequestException, HTTPError, OSError, ValueError, AttributeError)


class EngineError(InfrastructureError):
    """The engine refused a call (`status` is its HTTP status) or did not answer (0). The text has its own words."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class EngineStream:
    """A response that comes bit by bit. Any thread may close it; who iterates over it then reaches its end."""

    def __init__(self, response: Response) -> None:
        self._response = response
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._response.iter_content(None)
        except _STREAM_ERRORS as error:
            if not self._closed:
                raise EngineError(f"the Docker engine broke off: {error}") from error

    def lines(self) -> Iterator[dict[str, Any]]:
        """Read the stream as one JSON object a line."""
        rest = b""
        for chunk in self:
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (json.loads(line) for line in lines if line.strip())

    def close(self) -> None:
        """End the stream, also under a thread that waits for its next bytes."""
        self._closed = True
        try:
            self._response.raw.shutdown()
        except (RuntimeError, ValueError, OSError):
            return  # it has ended by itself; its connection may serve another call by now
        self._response.close()


class PodEngine:
    """One Docker engine. Every call raises EngineError."""

    def __init__(self, url: str) -> None:
        try:
            self._http = APIClient(url, timeout=CALL_S, max_pool_size=_POOL)
        except (DockerException, RequestException, OSError) as error:
            raise EngineError(f"the Docker engine at {url} does not answer: {error}") from error
        self._http.trust_env = False  # no proxy stands between us and the engine
        self._base = f"{self._http.base_url}/v{self._http.api_version}"

    def close(self) -> None:
        """Give back the connections."""
        self._http.close()

    def cpus(self) -> int:
        """How many CPUs the engine's machine has."""
        return int(self._json("GET", "/info")["NCPU"])

    def create_container(self, name: str, body: Mapping[str, Any]) -> None:
        """Make a container, with the volumes it mounts."""
        self._call("POST", "/containers/create", params={"name": name}, json=body)

    def start(self, name: str) -> None:
        """Start a container; one that runs already is fine."""
        self._call("POST", f"/containers/{name}/start")

    def stop(self, name: str, grace_s: int) -> None:
        """SIGTERM, and SIGKILL after `grace_s`; returns when it has ended. Absent or ended is fine."""
        self._unless_absent("POST", f"/containers/{name}/stop", params={"t": grace_s}, timeout=grace_s + CALL_S)

    def inspect(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of a container; None where there is no such."""
        response = self._unless_absent("GET", f"/containers/{name}/json")
        return None if response is None else response.json()

    def remove_container(self, name: str) -> None:
        """Remove a container, running or not, with its nameless volumes. Absent is fine."""
        self._unless_absent("DELETE", f"/containers/{name}", params={"force": 1, "v": 1})

    def containers(self, labels: list[str]) -> list[dict[str, Any]]:
        """All containers that carry the labels, in the short form of the list call."""
        found: list[dict[str, Any]] = self._json("GET", "/containers/json", params={"all": 1, **_filters(label=labels)})
        return found

    def unpack(self, name: str, archive: bytes) -> None:
        """Unpack a tar archive at the root of a container's files, mounted volumes included."""
        self._call("PUT", f"/containers/{name}/archive", params={"path": "/"}, data=archive)

    def execute(self, name: str, command: tuple[str, ...]) -> tuple[int, str]:
        """Run a command in a container, as its user, to its end; returns the exit code and what it printed."""
        body = {"Cmd": command, "AttachStdout": True, "AttachStderr": True, "Tty": False}
        run = self._json("POST", f"/containers/{name}/exec", json=body)["Id"]
        # A hook sets its own time limit, as on a cluster.
        output = self._call("POST", f"/exec/{run}/start", json={"Detach": False}, timeout=None).content
        ended = self._json("GET", f"/exec/{run}/json")
        return ended["ExitCode"] if ended["ExitCode"] is not None else -1, _text(output)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume on disk; one of that name is left as it is."""
        self._call("POST", "/volumes/create", json={"Name": name, "Labels": dict(labels)})

    def volumes(self, labels: list[str]) -> list[dict[str, Any]]:
        """All volumes that carry the labels."""
        return self._json("GET", "/volumes", params=_filters(label=labels))["Volumes"] or []

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container uses. Absent is fine."""
        self._unless_absent("DELETE", f"/volumes/{name}")

    def pull(self, image: str, auth: str) -> Iterator[dict[str, Any]]:
        """Pull an image; yields the engine's progress lines, the last with `error` where it failed. `auth`: header."""
        response = self._call(
            "POST",
            "/images/create",
            params={"fromImage": image},
            headers={"X-Registry-Auth": auth} if auth else {},
            stream=True,
            timeout=PULL_SILENCE_S,
        )
        with closing(EngineStream(response)) as stream:
            yield from stream.lines()

    def events(self, labels: list[str], since: int) -> EngineStream:
        """Containers' starts and ends from the Unix time `since` on, as one JSON object a line."""
        what = _filters(type=["container"], event=["start", "die", "destroy"], label=labels)
        return EngineStream(self._call("GET", "/events", params={"since": since, **what}, stream=True, timeout=None))

    def ran_out_of_memory(self, container_id: str, ended_at: float, wait_s: float) -> bool:
        """Whether the engine tells that a container ran out of memory, looking until `wait_s` after its end.

        `ended_at` is in Unix seconds. The engine's own flag is not set where it heard of it after the container's end.
        """
        span = {"since": int(ended_at) - 1, "until": f"{ended_at + wait_s:.3f}"}
        what = _filters(type=["container"], event=["oom"], container=[container_id])
        with closing(EngineStream(self._call("GET", "/events", params={**span, **what}, stream=True))) as stream:
            return any(True for _ in stream.lines())

    def log(self, name: str, follow: bool, since: str = "") -> EngineStream | None:
        """A container's stdout in frames, each with its time; None where there is no such container.

        From the time `since` on (Unix seconds with nanoseconds; "": from the first byte), until now, or with
        `follow` until it ends.
        """
        what: dict[str, str | int] = {"follow": int(follow), "stdout": 1, "stderr": 0, "timestamps": 1}
        if since:
            what["since"] = since
        response = self._unless_absent("GET", f"/containers/{name}/logs", params=what, stream=True, timeout=None)
        return None if response is None else EngineStream(response)

    def _json(self, method: str, path: str, **request: Json) -> Json:
        return self._call(method, path, **request).json()

    def _unless_absent(self, method: str, path: str, **request: Json) -> Response | None:
        try:
            return self._call(method, path, **request)
        except EngineError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _call(self, method: str, path: str, **request: Json) -> Response:
        request.setdefault("timeout", CALL_S)
        try:
            response: Response = self._http.request(method, self._base + path, **request)
        except (RequestException, HTTPError, OSError) as error:
            raise EngineError(f"the Docker engine does not answer: {error}") from error
        if response.status_code >= BAD_REQUEST:
            raise EngineError(_words(response), response.status_code)
        return response


def _filters(**filters: list[str]) -> dict[str, str]:
    return {"filters": json.dumps(filters)}


def _words(response: Response) -> str:
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {response.status_code} from the Docker engine: {response.text[:200]}"


def _text(frames: bytes) -> str:
    """An exec's output, both streams, as text for a message."""
    parts, start = [], 0
    while start + 8 <= len(frames):
        length = int.from_bytes(frames[start + 4 : start + 8], "big")
        parts.append(frames[start + 8 : start + 8 + length])
        start += 8 + length
    return b"".join(parts).decode(errors="replace").strip()
