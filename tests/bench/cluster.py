"""Whole builds on a Kubernetes cluster, against bare Jobs of the same namespace in the same run.

    python -m tests.bench.cluster

Prints: a build of three stages that do nothing (clone, log and report included) against three bare Jobs, each created
when a pod watch has shown the end of the one before (goal: at most 0.5x); a stage's report until the next stage's Job
is accepted, alone (goal: p95 at most 100 ms) and with 50 builds at once (at most 300 ms); 30 builds at once in stages
a minute against 30 chains of bare Jobs (goal: at least 0.7x), beside which stands what Kubernetes itself takes for pods
like a stage's; the coordinators' memory (at most 150 MiB each); and where the time of a stage goes. Nothing is
asserted.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from cli.client import Client
from cli.follow import follow_build
from cli.records import name_of
from shared.api_records import Build
from tests.bench.bare_jobs import BareJobs
from tests.bench.figures import seconds_between, spread
from tests.cluster.installation import BUILDS_NAMESPACE, Installation, installed

IMAGE = "python:3.13-slim"
STAGES = 3
ROUNDS = 7
AT_ONCE = 30
RUNNING = 50
REPOSITORY = ("bench", "nothing")
PIPELINE = """\
apiVersion: v1alpha1
kind: Pipeline
metadata: {{name: nothing, namespace: {namespace}}}
spec:
  template:
    stages:
{stages}
"""
STAGE = '      - {{name: "Stage {n}", type: command, params: {{image: "{image}", command: ["true"]}}}}'


def main() -> None:
    """Measure on the cluster of the end-to-end tests, or on the one of KONTINUOUS_E2E_KUBECONFIG."""
    # As shipped: with so many builds at once a volume may take longer than the tests wait for what may still heal.
    with (
        installed(WAITING_LIMIT_SECONDS="300") as installation,
        closing(BareJobs(installation.cluster.kubeconfig, BUILDS_NAMESPACE, IMAGE)) as bare,
    ):
        measure(installation, bare)


def measure(installation: Installation, bare: BareJobs) -> None:
    """Run everything and print the figures."""
    client = installation.client()
    repository = add_repository(installation, client)
    run_build(client, repository)
    builds, chains = [], []
    for _ in range(ROUNDS):  # in turns, so that both see the same machine
        builds.append(run_build(client, repository))
        chains.append(timed(lambda: bare.chain(STAGES)))
    ours, theirs = statistics.median(map(build_seconds, builds)), statistics.median(chains)
    print(
        f"{STAGES} stages that do nothing: {ours:.2f} s; {STAGES} bare Jobs: {theirs:.2f} s; ratio {ours / theirs:.2f}"
    )
    print(f"report → next Job accepted, alone: {spread(gaps_ms(builds))}")
    print_waterfall("alone", builds)
    throughput(client, repository, bare)
    crowd = at_once(RUNNING, lambda: run_build(client, repository))
    print(f"report → next Job accepted, {RUNNING} builds at once: {spread(gaps_ms(crowd))}")
    print_waterfall(f"{RUNNING} builds at once", crowd)
    for pod, mib in installation.coordinator_memory_mib().items():
        print(f"memory of {pod}: {mib:.0f} MiB")


def add_repository(installation: Installation, client: Client) -> str:
    """A repository whose pipeline does nothing, known to the service; returns its name."""
    stages = "\n".join(STAGE.format(n=n + 1, image=IMAGE) for n in range(STAGES))
    text = PIPELINE.format(namespace=BUILDS_NAMESPACE, stages=stages)
    repository = installation.add_repository(*REPOSITORY, {".pipeline.yml": text})
    client.create_pipeline(repository)
    return repository


def run_build(client: Client, repository: str) -> Build:
    """One build, from asking for it to its end."""
    build = client.start_build(repository, "main", [])
    for state in follow_build(client, name_of(build)):
        build = state
    if build["status"] != "SUCCESS":
        raise RuntimeError(f"build {build['number']} is {build['status']}: {build['reason']}")
    return build


def throughput(client: Client, repository: str, bare: BareJobs) -> None:
    """Many at once: stages a minute, ours and theirs, and of pods like a stage's in which nothing is done."""

    def a_minute(work: Callable[[], Any]) -> float:
        return 60 * AT_ONCE * STAGES / timed(lambda: at_once(AT_ONCE, work))

    theirs = a_minute(lambda: bare.chain(STAGES))
    empty = a_minute(lambda: bare.chain(STAGES, like_a_stage=True))
    ours = a_minute(lambda: run_build(client, repository))
    print(f"{AT_ONCE} at once: {ours:.0f} stages a minute, bare Jobs {theirs:.0f} a minute, ratio {ours / theirs:.2f}")
    print(
        f"bare Jobs with a stage's two containers, hook and volumes: {empty:.0f} a minute, ratio {empty / theirs:.2f}"
    )


def at_once(count: int, work: Callable[[], Any]) -> list[Any]:
    """Do something `count` times side by side; all results."""
    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(work) for _ in range(count)]]


def timed(work: Callable[[], Any]) -> float:
    """How many seconds something takes."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def build_seconds(build: Build) -> float:
    return seconds_between(build["created_at"], build["finished_at"])


def gaps_ms(builds: list[Build]) -> list[float]:
    """For each two stages one after the other: the first one's end until the second one's Job was accepted."""
    pairs = [pair for build in builds for pair in zip(build["stages"], build["stages"][1:], strict=False)]
    return [1000 * seconds_between(before["finished_at"], after["launched_at"]) for before, after in pairs]


def print_waterfall(when: str, builds: list[Build]) -> None:
    stages: list[Any] = [stage for build in builds for stage in build["stages"]]
    print(f"where the time of a stage goes, {when}, median ms each step ends and takes:")
    for name in dict.fromkeys(span["name"] for stage in stages for span in stage["waterfall"]):
        spans = [span for stage in stages for span in stage["waterfall"] if span["name"] == name]
        end, took = (1000 * statistics.median(span[key] for span in spans) for key in ("end_s", "seconds"))
        print(f"  {name:12}{end:7.0f}{took:7.0f}")


if __name__ == "__main__":
    main()
