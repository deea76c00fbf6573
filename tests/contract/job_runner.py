"""Job manifests for the launchers' contract tests, and a runner that launches them and waits for their ends."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread, Timer
from typing import Any

from shared.keys import ANNOTATION_BUILD_KEY, LABEL_MANAGED, MANAGED_BY, STAGE_CONTAINER, USER_CONTAINER
from shared.ports import JobPhase, JobRef, JobState, Launcher, Manifest

LIMIT_S = 60.0
BUILD_KEY = "/kontinuous/state/builds/local/ab12/hello/00000003"


@dataclass(frozen=True)
class Outcome:
    """What came out of a Job: its last state, and the stage container's log."""

    state: JobState
    log: bytes

    def end(self, container: str = STAGE_CONTAINER) -> tuple[int, str]:
        """How a container ended: exit code and reason."""
        end = self.state.ends[container]
        return end.exit_code, end.reason


def job_manifest(name: str, namespace: str, containers: Sequence[Manifest], **fields: Any) -> dict[str, Any]:
    """A Job as the coordinator writes it. `fields` go to the pod's spec, but `activeDeadlineSeconds` to the Job's."""
    deadline = fields.pop("activeDeadlineSeconds", None)
    labels = {LABEL_MANAGED: MANAGED_BY}
    meta = {"labels": labels, "annotations": {ANNOTATION_BUILD_KEY: BUILD_KEY}}
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "containers": list(containers),
        **fields,
    }
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": 600, "template": {"metadata": meta, "spec": pod}}
    if deadline is not None:
        spec["activeDeadlineSeconds"] = deadline
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": namespace, **meta},
        "spec": spec,
    }


def secret_manifest(name: str, namespace: str, data: Mapping[str, str]) -> dict[str, Any]:
    """A Secret of ours, as it comes with a Job."""
    meta = {"name": name, "namespace": namespace, "labels": {LABEL_MANAGED: MANAGED_BY}}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": dict(data)}


class JobRunner:
    """Launches Jobs of unique names from shell scripts, and removes them all in the end."""

    def __init__(self, launcher: Launcher, namespace: str, image: str) -> None:
        self.launcher = launcher
        self.namespace = namespace
        self.image = image
        self.refs: list[JobRef] = []

    def stage(self, script: str, **fields: Any) -> dict[str, Any]:
        """A container `stage` that runs a shell script."""
        return self.container(STAGE_CONTAINER, script, **fields)

    def user(self, script: str, **fields: Any) -> dict[str, Any]:
        """A container `user` that runs a shell script."""
        return self.container(USER_CONTAINER, script, **fields)

    def pair(self, stage: str, user: str, **user_fields: Any) -> dict[str, Any]:
        """Two containers, for `launch` or `run`: the stage's script goes on once the user's container has begun.

        On Docker the stage's container holds the network of both, so it must not end before the other has started.
        """
        mounts = {"volumeMounts": [{"name": "begun", "mountPath": "/begun"}]}
        waits = f"until [ -e /begun/user ]; do sleep 0.02; done; {stage}"
        containers = (self.stage(waits, **mounts), self.user(f"touch /begun/user; {user}", **mounts, **user_fields))
        return {"containers": containers, "volumes": [{"name": "begun", "emptyDir": {}}]}

    def container(self, name: str, script: str, **fields: Any) -> dict[str, Any]:
        """A container that runs a shell script; `fields` override any field of it."""
        basics = {"name": name, "image": self.image, "imagePullPolicy": "IfNotPresent"}
        # Kubernetes reads `$$` as one dollar sign; scripts are to arrive as they are written.
        return {**basics, "command": ["sh", "-c", script.replace("$", "$$")], **fields}

    @staticmethod
    def new_name() -> str:
        """A name that nothing has."""
        return f"contract-{secrets.token_hex(4)}"

    def manifest(self, *containers: Manifest, **fields: Any) -> dict[str, Any]:
        """A Job of a fresh name."""
        name = self.new_name()
        self.refs.append(JobRef(self.namespace, name))
        return job_manifest(name, self.namespace, containers, **fields)

    def launch_pair(self, stage: str, user: str, **user_fields: Any) -> JobRef:
        """Launch a Job of two containers, see `pair`."""
        pair = self.pair(stage, user, **user_fields)
        return self.launch(*pair["containers"], volumes=pair["volumes"])

    def launch(self, *containers: Manifest, secrets: Sequence[Manifest] = (), **fields: Any) -> JobRef:
        """Launch a Job of these containers."""
        job = self.manifest(*containers, **fields)
        self.launcher.launch(job, secrets)
        return self.refs[-1]

    def run(self, *containers: Manifest, secrets: Sequence[Manifest] = (), **fields: Any) -> Outcome:
        """Launch a Job and wait for its end."""
        return self.outcome(self.launch(*containers, secrets=secrets, **fields))

    def outcome(self, ref: JobRef) -> Outcome:
        """Wait for a Job's end; its state then, and its log."""
        state = self.wait(ref, lambda state: state.phase in (JobPhase.FINISHED, JobPhase.GONE))
        return Outcome(state, self.log(ref))

    def log(self, ref: JobRef) -> bytes:
        """A Job's log to its end."""
        with self.launcher.follow(ref) as chunks:
            return b"".join(chunks)

    def wait_until_ready(self, ref: JobRef) -> None:
        """Wait until the stage container, which writes `ready`, has come so far: its traps are set then."""
        with self.launcher.follow(ref) as chunks:
            assert next(chunks) == b"ready\n"

    def wait(self, ref: JobRef, until: Callable[[JobState], bool], limit_s: float = LIMIT_S) -> JobState:
        """Watch until a Job is as it should be; fails after `limit_s` with what was seen."""
        seen: list[JobState] = []
        stop = Event()
        timer = Timer(limit_s, stop.set)
        timer.start()
        try:
            for state in self.launcher.watch(stop):
                if state.ref == ref:
                    seen.append(state)
                    if until(state):
                        return state
        finally:
            timer.cancel()
        raise AssertionError(f"not within {limit_s} s; seen: {seen}")

    @contextmanager
    def watching(self) -> Iterator[list[JobState]]:
        """Collect all states that a watch yields during a `with` block."""
        seen: list[JobState] = []
        stop, begun = Event(), Event()

        def watch() -> None:
            begun.set()
            seen.extend(self.launcher.watch(stop))

        watcher = Thread(target=watch)
        watcher.start()
        begun.wait(LIMIT_S)
        try:
            yield seen
        finally:
            stop.set()
            watcher.join(LIMIT_S)

    def wait_for_end_of(self, ref: JobRef, container: str) -> JobState:
        """Wait until one container has ended."""
        return self.wait(ref, lambda state: container in state.ends)

    def remove_all(self) -> None:
        """Remove every Job that was made here."""
        for ref in self.refs:
            self.launcher.remove(ref)
