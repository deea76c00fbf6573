"""What a user has and does: a repository with a pipeline, a state folder, and the `kontinuous` command."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.config import CONFIG
from local.engine import Engine
from local.home import ENGINE_HOME_VARIABLE, Home, path_hash
from shared.state_folder import HOME_VARIABLE
from tests.git_server import commit, git
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
PYTHON = "python:3.13-slim"
NAMESPACE = "tests"
RUN_LIMIT_S = 120.0
STACKS_S = 5.0
STOP_LIMIT_S = 90.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def screen(self) -> str:
        """All that a person saw."""
        return (self.stdout + self.stderr).decode(errors="replace")

    def status(self, stage: str) -> str:
        """A stage's status in the table at the end."""
        rows = [line.removeprefix(stage).split() for line in self.screen.splitlines() if line.startswith(f"{stage}  ")]
        assert rows, self.screen
        return rows[-1][0]

    @property
    def build(self) -> dict[str, Any]:
        """The build that `-o json` printed."""
        assert self.stdout.startswith(b"{"), self.screen
        return dict(json.loads(self.stdout))

    def stage(self, name: str) -> dict[str, Any]:
        """One stage of the build that `-o json` printed."""
        return next(stage for stage in self.build["stages"] if stage["name"] == name)


class Running:
    """A command that runs, in a session of its own as in a terminal; its output goes to files that may be read."""

    def __init__(self, command: list[str], cwd: Path, environment: Mapping[str, str], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        count = len(list(folder.iterdir()))
        self._out, self._err = folder / f"{count:03}.out", folder / f"{count:03}.err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                cwd=cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def screen(self) -> str:
        """All that was printed so far."""
        return (self._out.read_bytes() + self._err.read_bytes()).decode(errors="replace")

    def wait_for_text(self, text: str, limit_s: float = RUN_LIMIT_S) -> None:
        """Wait until it has printed `text`; fails when it ends without."""
        wait_for(lambda: text in self.screen() or self.process.poll() is not None, limit_s)
        assert text in self.screen(), self.screen()

    def press_ctrl_c(self) -> None:
        """Send what a terminal sends: SIGINT to the whole process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self, limit_s: float = RUN_LIMIT_S) -> Done:
        """Wait for its end; fails, with what it said and where each of its threads is, when it takes too long."""
        try:
            self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # faulthandler's: it prints all stacks
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STACKS_S)
            self.kill()
            raise AssertionError(f"it did not end within {limit_s} s; it said:\n{self.screen()}") from None
        return Done(self.process.returncode, self._out.read_bytes(), self._err.read_bytes())

    def kill(self) -> None:
        """End it the hard way, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Kontinuous:
    """The command with one state folder. `command` is how it is called, `variables` what is set besides."""

    home: Path
    engine_home: Path
    scratch: Path
    command: tuple[str, ...] = (sys.executable, "-P", "-m", "cli")
    variables: Mapping[str, str] = field(default_factory=lambda: {"PYTHONPATH": str(ROOT)})
    _started: list[Running] = field(default_factory=list)

    @property
    def instance(self) -> str:
        """What the containers, network and volumes of this state folder have in their names."""
        return path_hash(self.home)

    @property
    def environment(self) -> dict[str, str]:
        """The environment that the command gets."""
        own = {HOME_VARIABLE: str(self.home), ENGINE_HOME_VARIABLE: str(self.engine_home)}
        own |= {CONFIG: str(self.scratch / "config.yml"), "PYTHONFAULTHANDLER": "1"}
        return {**os.environ, **self.variables, **own}

    def start(self, *arguments: object, cwd: Path | None = None) -> Running:
        """Start it."""
        command = [*self.command, *map(str, arguments)]
        running = Running(command, cwd or self.scratch, self.environment, self.scratch / "screens")
        self._started.append(running)
        return running

    def __call__(self, *arguments: object, cwd: Path | None = None, limit_s: float = RUN_LIMIT_S) -> Done:
        """Run it to its end."""
        return self.start(*arguments, cwd=cwd).end(limit_s)

    def run(self, folder: Path, *arguments: object, limit_s: float = RUN_LIMIT_S) -> Done:
        """`kontinuous run FOLDER -o json`."""
        return self("run", folder, "-o", "json", *arguments, limit_s=limit_s)

    def log(self, build: Mapping[str, Any], stage: str) -> bytes:
        """`kontinuous logs`, of one stage."""
        done = self("logs", f"{build['repository']}/{build['number']}", "--stage", stage)
        assert done.exit_code == 0, done.screen
        return done.stdout

    def service(self) -> dict[str, Any]:
        """What a running service left for other processes."""
        return dict(json.loads((self.home / "service.json").read_text()))

    def objects(self) -> bytes:
        """Every byte that S3 has on its disk."""
        files = (self.home / "data/minio").rglob("*")
        return b"".join(path.read_bytes() for path in files if path.is_file())

    def close(self) -> None:
        """End what was started and still runs."""
        for running in self._started:
            running.kill()


@contextmanager
def serving(kontinuous: Kontinuous, *arguments: object) -> Iterator[Running]:
    """`kontinuous serve` for a `with` block."""
    running = kontinuous.start("serve", *arguments)
    try:
        running.wait_for_text("kontinuous is ready", 300)
        yield running
    finally:
        if running.process.poll() is None:
            running.process.terminate()
            running.end(STOP_LIMIT_S)


def kontinuous_of(scratch: Path, home: Home) -> Kontinuous:
    """The command with a new state folder below `scratch`, sharing the engine and the caches of `home`."""
    return Kontinuous(scratch / "home", home.engine_root, scratch)


def left_behind(engine: Engine, instance: str) -> list[str]:
    """The names of all containers, networks and volumes of an instance that are in the engine."""
    with engine.client() as client:
        containers = [name for c in client.api.containers(all=True) for name in c["Names"]]
        networks = [network["Name"] for network in client.api.networks()]
        volumes = [volume["Name"] for volume in client.api.volumes()["Volumes"] or ()]
    return sorted(name for name in (*containers, *networks, *volumes) if instance in name)


def containers_of(engine: Engine, instance: str, *words: str) -> list[str]:
    """The names of the running containers of an instance that hold all `words`."""
    with engine.client() as client:
        names = [name.removeprefix("/") for c in client.api.containers() for name in c["Names"]]
    return [name for name in names if instance in name and all(word in name for word in words)]


def command(name: str, *words: object, image: str | None = PYTHON, **keys: Any) -> dict[str, Any]:
    """A `command` stage; `params` among the keys come on top of its own."""
    params = {"command": [str(word) for word in words], **({"image": image} if image else {})}
    return {"name": name, "type": "command", **keys, "params": {**params, **keys.get("params", {})}}


def python(name: str, program: str, **keys: Any) -> dict[str, Any]:
    """A `command` stage that runs a Python program."""
    return command(name, "python3", "-c", textwrap.dedent(program), **keys)


def docker_build(name: str = "Build", **params: Any) -> dict[str, Any]:
    """A `docker_build` stage."""
    return {"name": name, "type": "docker_build", **({"params": params} if params else {})}


def repository(
    folder: Path, *stages: Mapping[str, Any], files: Mapping[str, str] | None = None, notif: Iterable[Any] = ()
) -> Path:
    """A git folder with one commit that holds a pipeline and some files."""
    for path, text in {".pipeline.yml": pipeline(folder.name, *stages, notif=notif), **(files or {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "first")
    return folder


def pipeline(name: str, *stages: Mapping[str, Any], notif: Iterable[Any] = ()) -> str:
    """A pipeline file; JSON is YAML too."""
    top = {"apiVersion": "v1alpha1", "kind": "Pipeline", "metadata": {"name": name, "namespace": NAMESPACE}}
    template = {"stages": stages, **({"notif": list(notif)} if notif else {})}
    return json.dumps({**top, "spec": {"template": template}}, indent=1)


def secrets_file(path: Path, **secrets: Mapping[str, str]) -> Path:
    """A YAML file of Kubernetes Secrets: each name with its values (underscores become dashes)."""
    documents = (
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name.replace("_", "-")},
            "stringData": dict(values),
        }
        for name, values in secrets.items()
    )
    path.write_text("\n---\n".join(map(json.dumps, documents)))
    return path
