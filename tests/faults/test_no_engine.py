"""No Docker engine to be had."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.home import Home
from tests.e2e.journey import ROOT, Kontinuous, command, repository

NOBODY = 65534
HIDE_SOCKETS = ("unshare", "--mount", "--propagation=private", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "-")
# No user of this machine, and no capability but to read: the program may lie in a folder that only root may enter.
DROP_RIGHTS = (
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--bounding-set=-all,+dac_read_search",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
)  # fmt: skip


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user may enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # noqa: S103
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="takes rights away, which only root can do")
def test_no_docker_and_no_root_says_what_to_install(open_folder: Path) -> None:
    folder = repository(open_folder / "project", command("Nothing", "true"))
    state = open_folder / "home"
    state.mkdir()
    for path in (state, folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    program = (*HIDE_SOCKETS, *DROP_RIGHTS, sys.executable, "-P", "-m", "cli")
    unset = {"DOCKER_HOST": "", "KONTINUOUS_ENGINE": "", "HOME": str(state)}
    kontinuous = Kontinuous(state, state, open_folder, program, {"PYTHONPATH": str(ROOT), **unset})
    done = kontinuous("run", folder, limit_s=30)
    assert done.exit_code == 3, done.screen
    assert "kontinuous: no Docker engine was found, and only root may start one" in done.screen
    assert "docker.io" in done.screen


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("unix:///no/such.sock", "no engine answers at DOCKER_HOST=unix:///no/such.sock"),
        ("tcp://10.1.2.3:2376", "an engine on another machine cannot serve the one-machine mode"),
    ],
)
def test_a_docker_host_that_cannot_be_used_is_named(home: Home, tmp_path: Path, url: str, words: str) -> None:
    folder = repository(tmp_path / "project", command("Nothing", "true"))
    variables = {"PYTHONPATH": str(ROOT), "DOCKER_HOST": url, "KONTINUOUS_ENGINE": ""}
    kontinuous = Kontinuous(tmp_path / "home", home.engine_root, tmp_path, variables=variables)
    done = kontinuous("run", folder, limit_s=30)
    assert (done.exit_code, words in done.screen) == (3, True), done.screen
