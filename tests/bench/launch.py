"""How fast the Docker launcher is, as ratios against bare `docker run` of the same containers, in the same run.

    python -m tests.bench.launch [ROUNDS]

The engine is found as `kontinuous run` finds it.
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
from datetime import datetime

from local.docker_launcher import DockerLauncher
from local.engine import find_engine
from local.home import open_home
from local.images import ensure_images
from local.pod_engine import PodEngine
from local.pod_names import PodNames
from shared.ports import JobPhase
from tests.contract.job_runner import JobRunner
from tests.local.docker_engine import IMAGE, NETWORK

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
    home = open_home()
    engine = find_engine(home.engine_root, print)
    try:
        ensure_images(engine, home.cache, print)
        measure(rounds, engine.url)
    finally:
        engine.stop()


def measure(rounds: int, url: str) -> None:
    bare = [seconds(lambda: bare_run(url)) for _ in range(rounds)]
    show("bare docker run --rm, one container", bare)
    instance = f"bench-{secrets.token_hex(3)}"
    with (
        closing(PodEngine(url)) as engine,
        closing(DockerLauncher(url, NETWORK, instance)) as launcher,
    ):
        runner = JobRunner(launcher, "bench", IMAGE)
        times = [launch_times(runner, engine, instance) for _ in range(rounds)]
        created, accepted, first = zip(*times, strict=True)
        show("launch() -> the engine makes the last container", created)
        show("launch() returns, two containers and three volumes made and filled", accepted)
        show("launch() -> first byte of the first process", first, bare)
        pipelines, runs = [], []
        for _ in range(max(3, rounds // 4)):
            runs.append(seconds(lambda: bare_runs(url)))
            pipelines.append(seconds(lambda: pipeline(runner)))
        show(f"{STAGES * CONTAINERS} bare docker runs in sequence", runs)
        show(f"{STAGES} Jobs of {CONTAINERS} containers in sequence, by watch", pipelines, runs)
        runner.remove_all()


def bare_run(url: str) -> None:
    """The baseline, through the `docker` command as a person would."""
    command = ["docker", "run", "--rm", "--network", NETWORK, IMAGE, "true"]
    subprocess.run(command, check=True, env={**os.environ, "DOCKER_HOST": url}, capture_output=True)


def bare_runs(url: str) -> None:
    """As many as a pipeline has containers, one after another."""
    for _ in range(STAGES * CONTAINERS):
        bare_run(url)


def launch_times(runner: JobRunner, engine: PodEngine, instance: str) -> tuple[float, float, float]:
    """Seconds until the engine makes the containers, launch() returns, and the first process has written."""
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "b", "emptyDir": {}}, PIPES]
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    job = runner.manifest(
        runner.stage("echo first", volumeMounts=mounts), runner.user("true", volumeMounts=mounts), volumes=volumes
    )
    ref = runner.refs[-1]
    begin_utc, begin = time.time(), time.perf_counter()
    runner.launcher.launch(job, [])
    accepted = time.perf_counter() - begin
    with runner.launcher.follow(ref) as chunks:
        next(chunks)
    first = time.perf_counter() - begin
    runner.wait(ref, lambda state: state.phase is JobPhase.FINISHED)
    created = max(created_at(engine, PodNames(instance, ref).container(name)) for name in ("stage", "user"))
    runner.launcher.remove(ref)
    return created - begin_utc, accepted, first


def created_at(engine: PodEngine, container: str) -> float:
    """When the engine made a container, by its own word, in Unix seconds."""
    inspected = engine.inspect(container)
    assert inspected is not None
    text = inspected["Created"]  # 2026-01-31T12:00:00.123456789Z, the fraction without trailing zeros
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")


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
