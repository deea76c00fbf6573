"""`python -m tests.cluster up|down|env|run COMMAND…`: the test cluster, for people and for `make`."""

import os
import signal
import subprocess
import sys
from types import FrameType

from local.home import open_home
from local.progress import say_on_stderr
from shared.errors import InfrastructureError
from tests.cluster.cluster import KUBECONFIG_VARIABLE
from tests.cluster.lifecycle import down, keep, up
from tests.cluster.places import KUBECONFIG, PROGRAMS

USAGE = "usage: python -m tests.cluster up | down | env | run COMMAND…"


def main(arguments: list[str]) -> int:
    """Do what the first argument says and return the exit code."""
    given = os.environ.get(KUBECONFIG_VARIABLE)
    try:
        match arguments:
            case ["up"] if not given:
                if not up(open_home().cache, say_on_stderr):
                    say_on_stderr(f"cluster: it is up already; KUBECONFIG={KUBECONFIG}")
            case ["down"] if not given:
                down()
            case ["up" | "down"]:
                say_on_stderr(f"cluster: {KUBECONFIG_VARIABLE} names one, which is left as it is")
            case ["env"]:
                print(f'export KUBECONFIG={given or KUBECONFIG}\nexport PATH="{PROGRAMS}:$PATH"')
            case ["run", *command] if command:
                return subprocess.call(command) if given else _run(command)
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except InfrastructureError as error:
        say_on_stderr(f"cluster: {error}")
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


def _run(command: list[str]) -> int:
    """Run a command with the cluster up; at the end, however it comes, the cluster is as it was before: up or down."""
    signal.signal(signal.SIGTERM, _leave)
    # A shell's background process ignores it, and so would the command, which is to be told by it to stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    brought_up = up(open_home().cache, say_on_stderr)
    try:
        return _call(command)
    finally:
        if brought_up and not keep(os.environ):
            down()


def _call(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except SystemExit:
            process.send_signal(signal.SIGINT)
            raise
        finally:
            process.wait()  # for pytest to stop what it started, also after Ctrl-C, of which it was told too


def _leave(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
