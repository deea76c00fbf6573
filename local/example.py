"""The examples that come with kontinuous: made into git repositories, run against a second registry, and shown."""

import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.engine import engine_errors, find_engine
from local.free_ports import free_ports
from local.git_command import make_repository
from local.home import Home, write_private
from local.progress import Say
from local.services import EXTERNAL_REGISTRY_PORT, start_external_registry
from shared.errors import InfrastructureError, NotFound

if TYPE_CHECKING:
    from docker import APIClient

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
OWN_STAGES = "stages"
"""What is no example to run by itself: it wants stage images that a user builds first."""
SECRET = "docker-credentials"
PIPELINE_FILE = ".pipeline.yml"
USUAL_REGISTRY = f"localhost:{EXTERNAL_REGISTRY_PORT}"
FIRST_PORT = 18080
ANSWER_S = 20


@dataclass(frozen=True, slots=True)
class Example:
    """An example that is ready to run: its git folder, the secrets for it, and the registry it publishes to."""

    folder: str
    secrets_file: str
    registry: str


def prepare(name: str, home: Home, say: Say) -> Example:
    """Make a repository of an example, start the registry it publishes to, and write the secrets for it."""
    source = EXAMPLES / name
    if name == OWN_STAGES or not source.is_dir():
        folders = (path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != OWN_STAGES)
        known = ", ".join(sorted(folders))
        raise NotFound(f"there is no example {name!r}; there are {known}")
    registry = start_external_registry(find_engine(home.engine_root, say), home, say)
    folder = _repository(source, home.root / "examples" / name, registry.address)
    secrets = home.root / "examples" / f"{name}-secrets.yml"
    values = {"username": registry.user, "password": registry.password}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": values}
    write_private(secrets, json.dumps(document, indent=2) + "\n")  # JSON is YAML too
    return Example(str(folder), str(secrets), registry.address)


def show(name: str, image: str, home: Home, say: Say) -> str:
    """Pull a published image from the second registry, run it for a moment, and say what it answered.

    `image` is `registry/name@sha256:…`. Raises InfrastructureError when it cannot be pulled or does not answer.
    """
    engine = find_engine(home.engine_root, say)
    registry = start_external_registry(engine, home, say)
    repository, _, digest = image.partition("@")
    login = {"username": registry.user, "password": registry.password}
    with engine_errors(f"run the published image {image}"), engine.client() as client:
        client.api.pull(repository, tag=digest, auth_config=login)
        port = next(free_ports(FIRST_PORT))
        answer = _answer_of(client.api, image, name, port)
    return f"pulled {image} from {registry.address} and ran it: GET / answered {answer!r}"


def _repository(source: Path, folder: Path, registry: str) -> Path:
    """A git repository with one commit: the example as it is now, publishing to `registry` (its port may differ from
    the one in the file). Made anew, so that nothing old is in it."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    pipeline = folder / PIPELINE_FILE
    pipeline.write_text(pipeline.read_text().replace(USUAL_REGISTRY, registry))
    make_repository(folder, f"The example {source.name}")
    return folder


def _answer_of(api: "APIClient", image: str, name: str, port: int) -> str:
    host_config = api.create_host_config(port_bindings={8080: ("127.0.0.1", port)})
    made: dict[str, Any] = api.create_container(
        image, ports=[8080], host_config=host_config, labels={"kontinuous.io/example": name}
    )
    try:
        api.start(made["Id"])
        return _wait_for(lambda: _get(f"http://127.0.0.1:{port}/"), f"{image} on port {port}")
    finally:
        api.remove_container(made["Id"], force=True)


def _get(url: str) -> str:
    with suppress(urllib.error.URLError, ConnectionError), urllib.request.urlopen(url, timeout=2) as answer:
        return str(answer.read(200).decode(errors="replace").strip())
    return ""


def _wait_for(ask: Callable[[], str], what: str) -> str:
    deadline = time.monotonic() + ANSWER_S
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.1)
    raise InfrastructureError(f"{what} did not answer within {ANSWER_S} s")
