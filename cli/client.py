"""The HTTP client of the service's API: one method for each thing the commands ask for."""

import json
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from types import MappingProxyType
from typing import cast
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request

from cli.opener import make_opener
from cli.records import BuildName
from shared.api_records import (
    Build,
    BuildList,
    KeptFile,
    PipelineRecord,
    StageHistory,
    StageType,
    User,
    VisibleRepository,
)
from shared.errors import Conflict, InfrastructureError, InputError, KontinuousError, NotFound, TokenRefused
from shared.json_value import Json

TIMEOUT_S = 30.0


class Unreachable(InfrastructureError):
    """The service does not answer, or not now; asking again may help."""


class NotReady(Unreachable):
    """The service answers that it cannot do this now, as where one of its stores is down."""


class Refused(Conflict):
    """The service does not do this as things are; `word` is its own for the reason."""

    def __init__(self, message: str, word: str) -> None:
        super().__init__(message)
        self.word = word


class Client:
    """Speaks to the service at `url` with a JSON Web Token; `gone` says whether it is known to have ended.

    `timeout_s` is how long it may take to answer.
    """

    def __init__(
        self, url: str, token: str, gone: Callable[[], bool] = lambda: False, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.url = url.rstrip("/")
        self.gone = gone
        self._token = token
        self._timeout_s = timeout_s
        self._opener = make_opener(self.url)

    def pipelines(self) -> list[PipelineRecord]:
        """All pipelines that we may see."""
        return cast(list[PipelineRecord], self._pages("/api/v1/pipelines", "after"))

    def pipeline(self, repository: str) -> PipelineRecord:
        """One pipeline."""
        return cast(PipelineRecord, self._call("GET", _pipeline_path(repository)))

    def stage_types(self) -> list[StageType]:
        """The stage types that a pipeline file may name there."""
        return cast(list[StageType], self._call("GET", "/api/v1/stage-types")["items"])

    def create_pipeline(self, repository: str) -> PipelineRecord:
        """Make a repository's pipeline known; where it is, it gets our access token and its webhook anew."""
        return cast(PipelineRecord, self._call("POST", "/api/v1/pipelines", {"repository": repository}))

    def delete_pipeline(self, repository: str) -> None:
        """Remove a pipeline with all its builds, their logs and artifacts, and its webhook."""
        self._call("DELETE", _pipeline_path(repository))

    def repositories(self) -> list[VisibleRepository]:
        """The repositories on the source host that we can see."""
        return cast(list[VisibleRepository], self._pages("/api/v1/repos", "page"))

    def user(self) -> str:
        """Our login name; "" where the service cannot tell."""
        return cast(User, self._call("GET", "/api/v1/user"))["login"]

    def post(self, path: str, body: Mapping[str, Json]) -> Json:
        """Post to a path of the API that is no build's, such as those of a login."""
        return self._call("POST", path, body)

    def start_build(self, repository: str, ref: str, only: list[str]) -> Build:
        """Start a build of `ref` ("": of the default branch), of all stages or of those named in `only`."""
        chosen: dict[str, Json] = {"ref": ref, "only": only}
        body = {"source": "cli"} | {name: value for name, value in chosen.items() if value}
        return cast(Build, self._call("POST", _builds_path(repository), body))

    def builds(self, repository: str, limit: int) -> list[Build]:
        """A pipeline's newest `limit` builds, newest first; they come page by page."""
        found: list[Build] = []
        before: dict[str, int] = {}
        while len(found) < limit:
            query = urlencode({"limit": limit - len(found), **before})
            page = cast(BuildList, self._call("GET", f"{_builds_path(repository)}?{query}"))
            found += page["items"]
            if "next" not in page:
                break
            before = {"before": page["next"]}
        return found

    def build(self, name: BuildName) -> Build:
        """One build as it is now."""
        return cast(Build, self._call("GET", _build_path(name)))

    def cancel(self, name: BuildName) -> Build:
        """Ask for a build's end; returns at once."""
        return cast(Build, self._call("POST", f"{_build_path(name)}/cancel"))

    def resume(self, name: BuildName, stage: str) -> Build:
        """Run a finished build again from the stage with this id on; returns at once."""
        return cast(Build, self._call("POST", f"{_stage_path(name, stage)}/resume"))

    def delete_build(self, name: BuildName) -> None:
        """Remove a finished build with its logs and artifacts."""
        self._call("DELETE", _build_path(name))

    def stage(self, name: BuildName, stage: str) -> StageHistory:
        """The stage with this id, with all its attempts."""
        return cast(StageHistory, self._call("GET", _stage_path(name, stage)))

    def artifacts(self, name: BuildName, stage: str, attempt: int) -> list[KeptFile]:
        """What an attempt of a stage has kept."""
        path = f"{_stage_path(name, stage)}/artifacts?{urlencode({'attempt': attempt})}"
        return cast(list[KeptFile], self._call("GET", path)["items"])

    def open_artifact(self, name: BuildName, stage: str, attempt: int, path: str, offset: int) -> HTTPResponse:
        """Open a file that an attempt of a stage has kept, from a byte offset."""
        url = f"{_stage_path(name, stage)}/artifacts/{quote(path)}?{urlencode({'attempt': attempt})}"
        return self._open("GET", url, headers={"Range": f"bytes={offset}-"} if offset else {})

    def put_secret(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        """Hand over a Secret for the builds in a namespace; `data` values are base64, as in a Kubernetes Secret."""
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/secrets/{quote(name, safe='')}"
        self._call("PUT", path, {"data": dict(data)})

    def open_events(self, name: BuildName, timeout_s: float) -> HTTPResponse:
        """Open the event stream of a build; `timeout_s` is how long one read may take."""
        return self._open("GET", f"{_build_path(name)}/events", timeout_s=timeout_s)

    def open_log(
        self, name: BuildName, stage: str, attempt: int, offset: int, *, follow: bool, timeout_s: float
    ) -> HTTPResponse:
        """Open a stage's log from a byte offset: raw bytes, or with `follow` an event stream."""
        query = {"attempt": attempt, "offset": offset} | ({"follow": "true"} if follow else {})
        path = f"{_stage_path(name, stage)}/logs?{urlencode(query)}"
        return self._open("GET", path, timeout_s=timeout_s)

    def _pages(self, path: str, key: str) -> list[Json]:
        """All items of a list that comes page by page: `next` of each page is what `key` has to be for the next."""
        found: list[Json] = []
        query = ""
        while True:
            page = self._call("GET", f"{path}{query}")
            found += page["items"]
            if "next" not in page:
                return found
            query = f"?{urlencode({key: page['next']})}"

    def _call(self, method: str, path: str, body: Mapping[str, Json] | None = None) -> Json:
        with self._open(method, path, body) as response:
            try:
                text = response.read()
                return json.loads(text) if text else None
            except (OSError, HTTPException) as error:
                raise self._unreachable(error) from error
            except ValueError as error:
                raise InfrastructureError(f"{self.url}{path} did not answer with JSON; is it kontinuous?") from error

    def _open(
        self,
        method: str,
        path: str,
        body: Mapping[str, Json] | None = None,
        timeout_s: float | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> HTTPResponse:
        bearer = {"Authorization": f"Bearer {self._token}"}
        request = Request(f"{self.url}{path}", method=method, headers={**bearer, **headers})
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            return cast(HTTPResponse, self._opener.open(request, timeout=timeout_s or self._timeout_s))
        except HTTPError as error:
            with error:
                raise _error_of(error) from error
        except (OSError, HTTPException) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        return Unreachable(f"the service at {self.url} does not answer ({getattr(error, 'reason', None) or error})")


def _pipeline_path(repository: str) -> str:
    return f"/api/v1/pipelines/{quote(repository)}"


def _builds_path(repository: str) -> str:
    return f"{_pipeline_path(repository)}/builds"


def _build_path(name: BuildName) -> str:
    return f"{_builds_path(name.repository)}/{name.number}"


def _stage_path(name: BuildName, stage: str) -> str:
    return f"{_build_path(name)}/stages/{quote(stage, safe='')}"


def _error_of(error: HTTPError) -> KontinuousError:
    """What an HTTP error means to us; the service's own sentence where it sent one."""
    try:
        said = json.loads(error.read())
        text, word = str(said["message"]), str(said["code"])
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        text, word = f"{error.url} answered {error.code} {error.reason}", ""
    match error.code:
        case 401:
            return TokenRefused(f"{text}; `kontinuous login` gets a new token (HTTP 401)")
        case 404:
            return NotFound(text)
        case 409:
            return Refused(text, word)
        case code if code >= 500:
            return NotReady(text)
        case _:
            return InputError(text)
