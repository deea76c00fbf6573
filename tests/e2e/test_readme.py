"""README's commands on one machine, in their order, as somebody with code and no pipeline file would type them."""

import shlex
import shutil
from pathlib import Path

from tests.docs.commands import ONE_MACHINE, commands
from tests.e2e.journey import ROOT, Done, Kontinuous, command, repository, secrets_file, serving
from tests.git_server import commit, git

KEPT = "README.md"


def type_line(kontinuous: Kontinuous, line: str, folder: Path) -> Done:
    """Run a line of README in the folder, with the home folder of its scratch."""
    words = shlex.split(line.replace("~", str(kontinuous.scratch)))
    return kontinuous(*words[1:], cwd=folder)


def test_readme_can_be_followed_on_one_machine(alone: Kontinuous, tmp_path: Path) -> None:
    folder = tmp_path / "hello"
    shutil.copytree(ROOT / "examples/hello", folder, ignore=shutil.ignore_patterns("__pycache__", ".pipeline.yml"))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(repository(tmp_path / "src/shop", command("Speak", "echo", "two")), "tag", "v2")
    secrets_file(folder / "secrets.yml", docker_credentials={"password": "x"})
    lines = commands("README.md")[ONE_MACHINE]
    served = lines.index("kontinuous serve")
    for line in lines[:served]:
        done = type_line(alone, line, folder)
        assert done.exit_code == 0, f"{line}\n{done.screen}"
        if line == "kontinuous init":
            with (folder / ".pipeline.yml").open("a") as file:
                file.write(f"      artifacts: [{KEPT}]\n")
            commit(folder, "a first pipeline")
    with serving(alone):
        for line in lines[served + 1 :]:
            done = type_line(alone, line, folder)
            late = line == "kontinuous cancel 1" and "ended already" in done.screen
            assert done.exit_code == 0 or late, f"{line}\n{done.screen}"
    assert (folder / "out/unit-test" / KEPT).read_bytes() == (folder / KEPT).read_bytes()
