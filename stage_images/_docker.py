"""The seam to the Docker engine: builds, tags, pulls, pushes, logins; its words as lines, its errors as ours.

The SDK takes 0.2 s to import and is needed late, so it is imported where an engine is connected to.
"""

import http.client
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared import keys
from shared.errors import InfrastructureError
from stage_images._events import Outcome, Write, relay
from stage_images._registry import Credentials, Trouble, trouble_of

if TYPE_CHECKING:
    from docker import APIClient
    from docker.errors import APIError
    from docker.tls import TLSConfig

MOUNTED_SOCKET = "unix:///var/run/docker.sock"

_SILENCE_S = 300  # the longest an engine may say nothing while it pushes; a build may be silent as long as it likes


class EngineError(InfrastructureError):
    """The Docker engine cannot be reached, or ended a request without a result."""


class RegistryError(InfrastructureError):
    """A registry did not give or take an image, or a login; the message has its own words."""

    def __init__(self, attempted: str, words: str) -> None:
        super().__init__(f"{attempted}: {words}")
        self.words = words

    @property
    def trouble(self) -> Trouble:
        """What the words mean."""
        return trouble_of(self.words)


class Engine:
    """A Docker engine that was connected to. Every method raises EngineError where the engine fails."""

    def __init__(self, client: "APIClient", address: str) -> None:
        self._client = client
        self._address = address

    @classmethod
    @contextmanager
    def connect(cls, docker_host: str) -> Iterator["Engine"]:
        """Connect to the engine at `docker_host`, or where that is "" to the one whose socket is mounted."""
        from docker import APIClient

        address = docker_host or MOUNTED_SOCKET
        if not docker_host and not Path(MOUNTED_SOCKET.removeprefix("unix://")).exists():
            raise EngineError("there is no Docker engine: the coordinator's setting BUILDER_ADDRESS names none")
        with _engine_errors(address):
            client = APIClient(base_url=address, version="auto", timeout=_SILENCE_S, tls=_tls(address) or False)
        try:
            yield cls(client, address)
        finally:
            client.close()

    def build(self, context: Path, dockerfile: Path, tag: str, labels: Mapping[str, str], write: Write) -> Outcome:
        """Build the folder `context` with the classic builder, `.dockerignore` honoured, base images without a login.

        Returns how it ended, also where a step of the Dockerfile failed.
        """
        outcome = self._relay(
            lambda: self._client.build(
                path=str(context),
                dockerfile=str(dockerfile),
                tag=tag,
                labels=dict(labels),
                rm=True,
                forcerm=True,
                decode=True,
            ),
            write,
        )
        if not outcome.error and not outcome.image_id:
            raise EngineError(f"the Docker engine at {self._address} ended the build without a result")
        return outcome

    def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image that the engine has another name."""
        from docker.errors import APIError

        with _engine_errors(self._address):
            try:
                self._client.tag(image, repository, tag)
            except APIError as error:
                raise EngineError(f"{image} cannot be tagged {repository}:{tag}: {error.explanation}") from error

    def digests(self, image: str) -> set[str]:
        """All `repository@digest` under which registries are known to have an image."""
        with _engine_errors(self._address):
            found: Mapping[str, Any] = self._client.inspect_image(image)  # type: ignore[no-untyped-call]
            return set(found["RepoDigests"] or ())

    def push(self, repository: str, tag: str, credentials: Credentials | None, write: Write) -> str:
        """Push one tag and return the digest that the registry took. Raises RegistryError."""
        auth = _auth(credentials)
        outcome = self._relay(
            lambda: self._client.push(repository, tag=tag, stream=True, decode=True, auth_config=auth), write
        )
        if outcome.error:
            raise RegistryError(f"{repository}:{tag} could not be pushed", outcome.error)
        if not outcome.digest:
            raise EngineError(
                f"the Docker engine at {self._address} ended the push of {repository}:{tag} without a digest"
            )
        return outcome.digest

    def pull(self, image: str, credentials: Credentials | None, write: Write) -> None:
        """Pull an image by `repository@digest`. Raises RegistryError."""
        auth = _auth(credentials)
        outcome = self._relay(lambda: self._client.pull(image, stream=True, decode=True, auth_config=auth), write)
        if outcome.error:
            raise RegistryError(f"{image} could not be pulled", outcome.error)

    def login(self, registry: str, credentials: Credentials) -> None:
        """Let the engine try a login, which is stored nowhere. Raises RegistryError."""
        from docker.errors import APIError

        login = (credentials.username, credentials.password, credentials.email, registry)
        with _engine_errors(self._address):
            try:
                self._client.login(*login, reauth=True)
            except APIError as error:
                raise RegistryError(f"{registry} does not accept the login", _words(error)) from error

    def _relay(self, request: Callable[[], Generator[Any]], write: Write) -> Outcome:
        """Relay the events of a request; an answer that is an error, not a stream, is an outcome too."""
        from docker.errors import APIError

        with _engine_errors(self._address):
            try:
                with closing(request()) as events:  # an engine stops a build or push that nobody listens to
                    return relay(events, write)
            except APIError as error:
                return Outcome(error=_words(error))


@contextmanager
def _engine_errors(address: str) -> Iterator[None]:
    from docker.errors import DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (DockerException, RequestException, HTTPError, http.client.HTTPException) as error:
        raise EngineError(f"the Docker engine at {address} cannot be reached or broke off: {error}") from error
    except OSError as error:
        raise EngineError(f"what the Docker engine at {address} is to get cannot be read or sent: {error}") from error


def _words(error: "APIError") -> str:
    return str(error.explanation or error)


def _auth(credentials: Credentials | None) -> dict[str, str]:
    """The engine's own form of a login; an empty one is anonymous, and keeps the SDK from looking for others."""
    if credentials is None:
        return {}
    return {"username": credentials.username, "password": credentials.password, "email": credentials.email}


def _tls(address: str) -> "TLSConfig | None":
    """The certificates for a builder that is reached over TCP, where they are mounted."""
    from docker.tls import TLSConfig

    folder = Path(keys.BUILDER_TLS)
    if not address.startswith("tcp://") or not folder.is_dir():
        return None
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    return TLSConfig(client_cert=pair, ca_cert=str(folder / "ca.pem"), verify=True)
