"""The checkout of one commit, from a real git server over HTTP."""

import contextlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from shared.errors import InfrastructureError, InputError, Interrupted
from shared.git import Checkout
from tests.gate import Gate
from tests.git_server import GitServer, commit, git, make_repository
from tests.waiting import wait_for

PASSWORD = "p/w:d @%41"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "served")
    server.folder.mkdir()
    yield server
    server.close()


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GitServer]:
    server = GitServer(tmp_path / "guarded", ("builder", PASSWORD))
    server.folder.mkdir()
    yield server
    server.close()


def test_a_commit_is_checked_out_and_nothing_older(server: GitServer, tmp_path: Path) -> None:
    make_repository(server.folder, "a.git", {"old": "1"})
    work = server.folder / "a.git.work"
    (work / "dir").mkdir()
    (work / "dir/new").write_text("2")
    wanted = commit(work, "second")
    commit(work, "third")
    git(work, "push", "--quiet", str(server.folder / "a.git"), "main")
    Checkout(server.url("a.git"), wanted, tmp_path / "to").run()
    assert (tmp_path / "to/dir/new").read_text() == "2"
    assert git(tmp_path / "to", "rev-parse", "HEAD") == wanted
    assert git(tmp_path / "to", "rev-list", "--count", "HEAD") == "1"
    assert git(tmp_path / "to", "remote", "get-url", "origin") == server.url("a.git")


@pytest.mark.parametrize("ref", ["", "refs/heads/main"])
def test_a_server_that_gives_no_bare_commits_is_asked_for_its_branches(tmp_path: Path, ref: str) -> None:
    with contextlib.closing(GitServer(tmp_path / "served", protocol_2=False)) as server:
        wanted = make_repository(server.folder, "a.git", {"file": "1"})
        work = server.folder / "a.git.work"
        commit(work, "second")
        git(work, "push", "--quiet", str(server.folder / "a.git"), "main")
        Checkout(server.url("a.git"), wanted, tmp_path / "to", ref=ref).run()
        assert git(tmp_path / "to", "rev-parse", "HEAD") == wanted
        assert len([path for path in server.requests if "info/refs" in path]) > 1, "the first fetch was not refused"


def test_the_newest_commit_of_a_branch_comes_alone_also_from_such_a_server(tmp_path: Path) -> None:
    with contextlib.closing(GitServer(tmp_path / "served", protocol_2=False)) as server:
        make_repository(server.folder, "a.git", {"file": "1"})
        work = server.folder / "a.git.work"
        wanted = commit(work, "second")
        git(work, "push", "--quiet", str(server.folder / "a.git"), "main")
        Checkout(server.url("a.git"), wanted, tmp_path / "to", ref="refs/heads/main").run()
        assert git(tmp_path / "to", "rev-list", "--count", "HEAD") == "1"


def test_the_repository_is_one_as_git_makes_it(server: GitServer, tmp_path: Path) -> None:
    wanted = make_repository(server.folder, "a.git", {"file": "1"})
    Checkout(server.url("a.git"), wanted, tmp_path / "to").run()
    (tmp_path / "by-git").mkdir()
    git(tmp_path / "by-git", "init", "--quiet")
    settings = [git(tmp_path / name, "config", "--local", "--get-regexp", "^core") for name in ("to", "by-git")]
    assert settings[0] == settings[1]
    assert git(tmp_path / "to", "fsck", "--strict") == ""
    assert git(tmp_path / "to", "status", "--porcelain") == ""
    git(tmp_path / "to", "switch", "--quiet", "--create", "topic")
    (tmp_path / "to/more").write_text("2")
    commit(tmp_path / "to", "more")
    assert git(tmp_path / "to", "rev-parse", "topic^") == wanted


def test_a_commit_that_is_nowhere_is_the_inputs_fault(server: GitServer, tmp_path: Path) -> None:
    make_repository(server.folder, "a.git", {"file": "1"})
    with pytest.raises(InputError, match=f"commit {'1' * 40} is not in {server.url('a.git')}"):
        Checkout(server.url("a.git"), "1" * 40, tmp_path / "to").run()


