"""Completion, driven in the real shells: as a person does, with the Tab key."""

import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from local.apt import apt_install
from tests.cli.conftest import ROOT
from tests.fakes.api_server import TOKEN, ApiServer
from tests.fakes.plays import succeed_unseen

TAB, CLEAR = "\t", "\x15"
LIMIT_S = 30
REPOSITORY = "github.com/acme/shop"


def shell(name: str) -> str:
    """The path of a shell, installed where it is missing, as root on Debian."""
    if shutil.which(name) is None:
        apt_install(name)
    return shutil.which(name) or name


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A service with one finished build."""
    with ApiServer(succeed_unseen) as api:
        api.pipelines.append(REPOSITORY)
        api.start(REPOSITORY, {})
        yield api
        assert not api.complaints


@pytest.fixture
def variables(api: ApiServer, tmp_path: Path) -> dict[str, str]:
    """An environment with `kontinuous` on PATH, and with that service."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "kontinuous"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m cli "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "dumb",
        "KONTINUOUS_URL": api.url,
        "KONTINUOUS_TOKEN": TOKEN,
    }


def fish_completes(typed: str, variables: dict[str, str]) -> list[str]:
    """What fish offers for a line, each in turn; nothing may be said besides."""
    code = f"kontinuous completion fish | source; complete --do-complete '{typed}'"
    done = subprocess.run([shell("fish"), "-N", "-c", code], env=variables, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


CASES = [
    ("kontinuous comp", "kontinuous completion"),
    ("kontinuous get pipel", "kontinuous get pipelines"),
    ("kontinuous logs --fol", "kontinuous logs --follow"),
    (f"kontinuous describe build {REPOSITORY[:12]}", f"kontinuous describe build {REPOSITORY}/1"),
    (f"kontinuous describe pipeline {REPOSITORY[:12]}", f"kontinuous describe pipeline {REPOSITORY}"),
    (f"kontinuous logs {REPOSITORY}/1 --stage uni", f"kontinuous logs {REPOSITORY}/1 --stage unit-test"),
]


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_the_tab_key_completes(name: str, variables: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "completion"
    with script.open("w") as file:
        subprocess.run(["kontinuous", "completion", name], env=variables, stdout=file, check=True)
    options = {"bash": ["--norc", "--noprofile"], "zsh": ["-f"]}[name]
    child = pexpect.spawn(shell(name), options, env=variables, encoding="utf-8", timeout=LIMIT_S, dimensions=(50, 200))
    child.sendline(
        {"bash": "PS1='> '", "zsh": "PS1='> '; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u"}[name]
    )
    child.sendline(f". {script}; echo loa''ded")
    child.expect_exact("loaded")
    for typed, completed in CASES:
        child.send(f"{typed}{TAB}")
        child.expect(re.escape(completed[len(typed) :]))
        child.send(CLEAR)
    child.close(force=True)


def test_fish_completes(variables: dict[str, str]) -> None:
    for typed, completed in CASES:
        assert completed.split()[-1] in fish_completes(typed, variables)


def test_only_pipelines_that_fit_are_asked_for_their_builds(api: ApiServer, variables: dict[str, str]) -> None:
    api.pipelines += [f"{REPOSITORY}ping", "github.com/other/shop"]
    api.start("github.com/other/shop", {})
    assert fish_completes(f"kontinuous logs {REPOSITORY}/", variables) == [f"{REPOSITORY}/1"]
    assert api.listed == [REPOSITORY]


def test_one_tab_waits_for_a_second_however_many_pipelines_there_are(api: ApiServer, variables: dict[str, str]) -> None:
    api.pipelines += [f"github.com/acme/slow-{number}" for number in range(40)]
    api.faults.pause_s = 0.2
    assert fish_completes("kontinuous logs github", variables) == [f"{REPOSITORY}/1"]
    assert len(api.listed) <= 8


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "nonsense", ""])
def test_without_a_service_nothing_is_completed_and_nothing_said(url: str, variables: dict[str, str]) -> None:
    variables |= {"KONTINUOUS_URL": url, "KONTINUOUS_HOME": variables["HOME"]}
    assert fish_completes("kontinuous describe pipeline ", variables) == []
