"""Where a Dockerfile is found, and which builder it needs."""

from pathlib import Path
from typing import Any

import pytest

from shared.errors import InputError
from stage_images.docker_build.recipe import Recipe, buildkit_reason, locate


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "app" / "deep").mkdir(parents=True)
    (folder / "Dockerfile").touch()
    (folder / "app" / "Other").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "Dockerfile").touch()
    return folder


def test_by_default_it_is_the_dockerfile_in_the_root(clone: Path) -> None:
    assert locate(clone, {}) == Recipe(clone, clone / "Dockerfile")


def test_the_folder_is_the_context(clone: Path) -> None:
    recipe = locate(clone, {"dockerfile_path": "./app/", "dockerfile_name": "Other"})
    assert recipe == Recipe(clone / "app", clone / "app" / "Other")


def test_links_within_the_clone_are_followed(clone: Path) -> None:
    (clone / "link").symlink_to("app")
    (clone / "app" / "Dockerfile").symlink_to("../Dockerfile")
    assert locate(clone, {"dockerfile_path": "link"}) == Recipe(clone / "app", clone / "Dockerfile")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"dockerfile_path": "nowhere"}, "no folder 'nowhere'"),
        ({"dockerfile_path": "app"}, "no file 'app/Dockerfile'"),
        ({"dockerfile_name": "Containerfile"}, "no file 'Containerfile'"),
        ({"dockerfile_name": "app"}, "no file 'app'"),
        ({"dockerfile_path": "Dockerfile"}, "is a file: name its folder"),
        ({"dockerfile_path": "../outside"}, "leads out"),
        ({"dockerfile_path": "/"}, "leads out"),
        ({"dockerfile_name": "../outside/Dockerfile"}, "leads out"),
        ({"dockerfile_name": 3}, "must be a text"),
        ({"dockerfile_path": "a\0b"}, "must be a text"),
    ],
)
def test_a_wrong_path_is_named(clone: Path, params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        locate(clone, params)


@pytest.mark.parametrize("name", ["app", "app/Dockerfile", "app/.dockerignore"])
def test_a_link_that_leads_out_of_the_clone_is_refused(clone: Path, tmp_path: Path, name: str) -> None:
    if name == "app":
        (clone / "app").rename(clone / "old")
        (clone / "app").symlink_to(tmp_path / "outside")
    else:
        (clone / "app" / "Dockerfile").touch()
        (clone / name).unlink(missing_ok=True)
        (clone / name).symlink_to(tmp_path / "outside" / "Dockerfile")
    with pytest.raises(InputError, match="leads out"):
        locate(clone, {"dockerfile_path": "app"})


def test_a_link_to_itself_is_wrong_input(clone: Path) -> None:
    (clone / "loop").symlink_to("loop")
    with pytest.raises(InputError):
        locate(clone, {"dockerfile_name": "loop"})


def reason(clone: Path, text: str, answer: str = "") -> str:
    (clone / "Dockerfile").write_text(text)
    return buildkit_reason(locate(clone, {}), answer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# syntax=docker/dockerfile:1\nFROM x\n", "a `# syntax=` line"),
        ("#escape=\\\n#Syntax = docker/dockerfile:1\nFROM x\n", "a `# syntax=` line"),
        ("FROM x\nRUN --mount=type=cache,target=/c make\n", "RUN --mount"),
        ("FROM x\nrun --network=none make\n", "RUN --network"),
        ("FROM x\nRUN \\\n  # why\n  --security=insecure make\n", "RUN --security"),
        ("FROM x\nCOPY --from=y --chmod=0755 a b\n", "COPY --chmod"),
        ("FROM x\nCOPY --link a b\n", "COPY --link"),
        ("FROM x\nCOPY --parents a b\n", "COPY --parents"),
        ("FROM x\nADD --checksum=sha256:0 http://x y\n", "ADD --checksum"),
        ("FROM x\nRUN <<EOF\nmake\nEOF\n", "a heredoc"),
        ("FROM x\nCOPY <<-'EOF' /file\ntext\nEOF\n", "a heredoc"),
        ("FROM --platform=$BUILDPLATFORM x\n", "the variable BUILDPLATFORM"),
        ("FROM x\nARG TARGETARCH\n", "the variable TARGETARCH"),
    ],
)
def test_what_needs_buildkit_is_seen(clone: Path, text: str, expected: str) -> None:
    assert reason(clone, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "FROM x AS build\nCOPY --from=build --chown=1:1 a b\nADD --chown=1 a b\nRUN make --mount=x\n",
        "FROM x\n# syntax=docker/dockerfile:1\n# RUN --mount=type=cache make\n",
        "FROM x\nRUN echo $((1<<2)) && cat <<< text\n",
        "",
    ],
)
def test_the_classic_builder_will_do_for_the_rest(clone: Path, text: str) -> None:
    assert reason(clone, text) == ""


@pytest.mark.parametrize("answer", ["the --mount option requires BuildKit. Refer to …", "Unknown flag: link"])
def test_the_engine_may_ask_for_it_too(clone: Path, answer: str) -> None:
    assert answer in reason(clone, "FROM x\n", answer)


def test_an_ignore_file_of_the_dockerfiles_own_needs_it(clone: Path) -> None:
    (clone / "Dockerfile.dockerignore").touch()
    assert reason(clone, "FROM x\n") == "Dockerfile.dockerignore"