def test_a_repository_that_is_not_there_is_the_inputs_fault(server: GitServer, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no repository at"):
        Checkout(server.url("none.git"), "1" * 40, tmp_path / "to").run()


def test_a_server_that_is_down_is_the_infrastructures_fault(server: GitServer, tmp_path: Path) -> None:
    url = server.url("a.git")
    server.close()
    with pytest.raises(InfrastructureError, match="cannot be reached"):
        Checkout(url, "1" * 40, tmp_path / "to").run()


def test_a_server_that_comes_back_in_a_moment_is_waited_for(server: GitServer, tmp_path: Path) -> None:
    wanted = make_repository(server.folder, "a.git", {"file": "1"})
    gate = Gate(("127.0.0.1", int(server.url("").split(":")[2].rstrip("/"))))
    gate.shut()
    clone = Thread(target=Checkout(f"http://{gate.address}/a.git", wanted, tmp_path / "to").run)
    clone.start()
    wait_for(lambda: (tmp_path / "to/.git/config").exists())
    gate.open()
    clone.join(20)
    assert (tmp_path / "to/file").read_text() == "1"


@pytest.mark.parametrize("url", ["file:///etc", "ssh://host/a", "../a", "ext::sh -c true", "http://"])
def test_addresses_that_are_not_http_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no HTTP address"):
        Checkout(url, "1" * 40, tmp_path / "to").run()


def test_an_address_with_credentials_is_refused_without_showing_them(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Checkout("http://user:hunter22@host/a.git", "1" * 40, tmp_path / "to").run()
    assert "hunter22" not in str(caught.value)


def test_credentials_are_used_and_left_nowhere(guarded: GitServer, tmp_path: Path) -> None:
    wanted = make_repository(guarded.folder, "a.git", {"file": "1"})
    Checkout(guarded.url("a.git"), wanted, tmp_path / "to", user="builder", password=PASSWORD).run()
    assert (tmp_path / "to/file").read_text() == "1"
    for path in (tmp_path / "to").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


def test_credentials_are_in_no_command_line(guarded: GitServer, tmp_path: Path) -> None:
    wanted = make_repository(guarded.folder, "a.git", {"file": "1"})
    # A first git in the PATH writes down how it is called, then calls the real one.
    spy = tmp_path / "bin/git"
    spy.parent.mkdir()
    real = subprocess.run(["sh", "-c", "command -v git"], capture_output=True, text=True, check=True).stdout.strip()
    spy.write_text(f'#!/bin/sh\n{{ echo "$@"; env; }} >> {tmp_path}/calls\nexec {real} "$@"\n')
    spy.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
        Checkout(guarded.url("a.git"), wanted, tmp_path / "to", user="builder", password=PASSWORD).run()
    calls = (tmp_path / "calls").read_text()
    assert "fetch" in calls
    assert PASSWORD not in calls


@pytest.mark.parametrize("password", ["wrong", ""])
def test_refused_credentials_are_named_as_such(guarded: GitServer, tmp_path: Path, password: str) -> None:
    wanted = make_repository(guarded.folder, "a.git", {"file": "1"})
    with pytest.raises(InfrastructureError, match="refuses our credentials"):
        Checkout(guarded.url("a.git"), wanted, tmp_path / "to", user="builder", password=password).run()


def test_submodules_come_along_and_another_server_gets_no_credentials(
    guarded: GitServer, server: GitServer, tmp_path: Path
) -> None:
    make_repository(server.folder, "sub.git", {"inner": "2"})
    make_repository(guarded.folder, "a.git", {"file": "1"})
    work = guarded.folder / "a.git.work"
    git(work, "submodule", "--quiet", "add", server.url("sub.git"), "sub")
    wanted = commit(work, "with a submodule")
    git(work, "push", "--quiet", str(guarded.folder / "a.git"), "main")
    Checkout(guarded.url("a.git"), wanted, tmp_path / "to", user="builder", password=PASSWORD).run()
    assert (tmp_path / "to/sub/inner").read_text() == "2"
    assert git(tmp_path / "to/sub", "rev-list", "--count", "HEAD") == "1"


def test_a_submodule_that_is_not_on_http_is_the_inputs_fault(server: GitServer, tmp_path: Path) -> None:
    make_repository(
        server.folder, "a.git", {".gitmodules": '[submodule "s"]\n\tpath = s\n\turl = git@example.com:a/s.git\n'}
    )
    work = server.folder / "a.git.work"
    (work / "s").mkdir()
    git(work, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},s")
    wanted = commit(work, "with a submodule")
    git(work, "push", "--quiet", str(server.folder / "a.git"), "main")
    with pytest.raises(InputError, match=r"only HTTP.* in \.gitmodules"):
        Checkout(server.url("a.git"), wanted, tmp_path / "to").run()


@pytest.mark.parametrize("name", ["oauth2-proxy.git", "ssl.git"])
def test_a_name_like_a_trouble_is_none(server: GitServer, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no repository at"):
        Checkout(server.url(name), "1" * 40, tmp_path / "to").run()
    wanted = make_repository(server.folder, name, {"file": "1"})
    Checkout(server.url(name), wanted, tmp_path / "to-2", ref="refs/heads/fix-ssl").run()


def test_a_checkout_can_be_cancelled_while_its_git_ends(tmp_path: Path) -> None:
    checkout = Checkout("http://127.0.0.1:1/a.git", "1" * 40, tmp_path / "to")
    with subprocess.Popen(["true"], process_group=0) as checkout._child:
        checkout._child.wait()
        checkout.cancel()
    with pytest.raises(Interrupted):
        checkout.run()


def test_everyone_may_write_in_the_clone(server: GitServer, tmp_path: Path) -> None:
    wanted = make_repository(server.folder, "a.git", {"dir/file": "1"})
    Checkout(server.url("a.git"), wanted, tmp_path / "to").run()
    for name in ("dir", "dir/file", ".git", ".git/objects", ".git/config"):
        assert (tmp_path / "to" / name).stat().st_mode & stat.S_IWOTH, name


def test_a_checkout_that_is_cancelled_ends_at_once(server: GitServer, tmp_path: Path) -> None:
    make_repository(server.folder, "a.git", {"file": "1"})
    gate = Gate(("127.0.0.1", int(server.url("").split(":")[2].rstrip("/"))))
    gate.freeze()
    checkout = Checkout(f"http://{gate.address}/a.git", "1" * 40, tmp_path / "to")
    errors: list[Exception] = []

    def run() -> None:
        try:
            checkout.run()
        except Interrupted as error:
            errors.append(error)

    thread = Thread(target=run)
    thread.start()
    wait_for(lambda: gate.connections > 0)
    checkout.cancel()
    thread.join(5)
    assert len(errors) == 1
