"""The stage type docker_build on a real engine and a real registry."""

import io
import secrets
import tarfile
import time
from typing import Any

import pytest
from docker import DockerClient

from shared.errors import InfrastructureError, InputError, Interrupted, UserWorkFailed
from stage_images.docker_build.stage import execute
from tests.stage_images.conftest import WriteFiles
from tests.stage_images.stage_runs import CONTEXT, Bench

BASE = "debian:trixie-slim"
LIMIT_S = 30.0


def fresh(script: str) -> str:
    """A Dockerfile with one step that no cache knows."""
    return f"FROM {BASE}\nRUN : {secrets.token_hex(8)}; {script}\n"


@pytest.fixture
def build(bench: Bench, repository: WriteFiles, internal: dict[str, Any]) -> Any:
    """Build a Dockerfile with other files beside it."""

    def build(dockerfile: str, params: dict[str, Any] | None = None, **files: str) -> Any:
        repository(**{"Dockerfile": dockerfile, **files})
        return execute(bench.run(params, **internal))

    return build


def test_the_image_is_in_the_registry_by_digest_and_under_both_tags(
    build: Any, docker: DockerClient, internal: dict[str, Any]
) -> None:
    result = build("FROM scratch\nCOPY hello /hello\n", hello=secrets.token_hex(8))
    path, _, digest = result["image"].partition("@")
    assert (path, result["tags"]) == ("local/ab12/hello", ["3", "0123456789ab"])
    login = dict(zip(("username", "password"), internal["credentials"].values(), strict=True))
    for tag in result["tags"]:
        found = docker.images.get_registry_data(f"{internal['registry']}/{path}:{tag}", auth_config=login)
        assert found.id == digest


def test_the_labels_tell_the_origin_without_a_login(build: Any, docker: DockerClient, internal: dict[str, Any]) -> None:
    result = build("FROM scratch\nCOPY hello /hello\n", hello="hello")
    labels = docker.images.get(f"{internal['registry']}/{result['image']}").labels
    assert labels["org.opencontainers.image.revision"] == CONTEXT.commit
    assert labels["org.opencontainers.image.source"] == "http://git/local/ab12/hello.git"
    assert labels["org.opencontainers.image.created"].endswith("Z")


def test_output_is_written_as_it_comes(
    build: Any, bench: Bench, repository: WriteFiles, internal: dict[str, Any]
) -> None:
    repository(Dockerfile=fresh("echo fir''st; sleep 0.5; echo seco''nd"))
    run = bench.run(**internal)
    pieces: list[bytes] = []
    run.log.write = pieces.append  # type: ignore[method-assign]
    execute(run)
    first = next(i for i, piece in enumerate(pieces) if b"first\n" in piece)
    second = next(i for i, piece in enumerate(pieces) if b"second\n" in piece)
    assert first < second


def test_progress_of_layers_is_condensed_to_a_line(build: Any, bench: Bench) -> None:
    build(fresh("true"))
    assert b"layers: " in bench.log
    assert not [line for line in bench.log.splitlines() if b"Preparing" in line or b"Pushing" in line]


def test_a_failing_step_is_named_with_its_exit_code_and_output(build: Any, bench: Bench) -> None:
    with pytest.raises(UserWorkFailed, match=r"step 2, RUN .* failed with exit code 7") as failed:
        build(fresh("echo its own words >&2; exit 7"))
    assert failed.value.work_exit_code == 7
    assert b"its own words\n" in bench.log


def test_a_step_that_fails_without_an_exit_code_has_the_engines_words(build: Any) -> None:
    with pytest.raises(UserWorkFailed, match=r"step 2, COPY nothing / failed: .*nothing"):
        build(f"FROM {BASE}\nCOPY nothing /\n")


@pytest.mark.parametrize("text", ["FROMM scratch\n", "", "FROM scratch AS\n", "FROM scratch\nRUNN x\n"])
def test_a_wrong_dockerfile_is_wrong_input(build: Any, text: str) -> None:
    with pytest.raises(InputError):
        build(text)


def test_a_base_image_that_may_not_be_had_is_wrong_input(build: Any, internal: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="names an image that is not there, or needs a login"):
        build(f"FROM {internal['registry']}/no/such:image\n")


def test_a_base_image_whose_registry_is_down_is_an_infrastructure_fault(build: Any) -> None:
    with pytest.raises(InfrastructureError, match="registry cannot be reached"):
        build("FROM 127.0.0.1:1/some:image\n")


def test_files_named_in_dockerignore_stay_out(build: Any) -> None:
    check = "RUN test -e /c/kept && test ! -e /c/left && test ! -e /c/sub/left"
    files = {".dockerignore": "left\n**/left\n", "kept": "", "left": "", "sub/left": ""}
    build(f"FROM {BASE}\nCOPY . /c/\n{check}\n", **files)


def test_nobody_else_may_write_the_images_files(build: Any) -> None:
    build(f'FROM {BASE}\nCOPY . /c/\nRUN test -z "$(find /c -perm /022 ! -type l)"\n', **{"sub/file": ""})


def test_params_choose_folder_and_file(build: Any) -> None:
    files = {"app/My.Dockerfile": f"FROM {BASE}\nCOPY here /\n", "app/here": ""}
    build("wrong", {"dockerfile_path": "app", "dockerfile_name": "My.Dockerfile"}, **files)


