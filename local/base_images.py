"""The image that all of ours start from: pulled where a registry can be reached, else made from Debian packages.

The homemade images are a Debian trixie made by `mmdebstrap`, and Python with pip on top of it. They get the
public names that people write in their FROM lines, which is why they are put only into an engine of ours: in
somebody's own engine a homemade `python:3.13-slim` would be taken for the real one.
"""

import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from local.debian import bootstrap
from local.engine import Engine, engine_errors
from local.progress import Say
from shared.errors import InfrastructureError

if TYPE_CHECKING:
    from docker import DockerClient

DEBIAN = "debian:trixie-slim"
PYTHON = "python:3.13-slim"
HOMEMADE_LABEL = "kontinuous.io/homemade"
HOMEMADE = "homemade from Debian packages earlier"
MIRROR_VARIABLE = "KONTINUOUS_IMAGE_MIRROR"
ASK_REGISTRY_S = 10
PULL_S = 600
CHUNK = 1 << 20


# Python as the public image has it: called `python` and `pip`, and pip may install into it.
PYTHON_DOCKERFILE = f"""\
FROM {DEBIAN}
RUN apt-get update \\
    && apt-get install -y --no-install-recommends ca-certificates netbase python3 python3-pip tzdata \\
    && rm -rf /var/lib/apt/lists/* /usr/lib/python3*/EXTERNALLY-MANAGED \\
    && ln -s /usr/bin/python3 /usr/local/bin/python
ENV LANG=C.UTF-8
LABEL {HOMEMADE_LABEL}=debian-packages
CMD ["python3"]
"""


def ensure_base(engine: Engine, cache: Path, say: Say) -> str:
    """Return the reference of a Python 3.13 image that the engine has, getting or making it where it must.

    `cache` is the folder that keeps the homemade images for the next engine. The setting KONTINUOUS_IMAGE_MIRROR
    is a prefix for public images, such as `localhost:5000/mirror`. Raises InfrastructureError when the image can
    be neither pulled nor made.
    """
    mirror = os.environ.get(MIRROR_VARIABLE, "").rstrip("/")
    reference = f"{mirror}/{PYTHON}" if mirror else PYTHON
    with engine.client(timeout_s=PULL_S) as client, engine_errors("get the base image"):
        # Homemade ones belong together: a user's Dockerfile may start from either.
        if (origin := _origin(client, reference)) and (origin != HOMEMADE or _origin(client, DEBIAN)):
            say(f"base image: {reference}, {origin}")
            return reference
        problem = _pull(engine, client, reference, say)
        if not problem:
            return reference
        if not engine.ours:
            raise InfrastructureError(_cannot_preload(engine, reference, problem))
        _make(client, cache, say, problem)
    return PYTHON


def _origin(client: "DockerClient", reference: str) -> str:
    """How the image came into the engine, in words for a person; "" where it is not there."""
    from docker.errors import ImageNotFound

    try:
        image = client.images.get(reference)
    except ImageNotFound:
        return ""
    return HOMEMADE if HOMEMADE_LABEL in image.labels else "already in the engine"


def _pull(engine: Engine, client: "DockerClient", reference: str, say: Say) -> str:
    """Pull an image; returns "" or why it cannot be had. Asks the registry first, since a pull may hang for minutes."""
    from docker.errors import DockerException
    from requests import RequestException

    try:
        with engine.client(timeout_s=ASK_REGISTRY_S) as quick:
            quick.images.get_registry_data(reference)
        say(f"base image: pulling {reference}")
        client.images.pull(reference)
    except (DockerException, RequestException) as error:
        return _first_line(error)
    say(f"base image: {reference}, pulled")
    return ""


def _first_line(error: Exception) -> str:
    text = getattr(error, "explanation", None) or str(error)
    return str(text).strip().splitlines()[0]


def _cannot_preload(engine: Engine, reference: str, problem: str) -> str:
    return (
        f"{reference} cannot be pulled ({problem}), and the Docker engine at {engine.url} is not one that kontinuous "
        f"started, so no homemade image is put under that public name there. Pull {reference} into it, or set "
        f"{MIRROR_VARIABLE} to a registry that has it, or set KONTINUOUS_ENGINE=own "
        "to let kontinuous start an engine of its own (as root)."
    )


def _make(client: "DockerClient", cache: Path, say: Say, problem: str) -> None:
    say(f"base image: {PYTHON} cannot be pulled ({problem})")
    saved = cache / "base-images.tar"
    if saved.exists():
        say(f"base image: loading {PYTHON} and {DEBIAN}, made earlier from Debian packages, into our own engine")
        with saved.open("rb") as file:
            client.images.load(file)
        return
    say(f"base image: making {DEBIAN} and {PYTHON} from Debian packages, for our own engine only (about a minute)")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        _import_debian(client, bootstrap(Path(folder)))
    client.images.build(fileobj=io.BytesIO(PYTHON_DOCKERFILE.encode()), tag=PYTHON, rm=True, forcerm=True)
    _save(client, saved)


def _import_debian(client: "DockerClient", tar: Path) -> None:
    repository, tag = DEBIAN.split(":")
    changes = ['CMD ["bash"]', f"LABEL {HOMEMADE_LABEL}=debian-packages"]
    client.api.import_image(str(tar), repository=repository, tag=tag, changes=changes)


def _save(client: "DockerClient", target: Path) -> None:
    """Keep both images as one file; it appears under its name only when it is whole."""
    partial = target.with_suffix(".partial")
    with partial.open("wb") as file:
        for chunk in _saved_chunks(client):
            file.write(chunk)
    partial.rename(target)


def _saved_chunks(client: "DockerClient") -> Iterator[bytes]:
    # The SDK saves one image with one name; the engine's own endpoint takes several and writes shared layers once.
    api = client.api
    url = f"{api.base_url}/v{api.api_version}/images/get"
    response = api.get(url, params={"names": [DEBIAN, PYTHON]}, stream=True)
    response.raise_for_status()
    yield from response.iter_content(CHUNK)
