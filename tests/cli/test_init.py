"""A first pipeline file: what is chosen for what is found, and that it is right."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import ROOT, Run, git

GO_TEST = {"image": "golang:1.25", "command": ["go", "test", "./..."]}


def make(folder: Path, *names: str, **texts: str) -> Path:
    """A git folder with these files; a name in `texts` has `_` for `.`."""
    for name, text in {**dict.fromkeys(names, ""), **{n.replace("_", "."): t for n, t in texts.items()}}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "--quiet")
    return folder


def stages(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((folder / ".pipeline.yml").read_text())["spec"]["template"]["stages"]
    return found


def unittest(*start: str) -> dict[str, Any]:
    return {"image": "python:3.13", "command": ["python", "-m", "unittest", "discover", *start, "--verbose"]}


NPM = {"image": "node:24", "command": ["sh", "-c", "npm install && npm test"]}
PYTEST = {
    "image": "python:3.13",
    "command": ["sh", "-c", "pip install -r requirements.txt . pytest && python -m pytest"],
}
CASES = [
    (["go.mod", "a.go"], {}, GO_TEST),
    (["Cargo.toml"], {}, {"image": "rust:1", "command": ["cargo", "test"]}),
    ([], {"package_json": '{"scripts": {"test": "jest"}}'}, NPM),
    (
        ["package-lock.json"],
        {"package_json": '{"scripts": {"test": "jest"}}'},
        NPM | {"command": ["sh", "-c", "npm ci && npm test"]},
    ),
    (["test_a.py"], {}, unittest()),
    (["tests/__init__.py", "tests/test_a.py"], {}, unittest()),
    (["tests/test_a.py"], {}, unittest("-s", "tests")),
    (["a_test.py"], {}, unittest("-p", "*_test.py")),
    (["tests/a_test.py"], {}, unittest("-s", "tests", "-p", "*_test.py")),
    (["tests/test_a.py"], {"pyproject_toml": "[project]\n[tool.pytest.ini_options]", "requirements_txt": "x"}, PYTEST),
    (
        ["test_a.py"],
        {"package_json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'},
        unittest(),
    ),
    (["test_a.py", "Dockerfile.prod.dockerignore"], {}, unittest()),
    (["go.mod"], {"Makefile": "test: build\n\ttrue\n"}, {"image": "golang:1.25", "command": ["make", "test"]}),
    (["go.mod"], {"Makefile": "test := x\nlatest:\n"}, GO_TEST),
]


@pytest.mark.parametrize(("names", "texts", "params"), CASES)
def test_tests_run_in_an_image_that_can(
    kontinuous: Run, tmp_path: Path, names: list[str], texts: dict[str, str], params: dict[str, Any]
) -> None:
    folder = make(tmp_path / "shop", *names, **texts)
    done = kontinuous("init", folder)
    assert done.returncode == 0, done.stderr
    assert stages(folder) == [{"name": "Unit Test", "type": "command", "params": params}]
    assert "  no image is built: there is no Dockerfile\n" in done.stdout
    linted = kontinuous("lint", folder / ".pipeline.yml")
    assert linted.stdout == f"{folder / '.pipeline.yml'}: no problems\n"


def test_a_dockerfile_is_built_and_tests_run_in_its_image_where_they_can(kontinuous: Run, tmp_path: Path) -> None:
    folder = make(tmp_path / "My Shop!", "docker/app/Dockerfile.prod", "tests/test_a.py", ".gitignore")
    (folder / "node_modules").mkdir()
    (folder / "node_modules/Dockerfile").write_text("")
    (folder / ".gitignore").write_text("node_modules\n")
    done = kontinuous("init", cwd=folder)
    assert stages(folder) == [
        {
            "name": "Build Docker Image",
            "type": "docker_build",
            "params": {"dockerfile_path": "docker/app", "dockerfile_name": "Dockerfile.prod"},
        },
        {"name": "Unit Test", "type": "command", "params": {"command": unittest("-s", "tests")["command"]}},
    ]
    assert "  Build Docker Image: there is docker/app/Dockerfile.prod\n" in done.stdout
    assert "it runs in the image just built\n" in done.stdout
    assert yaml.safe_load((folder / ".pipeline.yml").read_text())["metadata"]["name"] == "my-shop"


def test_it_is_published_only_where_told(kontinuous: Run, tmp_path: Path) -> None:
    folder = make(tmp_path / "shop", "Dockerfile")
    assert kontinuous("init", folder, "--publish", "acme/shop").returncode == 2
    assert kontinuous("init", folder, "--publish", "quay.io/Acme/Shop!").returncode == 2
    assert not (folder / ".pipeline.yml").exists()
    done = kontinuous("init", folder, "--publish", "quay.io/acme/shop", "--namespace", "team-a")
    assert "which you make" in done.stdout
    assert stages(folder)[-1]["params"]["external_image_name"] == "acme/shop"
    assert kontinuous("lint", folder / ".pipeline.yml").returncode == 0


def test_a_file_that_is_there_stays_unless_forced(kontinuous: Run, tmp_path: Path) -> None:
    folder = make(tmp_path / "shop", "go.mod", _pipeline_yml="mine")
    refused = kontinuous("init", folder)
    assert (refused.returncode, "--force replaces it" in refused.stderr) == (2, True)
    assert (folder / ".pipeline.yml").read_text() == "mine"
    assert kontinuous("init", folder, "--force").returncode == 0
    assert stages(folder)[0]["params"] == GO_TEST


def test_what_cannot_be_begun_is_said(kontinuous: Run, tmp_path: Path) -> None:
    empty = make(tmp_path / "empty", "README.md")
    for folder, said in ((empty, "no Dockerfile"), (tmp_path, "git init")):
        done = kontinuous("init", folder)
        assert (done.returncode, said in done.stderr, len(done.stderr.splitlines())) == (2, True, 1)
    assert "no image to publish" in kontinuous("init", make(tmp_path / "go", "go.mod"), "--publish", "q.io/a").stderr


def test_the_example_gets_what_its_own_file_has(kontinuous: Run, tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    shutil.copytree(ROOT / "examples/hello", folder, ignore=shutil.ignore_patterns("__pycache__", ".pipeline.yml"))
    git(folder, "init", "--quiet")
    assert kontinuous("init", folder).returncode == 0
    own = yaml.safe_load((ROOT / "examples/hello/.pipeline.yml").read_text())["spec"]["template"]["stages"]
    assert stages(folder) == own[:2]
