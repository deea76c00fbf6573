"""What engines and registries say, and what we make of it. The words were taken from real ones."""

import pytest

from shared.errors import InfrastructureError, InputError, UserWorkFailed
from stage_images._events import Outcome, relay
from stage_images._registry import Trouble, trouble_of
from stage_images.docker_build.buildkit import read_failure
from stage_images.docker_build.failures import failure


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        (
            'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host',
            Trouble.UNREACHABLE,
        ),
        ('Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused', Trouble.UNREACHABLE),
        ('Get "https://x/v2/": http: server gave HTTP response to HTTPS client', Trouble.UNREACHABLE),
        ('Get "https://x/v2/": x509: certificate signed by unknown authority', Trouble.UNREACHABLE),
        ("received unexpected HTTP status: 503 Service Unavailable", Trouble.UNREACHABLE),
        ("toomanyrequests: You have reached your pull rate limit.", Trouble.UNREACHABLE),
        ("unauthorized: authentication required", Trouble.REFUSED),
        ("no basic auth credentials", Trouble.REFUSED),
        ("login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized", Trouble.REFUSED),
        ("pull access denied for nosuch, repository does not exist or may require 'docker login'", Trouble.REFUSED),
        ("manifest for x:1 not found: manifest unknown: manifest unknown", Trouble.MISSING),
        ("something else", Trouble.OTHER),
    ],
)
def test_the_trouble_with_a_registry_is_read_from_its_words(words: str, trouble: Trouble) -> None:
    assert trouble_of(words) is trouble


@pytest.mark.parametrize(
    ("step", "words", "code", "kind", "message"),
    [
        (
            "Step 3/4 : RUN make",
            "returned a non-zero code: 2",
            2,
            UserWorkFailed,
            "the Dockerfile's step 3, RUN make failed with exit code 2",
        ),
        ("Step 1/1 : FROM x:1", "manifest unknown", None, InputError, "names an image that is not there"),
        ("Step 1/1 : FROM x:1", "dial tcp: no such host", None, InfrastructureError, "registry cannot be reached"),
        ("Step 2/2 : COPY --from=x a b", "manifest unknown", None, InputError, "names an image that is not there"),
        ("Step 2/2 : COPY a b", "write /b: no space left on device", None, InfrastructureError, "disk is full"),
        ("Step 2/2 : ADD http://x/y /", "dial tcp: no such host", None, UserWorkFailed, "ADD http://x/y / failed"),
        ("", "dockerfile parse error line 2: unknown instruction: X", None, InputError, "the Dockerfile is wrong"),
    ],
)
def test_a_failed_build_is_blamed_on_whom_it_concerns(
    step: str, words: str, code: int | None, kind: type[Exception], message: str
) -> None:
    error = failure(step, words, code)
    assert type(error) is kind
    assert message in str(error)


def test_a_very_long_step_is_shortened() -> None:
    assert len(str(failure("Step 1/2 : RUN " + "x" * 1000, "", 1))) < 300


@pytest.mark.parametrize(
    ("output", "kind", "message"),
    [
        (
            (
                '#7 ERROR: process "/bin/sh -c false" did not complete successfully: exit code: 3\n------\n'
                " > [stage-1 3/3] RUN false:\n------\nDockerfile:3\n"
                'ERROR: failed to solve: process "/bin/sh -c false" did not complete successfully: exit code: 3\n'
            ),
            UserWorkFailed,
            "the Dockerfile's step stage-1 3/3 RUN false failed with exit code 3",
        ),
        (
            (
                " > [internal] load metadata for docker.io/library/nosuch:1:\n------\n"
                "ERROR: failed to solve: nosuch:1: pull access denied, repository does not exist\n"
            ),
            InputError,
            "names an image that is not there",
        ),
        ("ERROR: failed to solve: dockerfile parse error on line 2: unknown instruction: X\n", InputError, "is wrong"),
        ("nothing\n", UserWorkFailed, "without a reason"),
    ],
)
def test_the_end_of_a_buildkit_log_says_what_failed(output: str, kind: type[Exception], message: str) -> None:
    error = read_failure(output)
    assert type(error) is kind
    assert message in str(error)


def test_a_push_is_shown_without_its_progress_bars() -> None:
    events = [
        {"status": "The push refers to repository [x/y]"},
        {"status": "Preparing", "progressDetail": {}, "id": "a"},
        {"status": "Pushing", "progress": "[==>  ]", "id": "a"},
        {"status": "Pushed", "id": "a"},
        {"status": "Layer already exists", "id": "b"},
        {"status": "Mounted from z", "id": "c"},
        {"status": "1: digest: sha256:0 size: 3"},
        {"progressDetail": {}, "aux": {"Tag": "1", "Digest": "sha256:0", "Size": 3}},
    ]
    written: list[bytes] = []
    assert relay(events, written.append) == Outcome(digest="sha256:0")
    assert b"".join(written).decode().splitlines() == [
        "The push refers to repository [x/y]",
        "3 layers: 2 already there, 1 pushed",
        "1: digest: sha256:0 size: 3",
    ]