def test_params_are_no_build_arguments(build: Any) -> None:
    build(f'FROM {BASE}\nARG COLOUR\nRUN test -z "$COLOUR"\n', {"COLOUR": "red"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"docker_host": "unix:///no/such.sock"}, "engine at unix:///no/such.sock"),
        ({"registry": "127.0.0.1:1"}, "could not be pushed"),
        ({"credentials": {"registry-user": "kontinuous", "registry-password": "wrong"}}, "could not be pushed"),
    ],
)
def test_what_we_run_on_is_an_infrastructure_fault(
    bench: Bench, repository: WriteFiles, internal: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    repository(Dockerfile="FROM scratch\nCOPY Dockerfile /\n")
    with pytest.raises(InfrastructureError, match=message):
        execute(bench.run(**{**internal, **change}))


def test_an_interrupted_build_stops_in_the_engine(
    bench: Bench, repository: WriteFiles, internal: dict[str, Any], docker: DockerClient
) -> None:
    marker = secrets.token_hex(8)
    repository(Dockerfile=f"FROM {BASE}\nRUN echo rea''dy; sleep 300; : {marker}\n")
    run = bench.run(**internal)

    def write(data: bytes) -> None:
        if b"ready" in data:
            raise Interrupted("stop")

    run.log.write = write  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        execute(run)
    until = time.monotonic() + LIMIT_S
    while any(marker in str(c["Command"]) for c in docker.api.containers()):
        assert time.monotonic() < until, "the build goes on"
        time.sleep(0.1)


class TestWithBuildKit:
    """In the stage's image, which has the docker buildx that a test's machine may lack."""

    SCRIPT = """
import os, sys
from pathlib import Path
from shared.errors import Interrupted, KontinuousError
from stage_images.docker_build import buildkit
from stage_images.docker_build.recipe import buildkit_reason, locate
recipe = locate(Path("/w"), {})
assert buildkit_reason(recipe)
def write(data):
    os.write(1, data)
    if b"interrupt me" in data:
        raise Interrupted("told to stop")
try:
    buildkit.build(recipe, sys.argv[1], {"a": "b"}, "unix:///var/run/docker.sock", write)
except KontinuousError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""

    @pytest.fixture
    def buildx(self, engine: Any, docker: DockerClient, images: Any) -> Any:
        made: list[Any] = []

        def buildx(dockerfile: str, tag: str = "kontinuous-test-buildkit:1") -> tuple[int, str]:
            socket = engine.url.removeprefix("unix://")
            container = docker.containers.create(
                images["docker_build"],
                entrypoint=["python3", "-c", self.SCRIPT, tag],
                user="0",
                volumes={socket: {"bind": "/var/run/docker.sock"}},
            )
            made.append(container)
            container.put_archive("/", archive_of("w/Dockerfile", dockerfile))
            container.start()
            code = container.wait(timeout=120)["StatusCode"]
            return code, container.logs().decode()

        yield buildx
        for container in made:
            container.remove(force=True)

    def test_a_dockerfile_that_needs_it_is_built(self, buildx: Any, docker: DockerClient) -> None:
        text = f"FROM {BASE}\nRUN --mount=type=tmpfs,target=/t echo {secrets.token_hex(8)} >/t/x\n"
        text += "COPY --chmod=0700 Dockerfile /\n"
        code, output = buildx(text)
        assert code == 0, output
        assert docker.images.get("kontinuous-test-buildkit:1").labels["a"] == "b"
        docker.images.remove("kontinuous-test-buildkit:1")

    def test_a_failing_step_is_named_with_its_exit_code_and_output(self, buildx: Any) -> None:
        code, output = buildx(
            f"FROM {BASE}\nRUN --mount=type=tmpfs,target=/t : {secrets.token_hex(8)}; echo own words; exit 7\n"
        )
        assert code == 1
        assert "own words" in output
        assert "UserWorkFailed: the Dockerfile's step 2/2 RUN" in output
        assert "failed with exit code 7" in output

    def test_a_base_image_whose_registry_is_down_is_an_infrastructure_fault(self, buildx: Any) -> None:
        assert (
            "InfrastructureError" in buildx("FROM 127.0.0.1:1/some:image\nRUN --mount=type=tmpfs,target=/t true\n")[1]
        )

    def test_a_base_image_that_may_not_be_had_is_wrong_input(self, buildx: Any, services: Any) -> None:
        text = f"FROM {services.registry}/no/such:image\nRUN --mount=type=tmpfs,target=/t true\n"
        assert "InputError" in buildx(text)[1]

    def test_an_interrupted_build_ends_at_once(self, buildx: Any) -> None:
        text = (
            f"FROM {BASE}\nRUN --mount=type=tmpfs,target=/t echo interrupt m''e; sleep 3000; : {secrets.token_hex(8)}\n"
        )
        code, output = buildx(text)
        assert (code, "Interrupted: told to stop" in output) == (1, True)

    def test_a_wrong_dockerfile_is_wrong_input(self, buildx: Any) -> None:
        assert "InputError" in buildx(f"FROM {BASE}\nRUN --mount=type=tmpfs,target=/t true\nRUNN x\n")[1]


def archive_of(name: str, text: str) -> bytes:
    """A tar with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()
