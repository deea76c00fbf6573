"""Running git on this machine: bounded, in English, untouched by whatever hook or shell we were started from."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from shared.errors import InfrastructureError, InputError

LIMIT_S = 300
_AUTHOR = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in {"NAME": "kontinuous", "EMAIL": "example@localhost", "DATE": "2026-01-01T00:00:00Z"}.items()
}


def git(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, data: bytes = b"") -> str:
    """Run git in a folder and return what it printed as text, without the last newline; raises as `git_bytes` does."""
    return git_bytes(folder, *arguments, environment=environment, data=data).decode(errors="replace").removesuffix("\n")


def git_bytes(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, data: bytes = b"") -> bytes:
    """Run git in a folder and return what it printed.

    Raises InputError with git's own words when it fails, InfrastructureError when there is no git or it hangs.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = ["git", "-C", str(folder), *arguments]  # the words are ours, refs stand behind --end-of-options
    variables = {**clean, "LC_ALL": "C", **(environment or {})}
    try:
        done = subprocess.run(command, env=variables, input=data, capture_output=True, timeout=LIMIT_S)
    except ValueError as error:
        raise InputError(f"git cannot be given {arguments[-1]!r}: {error}") from error
    except FileNotFoundError as error:
        raise InfrastructureError(
            "git is not installed; install it (on Debian or Ubuntu: `apt install git`)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(f"git {arguments[0]} in {folder} did not end within {LIMIT_S} s") from error
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip()
        raise InputError(f"git {arguments[0]} in {folder} failed: {words or f'exit {done.returncode}'}")
    return done.stdout


def make_repository(folder: Path, message: str) -> None:
    """Make a folder a git repository whose one commit holds all that is in it."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message, environment=_AUTHOR)
