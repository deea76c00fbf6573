"""A stand-in of `python -m local` for the tests of the command line: the same arguments, answers and exit codes.

The environment variable FAKE_PLAY names the play of its builds; FAKE_REFUSAL is an error that `serve` ends with.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fakes.api_server import TOKEN, ApiServer
from tests.fakes.plays import PLAYS


def main(arguments: list[str]) -> int:
    """Do what the first word says."""
    match arguments:
        case ["serve", "--lifeline"]:
            return serve()
        case ["serve", *rest]:
            return answer({"served": rest})
        case ["source", "--identify", folder] if not (Path(folder) / ".git").exists():
            return refuse(f"{folder}: not a git repository", 2)
        case ["source", "--identify", folder]:
            return answer({"repository": repository(Path(folder).resolve())})
        case ["source", folder, *options]:
            return source(Path(folder), options)
        case ["example", "hello"]:
            home = Path(os.environ["KONTINUOUS_HOME"])
            folder, secrets = str(home / "example"), str(home / "secrets.yml")
            return answer({"folder": folder, "secrets_file": secrets, "registry": "localhost:5001"})
        case ["verify-example", name, image]:
            print(f"{name}: {image} answers")
            return 0
        case _:
            return refuse(f"no such command: {arguments}", 2)


def serve() -> int:
    """Serve until stdin closes."""
    print("starting etcd", file=sys.stderr, flush=True)
    if refusal := os.environ.get("FAKE_REFUSAL"):
        return refuse(refusal, 3)
    record = Path(os.environ["KONTINUOUS_HOME"]) / "service.json"
    with ApiServer(PLAYS[os.environ.get("FAKE_PLAY", "succeed")]) as api:
        about = {
            "url": api.url,
            "token": TOKEN,
            "registry": "localhost:5000",
            "objects": "/state/objects",
            "lifeline": True,
        }
        record.write_text(json.dumps(about | {"pid": os.getpid()}))
        print(json.dumps(about), flush=True)
        sys.stdin.read()
        print(json.dumps(api.secrets), file=(record.parent / "secrets.json").open("w"))
        record.unlink()
        print("stopping etcd", file=sys.stderr, flush=True)
        return refuse(f"the command line is wrong: {api.complaints}", 2) if api.complaints else 0


def source(folder: Path, options: list[str]) -> int:
    """Say which commit a folder is at."""
    ref = options[options.index("--ref") + 1] if "--ref" in options else "HEAD"
    command = ["git", "-C", str(folder), "rev-parse", ref]
    sha = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return answer({"repository": repository(folder), "sha": sha, "ref": "refs/heads/main", "branch": "main"})


def repository(folder: Path) -> str:
    """The identity of a local folder."""
    return f"local/ab12/{folder.name}"


def answer(value: dict[str, object]) -> int:
    """Print a result."""
    print(json.dumps(value))
    return 0


def refuse(message: str, exit_code: int) -> int:
    """Print an error."""
    print(f"kontinuous: {message}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
