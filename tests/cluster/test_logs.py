"""Logs followed live on a real Kubernetes, where a node keeps only the newest part of a long one."""

from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any

import pytest

from cli.follow import follow_log
from cli.records import BuildName
from tests.cluster.builds import command, finish, log, start
from tests.cluster.cluster import KubectlError
from tests.cluster.installation import BUILDS_NAMESPACE, Installation
from tests.waiting import wait_for

LIMIT_S = 90

pytestmark = pytest.mark.timeout(300, func_only=True)

WRITE = """
    import os, sys, time
    def wait_for(file):
        while not os.path.exists(file):
            time.sleep(0.05)
    def write(first, last):
        for number in range(first, last):
            sys.stdout.write(f"{number:09d} {'x' * 68}\\r\\n")
        sys.stdout.flush()
    write(0, 2)
    wait_for("/tmp/begin")
    write(2, 200_000)
    wait_for("/tmp/end")
    write(200_000, 200_100)
"""
"""Some 16 MB in lines of 80 bytes; a kubelet keeps 10 MiB. containerd drops the carriage returns."""


def pod_of(installation: Installation, name: BuildName) -> str:
    """The pod of a repository's only build."""
    labels = f"kontinuous.io/pipeline={name.repository.rpartition('/')[2]}"
    words = ("get", "pods", "-n", BUILDS_NAMESPACE, "-l", labels, "-o", "name")
    return wait_for(lambda: installation.cluster.kubectl(*words).strip(), LIMIT_S)


def let_go(installation: Installation, pod: str, file: str) -> None:
    installation.cluster.kubectl("exec", "-n", BUILDS_NAMESPACE, pod, "-c", "user", "--", "touch", file)


def has_beginning(installation: Installation, pod: str) -> bool:
    """Whether the node gives the log from its beginning; once it has begun a new file, it gives only that."""
    try:
        words = ("logs", "-n", BUILDS_NAMESPACE, pod, "-c", "stage", "--limit-bytes=2000")
        return f"{0:09d} xxx" in installation.cluster.kubectl(*words)
    except KubectlError:  # it does not know yet that the container runs
        return False


def test_a_log_longer_than_a_node_keeps_is_followed_whole_from_its_start_and_from_its_middle(
    installation: Installation,
) -> None:
    script = "\n".join(line.removeprefix("    ") for line in WRITE.splitlines())
    stage = command("Write", "python3", "-c", script, image=installation.base_image)
    name = start(installation, f"long-log-{token_hex(3)}", stage)
    client = installation.client()

    def follow() -> bytes:
        return b"".join(follow_log(client, name, "write", 1))

    with ThreadPoolExecutor(2) as pool:
        pod = pod_of(installation, name)
        early = pool.submit(follow)
        wait_for(lambda: has_beginning(installation, pod), LIMIT_S, 1)
        let_go(installation, pod, "/tmp/begin")
        wait_for(lambda: not has_beginning(installation, pod), LIMIT_S, 1)
        wait_for(lambda: log(installation, client.build(name), "write"), LIMIT_S, 1)  # before, nobody can know better
        late = pool.submit(follow)
        let_go(installation, pod, "/tmp/end")
        build: Any = finish(installation, name)
        assert build["status"] == "SUCCESS", build
        whole = log(installation, build, "write")
        assert whole.count(b"\r\n") == 200_100
        expected = whole.replace(b"\r\n", b"\n")
        assert early.result(LIMIT_S) == expected
        assert late.result(LIMIT_S) == expected
