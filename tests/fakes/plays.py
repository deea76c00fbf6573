"""How builds go in the stand-in of the API: each play moves one build from its start to its end."""

import os
import sys
import time
from pathlib import Path

from tests.fakes.api_server import FakeBuild, Play

DIGEST = f"sha256:{'d' * 64}"
RELEASE_LIMIT_S = 60.0


def succeed(build: FakeBuild) -> None:
    """Both stages succeed, after the first waited for an image until a client was told so."""
    build.stage("build-docker-image", attempt=1, waiting_for="the image kontinuous/docker_build")
    build.wait_until_shown()
    succeed_unseen(build)


def succeed_unseen(build: FakeBuild) -> None:
    """Both stages run and succeed, and the service says something meanwhile that is for its own log."""
    print("a word of the service", file=sys.stderr, flush=True)
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"Step 1/2 : FROM scratch\nStep 2/2 : COPY")
    build.write("build-docker-image", b" . .\ndone")
    image = f"ab12/hello@{DIGEST}"
    build.stage("build-docker-image", status="SUCCESS", seconds=1.5, log_bytes=47, result={"image": image})
    _begin(build, "unit-test")
    build.write("unit-test", b"\x1b[31mred\x1b[0m \x1b]0;title\x07ok\n")
    published = {"name": "localhost:5001/hello", "tags": ["latest"], "digest": DIGEST}
    build.stage("unit-test", status="SUCCESS", seconds=0.25, log_bytes=3, result={"images": [published]})
    build.finish("SUCCESS")


def fail(build: FakeBuild) -> None:
    """The first stage fails after 30 lines; the second never runs."""
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"".join(b"line %d\n" % n for n in range(30)))
    build.stage(
        "build-docker-image", status="FAIL", seconds=1.0, log_bytes=200, reason="the Dockerfile's step 3 failed"
    )
    build.stage("unit-test", status="SKIPPED")
    untold = {"type": "slack", "event": "start", "problem": "it fails: 500", "given_up": False}
    build.value["notifications"] = [untold]
    build.finish("FAIL")


def run_until_cancelled(build: FakeBuild) -> None:
    """The first stage runs until somebody cancels."""
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"working\n")
    build.wait_until_cancelled()
    build.stage("build-docker-image", status="CANCELLED", seconds=1.0)
    build.stage("unit-test", status="CANCELLED")
    build.finish("CANCELLED")


def ignore_cancel(build: FakeBuild) -> None:
    """The first stage runs for ever."""
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"working\n")


def take_the_service_down(build: FakeBuild) -> None:
    """The service ends in the middle of the first stage."""
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"working\n")
    build.wait_until_shown()
    print("kontinuous: the disk is full", file=sys.stderr, flush=True)
    os._exit(3)


def wait_for_release(build: FakeBuild) -> None:
    """The build succeeds as soon as the file `release-<number>` appears in the state folder."""
    _begin(build, "build-docker-image")
    build.write("build-docker-image", b"working\n")
    file = Path(os.environ["KONTINUOUS_HOME"]) / f"release-{build.value['number']}"
    deadline = time.monotonic() + RELEASE_LIMIT_S
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    build.stage("build-docker-image", status="SUCCESS", seconds=1.0)
    build.stage("unit-test", status="SKIPPED")
    build.finish("SUCCESS")


def _begin(build: FakeBuild, stage_id: str) -> None:
    build.value["status"] = "RUNNING"
    build.stage(stage_id, status="RUNNING", attempt=1, waiting_for="")


PLAYS: dict[str, Play] = {
    play.__name__: play
    for play in (succeed, fail, run_until_cancelled, ignore_cancel, take_the_service_down, wait_for_release)
}
