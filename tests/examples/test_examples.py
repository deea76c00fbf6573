"""The examples' own tests, run as their pipelines run them, but natively; and what makes the failing run fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.catalogue import known_types, read_catalogue
from shared.pipeline_file import parse
from tests.own_stages import CATALOGUE, FOLDER, catalogue

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=["hello", "compiled"])
def example(request: pytest.FixtureRequest) -> Path:
    return EXAMPLES / str(request.param)


def copy(name: str, tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / name, tmp_path / name))


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_every_example_has_a_pipeline_without_problems_or_warnings(example: Path) -> None:
    assert parse((example / ".pipeline.yml").read_bytes()).warnings == ()


def test_every_example_has_what_a_repository_has(example: Path) -> None:
    assert all((example / name).is_file() for name in ("README.md", "Dockerfile", ".dockerignore"))


def test_the_stages_of_ones_own_have_a_catalogue_that_their_pipeline_fits() -> None:
    types = known_types(read_catalogue(CATALOGUE.read_bytes()))
    parsed = parse((FOLDER / ".pipeline.yml").read_bytes(), types)
    assert parsed.warnings == ()
    assert [stage.type for stage in parsed.pipeline.stages] == [*catalogue()]
    readme = (FOLDER / "README.md").read_text()
    for kind, entry in catalogue().items():
        assert (FOLDER / kind / "Dockerfile").is_file()
        assert f"docker build -t {entry['image']} {kind}\n" in readme


def test_hello_passes_its_own_tests(tmp_path: Path) -> None:
    command = parse((EXAMPLES / "hello/.pipeline.yml").read_bytes()).pipeline.stages[1].params["command"]
    done = run(copy("hello", tmp_path), sys.executable, *command[1:])
    assert done.returncode == 0, done.stderr
    assert "test_the_world_is_greeted" in done.stderr


def test_hello_names_its_registry_and_takes_the_login_from_the_secret() -> None:
    publish = parse((EXAMPLES / "hello/.pipeline.yml").read_bytes()).pipeline.stages[2]
    assert publish.secrets == ("docker-credentials",)
    assert [publish.params[key] for key in ("external_registry", "username", "password")] == [
        "localhost:5050",
        "username",
        "password",
    ]


def test_roman_passes_its_contract_and_fails_it_as_its_readme_says(tmp_path: Path) -> None:
    folder = copy("compiled", tmp_path)
    assert run(folder, sys.executable, "checks/contract.py").returncode == 0
    promise = folder / "api.json"
    promise.write_text(promise.read_text().replace('"MCMXCIV"', '"MCMXCVI"'))
    done = run(folder, sys.executable, "checks/contract.py")
    assert (done.returncode, done.stdout) == (
        1,
        "FAIL  api.json says that 1994 is MCMXCVI, but MCMXCVI is 1996\n1 problems\n",
    )


@pytest.mark.skipif(not (shutil.which("cc") and shutil.which("make")), reason="needs a C compiler and make")
def test_roman_compiles_and_passes_its_self_test(tmp_path: Path) -> None:
    folder = copy("compiled", tmp_path)
    built = run(folder, "make", "server")
    assert built.returncode == 0, built.stderr
    assert run(folder, "./server", "--self-test").stdout.endswith("\n0 failures\n")
    source = folder / "src/roman.c"
    source.write_text(source.read_text().replace('{9, "IX"}', '{9, "VIIII"}'))
    assert run(folder, "make", "server").returncode == 0
    assert run(folder, "./server", "--self-test").returncode == 1
