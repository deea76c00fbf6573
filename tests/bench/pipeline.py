"""A whole three-stage pipeline on one machine, against the same containers started by bare `docker run`.

Prints, from one run: the pipeline whose stages do nothing (goal: at most 2.0x the bare containers); a stage's report
until the next stage's containers are created (goal: p95 at most 100 ms); a log line from its writing until a follower
has it (goal: at most 300 ms); and where the time of a stage goes. Nothing is asserted.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.follow import follow_build, follow_log
from cli.records import name_of
from local.engine import find_engine
from local.home import ENGINE_HOME_VARIABLE, open_home
from local.images import ensure_images
from local.pod_names import LABEL_CONTAINER
from shared import keys
from shared.api_records import Build
from tests.bench.figures import seconds_between as seconds
from tests.bench.figures import spread

ROOT = Path(__file__).parents[2]
IMAGE = "python:3.13-slim"
BUILDS = 10
LINES = 30
PIPELINE = """
apiVersion: v1alpha1
kind: Pipeline
metadata: {{name: bench, namespace: bench}}
spec:
  template:
    stages:
{stages}
"""
NOTHING = f'      - {{{{name: "Stage {{n}}", type: command, params: {{{{image: "{IMAGE}", command: ["true"]}}}}}}}}'
CLOCK = f'      - {{name: Clock, type: command, params: {{image: "{IMAGE}", command: [python3, clock.py]}}}}'
CLOCK_PY = f"""
import time
for _ in range({LINES}):
    print(time.time(), flush=True)
    time.sleep(0.1)
"""


def main() -> None:
    """Run all of it and print the figures."""
    home = open_home()
    engine = find_engine(home.engine_root, print)
    try:
        images = ensure_images(engine, home.cache, print)
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), str(home.engine_root), engine.url, images["command"])
    finally:
        engine.stop()


def measure(folder: Path, engine_home: str, docker_host: str, stage_image: str) -> None:
    """Run the builds below `folder`, which gets a state folder of its own, and print the figures."""
    environment = os.environ | {
        "DOCKER_HOST": docker_host,
        "KONTINUOUS_HOME": str(folder / "home"),
        ENGINE_HOME_VARIABLE: engine_home,
    }
    nothing = PIPELINE.format(stages="\n".join(NOTHING.format(n=n) for n in (1, 2, 3)))
    with service(environment) as client:
        quiet = hand_over(make_repository(folder / "nothing", nothing), environment, client)
        ticking = hand_over(make_repository(folder / "clock", PIPELINE.format(stages=CLOCK)), environment, client)
        with creations(docker_host) as created:
            builds = [run(client, quiet) for _ in range(BUILDS + 1)][1:]
        print_pipeline(builds, bare_containers(docker_host, stage_image))
        print_advance(builds, created)
        print_stage(builds)
        print_log(client, ticking)


def make_repository(folder: Path, pipeline: str) -> Path:
    """A git repository with one commit."""
    folder.mkdir()
    (folder / ".pipeline.yml").write_text(pipeline)
    (folder / "clock.py").write_text(CLOCK_PY)
    who = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-qm", "bench"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@contextmanager
def service(environment: dict[str, str]) -> Iterator[Client]:
    """The one-machine service, as `kontinuous run` starts it."""
    command = [sys.executable, "-m", "local", "serve", "--lifeline"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        record = json.loads(process.stdout.readline())
        yield Client(record["url"], record["token"])
        assert process.stdin is not None
        process.stdin.close()


def hand_over(folder: Path, environment: dict[str, str], client: Client) -> dict[str, Any]:
    """Make a folder's commit known to the service."""
    command = [sys.executable, "-m", "local", "source", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True)
    source: dict[str, Any] = json.loads(done.stdout)
    client.create_pipeline(source["repository"])
    return source


def run(client: Client, source: dict[str, Any]) -> Build:
    """One build, from asking for it to its end."""
    build = client.start_build(source["repository"], source["ref"], [])
    for state in follow_build(client, name_of(build)):
        build = state
    assert build["status"] == "SUCCESS", build
    return build


def bare_containers(docker_host: str, stage_image: str) -> float:
    """The median time of the same six containers, doing nothing, one after another by `docker run`, in seconds."""
    images = [stage_image, IMAGE] * 3

    def once() -> float:
        start = time.monotonic()
        for image in images:
            command = ["docker", "-H", docker_host, "run", "--rm", "--entrypoint", "true", image]
            subprocess.run(command, check=True)
        return time.monotonic() - start

    return statistics.median([once() for _ in range(4)][1:])


def print_pipeline(builds: list[Build], bare_s: float) -> None:
    times = [seconds(build["created_at"], build["finished_at"]) for build in builds]
    ours = statistics.median(times)
    print(
        f"three stages that do nothing: {ours:.2f} s, six bare `docker run`: {bare_s:.2f} s, ratio {ours / bare_s:.2f}"
    )


@contextmanager
def creations(docker_host: str) -> Iterator[dict[tuple[str, str], float]]:
    """When the engine created the last container of each stage, by (build, stage), Unix time; filled at the end."""
    created: dict[tuple[str, str], float] = {}
    filters = ["--filter", "type=container", "--filter", "event=create", "--filter", f"label={LABEL_CONTAINER}"]
    command = ["docker", "-H", docker_host, "events", *filters, "--format", "{{json .}}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield created
        process.terminate()
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            labels = event["Actor"]["Attributes"]
            place = labels[keys.LABEL_BUILD], labels[keys.LABEL_STAGE]
            created[place] = max(created.get(place, 0.0), event["timeNano"] / 1e9)


def print_advance(builds: list[Build], created: dict[tuple[str, str], float]) -> None:
    pairs = [(build, *pair) for build in builds for pair in zip(build["stages"], build["stages"][1:], strict=False)]
    made = [
        1000 * (created[str(build["number"]), after["id"]] - datetime.fromisoformat(before["finished_at"]).timestamp())
        for build, before, after in pairs
    ]
    accepted = [1000 * seconds(before["finished_at"], after["launched_at"]) for _, before, after in pairs]
    print(f"report → next stage's containers created: {spread(made)}")
    print(f"report → next stage's Job accepted (its volumes filled too): {spread(accepted)}")


def print_stage(builds: list[Build]) -> None:
    stages = [stage for build in builds for stage in build["stages"]]
    print("where the time of a stage goes, median ms after it was decided:")
    show_mark("Job accepted", [seconds(s["created_at"], s["launched_at"]) for s in stages])
    # A stage's marks count from its process' start; the last one is made just before its end is reported.
    began = [seconds(s["created_at"], s["finished_at"]) - max(s["timings"].values()) for s in stages]
    show_mark("stage's process began", began)
    for mark in stages[0]["timings"]:
        show_mark(f"stage: {mark}", [at + s["timings"][mark] for at, s in zip(began, stages, strict=True)])
    show_mark("reported its end", [seconds(s["created_at"], s["finished_at"]) for s in stages])


def show_mark(name: str, times_s: list[float]) -> None:
    print(f"  {name:28}{1000 * statistics.median(times_s):6.0f}")


def print_log(client: Client, source: dict[str, Any]) -> None:
    name = name_of(client.start_build(source["repository"], source["ref"], []))
    next(build for build in follow_build(client, name) if build["stages"][0]["attempt"])
    delays = [
        1000 * (time.time() - float(line))
        for piece in follow_log(client, name, "clock", 1)
        for line in piece.splitlines()
        if line.replace(b".", b"").isdigit()
    ]
    print(f"a log line, written → seen by a follower: {spread(delays)}")


if __name__ == "__main__":
    main()
