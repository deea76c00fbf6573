"""The stage type docker_publish on a real engine, from a real registry to another that wants a login."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from docker import DockerClient

from local.services import ExternalRegistry
from shared.errors import InfrastructureError, InputError
from shared.json_value import Json
from stage_images.docker_build.stage import execute as build
from stage_images.docker_publish.stage import execute
from tests.stage_images.conftest import WriteFiles
from tests.stage_images.stage_runs import CONTEXT, Bench

TAGS = [CONTEXT.commit, "main", "latest"]


@pytest.fixture
def image(bench: Bench, repository: WriteFiles, internal: dict[str, Any]) -> str:
    """An image as docker_build reports it."""
    repository(Dockerfile="FROM scratch\nCOPY file /\n", file=secrets.token_hex(8))
    return str(build(bench.run(**internal))["image"])


@pytest.fixture
def params(external: ExternalRegistry) -> dict[str, Json]:
    """As a pipeline file has them."""
    return {
        "external_registry": external.address,
        "external_image_name": f"acme/app-{secrets.token_hex(4)}",
        "require_credentials": "TRUE",
        "username": "user",
        "password": "password",
        "email": "email",
    }


@pytest.fixture
def login(external: ExternalRegistry) -> dict[str, bytes]:
    """The stage's secrets, the password with the line end that files tend to have."""
    return {"user": external.user.encode(), "password": external.password.encode() + b"\n", "email": b"a@example.com"}


@pytest.fixture
def open_registry(docker: DockerClient, images: Any) -> Iterator[str]:
    """A registry that asks nobody who they are."""
    script = (
        "sed '/^auth:/,/^http:/{/^http:/!d}' /etc/docker/registry/config.yml >/tmp/c; exec docker-registry serve /tmp/c"
    )
    container = docker.containers.run(
        images["registry"], entrypoint=["sh", "-c", script], ports={"5000/tcp": ("127.0.0.1", None)}, detach=True
    )
    try:
        container.reload()
        yield f"localhost:{container.ports['5000/tcp'][0]['HostPort']}"
    finally:
        container.remove(force=True, v=True)


def test_the_image_is_published_under_every_tag_with_one_digest(
    bench: Bench,
    internal: dict[str, Any],
    image: str,
    params: dict[str, Json],
    login: dict[str, bytes],
    docker: DockerClient,
    external: ExternalRegistry,
) -> None:
    run = bench.run(params, login, image=image, **internal)
    (published,) = execute(run)["images"]
    name = f"{external.address}/{params['external_image_name']}"
    assert (published["name"], published["tags"], run.work_began) == (name, TAGS, True)
    who = {"username": external.user, "password": external.password}
    for tag in TAGS:
        assert docker.images.get_registry_data(f"{name}:{tag}", auth_config=who).id == published["digest"]
        assert f"published {name}:{tag} {published['digest']}\n".encode() in bench.log
    assert external.password.encode() not in bench.log


def test_a_wrong_password_is_wrong_input_before_anything_is_pushed(
    bench: Bench, internal: dict[str, Any], image: str, params: dict[str, Json], login: dict[str, bytes]
) -> None:
    run = bench.run(params, {**login, "password": b"wrong"}, image=image, **internal)
    with pytest.raises(InputError, match=r"does not accept the login: .*401|does not accept the login: .*unauthorized"):
        execute(run)
    assert not run.work_began


def test_without_a_login_a_registry_that_wants_one_refuses(
    bench: Bench, internal: dict[str, Any], image: str, params: dict[str, Json]
) -> None:
    run = bench.run({**params, "require_credentials": False}, image=image, **internal)
    with pytest.raises(InputError, match=r"could not be pushed: .*(no basic auth|unauthorized|denied)"):
        execute(run)
    assert "require_credentials is not true" in run.warnings[0]


def test_without_a_login_an_open_registry_takes_the_image(
    bench: Bench, internal: dict[str, Any], image: str, open_registry: str
) -> None:
    params = {"external_registry": open_registry, "external_image_name": "app"}
    (published,) = execute(bench.run(params, image=image, **internal))["images"]
    assert published["name"] == f"{open_registry}/app"


@pytest.mark.parametrize("require", ["false", "true"])
def test_a_registry_that_is_down_is_an_infrastructure_fault(
    bench: Bench, internal: dict[str, Any], image: str, params: dict[str, Json], login: dict[str, bytes], require: str
) -> None:
    params |= {"external_registry": "127.0.0.1:1", "require_credentials": require}
    with pytest.raises(InfrastructureError, match=r"127.0.0.1:1.*connection refused"):
        execute(bench.run(params, login, image=image, **internal))


def test_an_image_that_is_gone_from_our_registry_is_an_infrastructure_fault(
    bench: Bench, internal: dict[str, Any], params: dict[str, Json], login: dict[str, bytes]
) -> None:
    run = bench.run(params, login, image="no/such@sha256:" + "0" * 64, **internal)
    with pytest.raises(InfrastructureError, match="could not be pulled"):
        execute(run)


def test_without_an_image_there_is_nothing_to_publish(
    bench: Bench, params: dict[str, Json], login: dict[str, bytes]
) -> None:
    with pytest.raises(InputError, match="no stage before this one has built any"):
        execute(bench.run(params, login))
