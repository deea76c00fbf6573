"""One commit of a repository into a folder, over HTTP(S) and as shallow as the server allows."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import IO
from urllib.parse import quote, urlsplit

from shared.errors import InfrastructureError, InputError, Interrupted

_TRIES = 3
_PAUSE_S = 1.0
_LONGEST_ANSWER = 2000

# Compiled when git complains, which it hardly ever does: that takes 1 ms.
_UNREACHABLE = (
    r"could not resolve|failed to connect|couldn't connect|connection (refused|reset|timed out)|timed out|empty reply"
    r"|returned error: 5\d\d|returned error: 429|early eof|hung up|ssl|certificate|network is unreachable"
    r"|no route to host|operation too slow|proxy"
)
_REFUSED = r"authentication failed|could not read (username|password)|returned error: 40[13]"
_NO_REPOSITORY = r"repository .* not found|returned error: 404"
_NOT_HTTP = r"transport '[^']*' not allowed"

_BRANCHES = "+refs/heads/*:refs/remotes/origin/*"

_NEW_HEAD = "ref: refs/heads/main\n"  # a branch without a commit; every repository begins with one
_NEW_CONFIG = f"""\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
[remote "origin"]
\turl = "{{url}}"
\tfetch = {_BRANCHES}
"""

_SETTINGS = {
    # The clone belongs to another user id than the one that will work on it.
    "safe.directory": "*",
    "advice.detachedHead": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    # A server that sends less than 1 KB/s for a minute counts as dead.
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
}


class Checkout:
    """The checkout of one commit; `run` does it, and `cancel`, from another thread, ends it early."""

    def __init__(
        self, url: str, commit: str, folder: Path, *, ref: str = "", user: str = "", password: str = ""
    ) -> None:
        """Nothing happens yet. `ref` is where `commit` was found, for servers that give no bare commits."""
        self._url = url
        self._commit = commit
        self._folder = folder
        self._ref = ref
        self._login = (user, password) if password else None
        self._cancelled = Event()
        self._lock = Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._environment: dict[str, str] = {}

    def run(self) -> None:
        """Check out; raises InfrastructureError where the server fails us, InputError where the commit is not there."""
        _check_url(self._url)
        with tempfile.TemporaryDirectory(prefix="git-") as scratch:
            self._environment = _environment(self._store_login(Path(scratch)))
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_repository()
            self._fetch()
            self._must("checkout", "--quiet", "--detach", self._commit)
            if (self._folder / ".gitmodules").exists():
                self._must("submodule", "--quiet", "update", "--init", "--depth", "1")

    def cancel(self) -> None:
        """End a checkout that runs; its `run` raises Interrupted."""
        with self._lock:
            self._cancelled.set()
            if self._child is not None:
                with suppress(ProcessLookupError):  # it has just ended by itself
                    os.killpg(self._child.pid, signal.SIGKILL)

    def _make_repository(self) -> None:
        """Make what `git init` makes, as gitrepository-layout(5) has it: it would be a process of 3 ms."""
        repository = self._folder / ".git"
        for folder in (repository, repository / "objects", repository / "refs"):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)  # like all in the workspace
        url = self._url.replace("\\", "\\\\").replace('"', '\\"')
        for name, text in {"HEAD": _NEW_HEAD, "config": _NEW_CONFIG.format(url=url)}.items():
            file = repository / name
            file.write_text(text)
            file.chmod(0o666)

    def _fetch(self) -> None:
        answer = self._fetched([self._commit], "--depth=1")
        if not answer:
            return
        if self._ref:
            answer = self._fetched([self._ref], "--depth=1")
        if not self._has_commit():
            answer = self._fetch_everything()
        if not self._has_commit():
            raise InputError(f"commit {self._commit} is not in {self._url}" + (f": {answer}" if answer else ""))

    def _fetch_everything(self) -> str:
        options = ["--unshallow"] if (self._folder / ".git/shallow").exists() else []
        return self._fetched([_BRANCHES, "+refs/tags/*:refs/tags/*"], *options)

    def _fetched(self, refs: list[str], *options: str) -> str:
        """Fetch, and again where the server seems to be down for a moment; "" where it worked, else git's complaint."""
        for attempt in range(1, _TRIES + 1):
            code, answer = self._git(
                "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", *options, "origin", *refs
            )
            if code == 0:
                return ""
            self._raise_for_access(answer)
            if not self._is_unreachable(answer):
                break
            if attempt == _TRIES:
                raise InfrastructureError(f"{self._url} cannot be reached: {answer}")
            self._cancelled.wait(_PAUSE_S * attempt)
        return answer or f"git fetch failed with exit code {code}"

    def _raise_for_access(self, answer: str) -> None:
        if _says(_REFUSED, answer):
            raise InfrastructureError(f"{self._url} refuses our credentials: {answer}")
        if _says(_NO_REPOSITORY, answer):
            raise InputError(f"there is no repository at {self._url}, or it is hidden from us: {answer}")
        if _says(_NOT_HTTP, answer):
            raise InputError(f"only HTTP(S) addresses can be cloned, also those in .gitmodules: {answer}")

    def _is_unreachable(self, answer: str) -> bool:
        """Whether git complains of the way to a server; the names in the complaint are no part of that."""
        for name in filter(None, (self._url, self._ref)):
            answer = answer.replace(name, "")
        return _says(_UNREACHABLE, answer)

    def _has_commit(self) -> bool:
        return self._git("cat-file", "-e", f"{self._commit}^{{commit}}")[0] == 0

    def _must(self, *arguments: str) -> None:
        code, answer = self._git(*arguments)
        if code != 0:
            self._raise_for_access(answer)
            if self._is_unreachable(answer):
                raise InfrastructureError(f"a server that {self._url} needs cannot be reached: {answer}")
            raise InfrastructureError(f"git {arguments[0]} failed with exit code {code}: {answer}")

    def _git(self, *arguments: str) -> tuple[int, str]:
        """Run git in the folder; returns its exit code and what it said on stderr, on one line."""
        with tempfile.TemporaryFile() as said:
            child = self._start(arguments, said)
            code = child.wait()
            with self._lock:
                self._child = None
            if self._cancelled.is_set():
                raise Interrupted("the checkout was told to stop")
            said.seek(0)
            return code, _one_line(said.read(_LONGEST_ANSWER).decode(errors="replace"))

    def _start(self, arguments: tuple[str, ...], output: IO[bytes]) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._cancelled.is_set():
                raise Interrupted("the checkout was told to stop")
            self._child = subprocess.Popen(
                ["git", *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                umask=0,  # the workspace is also for processes of other users
                process_group=0,  # git's helpers end with it
            )
            return self._child

    def _store_login(self, scratch: Path) -> dict[str, str]:
        """Put the credentials where git's own helper finds them for this server only: no other server is given them."""
        if self._login is None:
            return {}
        parts = urlsplit(self._url)
        user, password = (quote(part, safe="") for part in self._login)
        path = scratch / "credentials"
        path.touch(mode=0o600)
        path.write_text(f"{parts.scheme}://{user}:{password}@{parts.netloc}\n")
        return {"credential.helper": f"store --file={path}"}


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(f"{url!r} is no HTTP address of a repository")
    if "@" in parts.netloc:
        raise InputError(f"the repository's address at {parts.hostname} carries credentials; they belong into a secret")


def _environment(settings: dict[str, str]) -> dict[str, str]:
    """Our own environment with git's settings in it, apart from any of the user's, and no way to ask a person."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    own |= {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "GIT_CONFIG_GLOBAL": "/dev/null", "LC_ALL": "C"}
    own["GIT_ALLOW_PROTOCOL"] = "http:https"
    own |= _config_variables(_SETTINGS | settings)
    return own


def _config_variables(settings: Mapping[str, str]) -> dict[str, str]:
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return variables


def _says(pattern: str, answer: str) -> bool:
    return re.search(pattern, answer, re.IGNORECASE) is not None


def _one_line(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())
