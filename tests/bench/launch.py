"""How fast the Docker launcher is, as ratios against bare `docker run` of the same containers, in the same run.

    python -m tests.bench.launch [ROUNDS]

The engine is that of DOCKER_HOST, or the usual one; it must have the image debian:trixie-slim.
"""

import math
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from local.docker_launcher import DockerLauncher
from shared.ports import JobPhase
from tests.contract.job_runner import JobRunner
from tests.local.docker_engine import IMAGE, NETWORK, engine_url

STAGES = 3
CONTAINERS = 2
# What the type `command` does with its two containers: the second is let go by the first and sets it free again.
STAGE = "until [ -p /pipes/end ]; do :; done; read line < /pipes/end"
HOOK = {"postStart": {"exec": {"command": ["mkfifo", "/pipes/end"]}}}
USER = "echo end > /pipes/end"
PIPES = {"name": "pipes", "emptyDir": {"medium": "Memory"}}
MOUNT = {"volumeMounts": [{"name": "pipes", "mountPath": "/pipes"}]}


def main(rounds: int = 20) -> None:
    """Measure, and print one line each."""
    bare = [seconds(bare_run) for _ in range(rounds)]
    show("bare docker run --rm, one container", bare)
    with closing(DockerLauncher(engine_url(), NETWORK, f"bench-{secrets.token_hex(3)}")) as launcher:
        runner = JobRunner(launcher, "bench", IMAGE)
        accepted, first = zip(*(launch_times(runner) for _ in range(rounds)), strict=True)
        show("launch() returns, two containers and three volumes made and filled", accepted)
        show("launch() -> first byte of the first process", first, bare)
        pipelines, runs = [], []
        for _ in range(max(3, rounds // 4)):
            runs.append(seconds(bare_runs))
            pipelines.append(seconds(lambda: pipeline(runner)))
        show(f"{STAGES * CONTAINERS} bare docker runs in sequence", runs)
        show(f"{STAGES} Jobs of {CONTAINERS} containers in sequence, by watch", pipelines, runs)
        runner.remove_all()


def bare_run() -> None:
    """The baseline, through the `docker` command as a person would."""
    command = ["docker", "run", "--rm", "--network", NETWORK, IMAGE, "true"]
    subprocess.run(command, check=True, env={**os.environ, "DOCKER_HOST": engine_url()}, capture_output=True)


def bare_runs() -> None:
    """As many as a pipeline has containers, one after another."""
    for _ in range(STAGES * CONTAINERS):
        bare_run()


def launch_times(runner: JobRunner) -> tuple[float, float]:
    """Seconds until launch() returns, and until the first process has written its first byte."""
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}, PIPES]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    job = runner.manifest(
        runner.stage("echo first", volumeMounts=mounts), runner.user("true", volumeMounts=mounts), volumes=volumes
    )
    ref = runner.refs[-1]
    begin = time.perf_counter()
    runner.launcher.launch(job, [])
    accepted = time.perf_counter() - begin
    with runner.launcher.follow(ref) as chunks:
        next(chunks)
    first = time.perf_counter() - begin
    runner.wait(ref, lambda state: state.phase is JobPhase.FINISHED)
    runner.launcher.remove(ref)
    return accepted, first


def pipeline(runner: JobRunner) -> None:
    """Jobs one after another, each launched as soon as the stage container before has ended."""
    for _ in range(STAGES):
        ref = runner.launch(runner.stage(STAGE, lifecycle=HOOK, **MOUNT), runner.user(USER, **MOUNT), volumes=[PIPES])
        runner.wait(ref, lambda state: "stage" in state.ends)


def seconds(work: Callable[[], object]) -> float:
    """How long something takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def show(what: str, values: Sequence[float], baseline: Sequence[float] = ()) -> None:
    """Print median and 95th percentile in milliseconds, and the ratio of the medians."""
    median, p95 = statistics.median(values), sorted(values)[math.ceil(0.95 * len(values)) - 1]
    ratio = f"  {median / statistics.median(baseline):.2f} x bare" if baseline else ""
    print(f"{what:70} median {median * 1000:6.0f} ms  p95 {p95 * 1000:6.0f} ms{ratio}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
