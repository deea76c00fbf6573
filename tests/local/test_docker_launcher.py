"""What the Docker launcher does beyond the launchers' contract: it survives restarts and the engine's silence."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from local.docker_launcher import DockerLauncher
from local.image_pull import PATIENCE_S
from local.pod_engine import PodEngine
from local.pod_make import PodMaker
from local.pod_names import LABEL_INSTANCE, PodNames
from local.pod_secrets import SecretStore
from local.pod_translate import Place, translate
from shared.errors import InfrastructureError
from shared.keys import STAGE_CONTAINER, USER_CONTAINER
from shared.ports import ContainerEnd, JobPhase, JobState, Manifest
from tests.contract.job_runner import BUILD_KEY, LIMIT_S, JobRunner, secret_manifest
from tests.fakes.cut_line import CutLine
from tests.local.docker_engine import IMAGE, NETWORK

DONE = ContainerEnd(0, "Completed")
ROOT = Path(__file__).parents[2]
LAUNCH_AND_STAY = """
import json, sys
from threading import Event
from local.docker_launcher import DockerLauncher
from shared.ports import JobPhase

launcher = DockerLauncher(*sys.argv[1:4])
launcher.launch(json.loads(sys.argv[4]), [])
for state in launcher.watch(Event()):
    if state.phase is JobPhase.RUNNING:
        print("RUNNING", flush=True)
"""
TRAPPED = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.fixture(scope="module")
def pods(engine_url: str) -> Iterator[PodEngine]:
    with closing(PodEngine(engine_url)) as pods:
        yield pods


@pytest.fixture
def instance(pods: PodEngine) -> Iterator[str]:
    """A fresh instance, of which nothing is left in the engine afterwards."""
    instance = f"test-{secrets.token_hex(3)}"
    yield instance
    labels = [f"{LABEL_INSTANCE}={instance}"]
    for container in pods.containers(labels):
        pods.remove_container(container["Id"])
    for volume in pods.volumes(labels):
        pods.remove_volume(volume["Name"])


Start = Callable[..., DockerLauncher]


@pytest.fixture
def start(instance: str, engine_url: str) -> Iterator[Start]:
    """Starts launchers of the instance; each closes the one before, as a restart of the process does."""
    launchers: list[DockerLauncher] = []

    def start(url: str = engine_url, pull_patience_s: float = PATIENCE_S) -> DockerLauncher:
        if launchers:
            launchers[-1].close()
        launchers.append(DockerLauncher(url, NETWORK, instance, pull_patience_s=pull_patience_s))
        return launchers[-1]

    yield start
    launchers[-1].close()


@pytest.fixture
def runner(start: Start) -> JobRunner:
    return JobRunner(start(), "tests", IMAGE)


def names(runner: JobRunner, instance: str) -> PodNames:
    return PodNames(instance, runner.refs[-1])


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < limit, "it never came true"
        time.sleep(0.02)


def is_running(state: JobState) -> bool:
    return state.phase is JobPhase.RUNNING


def test_nothing_of_a_removed_job_is_left(runner: JobRunner, pods: PodEngine, instance: str) -> None:
    volumes = [{"name": "a", "emptyDir": {}}, {"name": "m", "emptyDir": {"medium": "Memory"}}]
    volumes.append({"name": "s", "secret": {"secretName": "s"}})
    mounts = [{"name": volume["name"], "mountPath": f"/{volume['name']}"} for volume in volumes]
    secret = secret_manifest("s", runner.namespace, {"key": "value"})
    runner.run(runner.stage("true", volumeMounts=mounts), secrets=[secret], volumes=volumes)
    labels = [f"{LABEL_INSTANCE}={instance}"]
    assert pods.volumes(labels)

    runner.launcher.remove(runner.refs[-1])

    assert pods.containers(labels) == []
    assert pods.volumes(labels) == []


def test_a_running_job_can_be_removed(runner: JobRunner, pods: PodEngine, instance: str) -> None:
    ref = runner.launch(runner.stage(TRAPPED))
    runner.wait(ref, is_running)
    runner.launcher.remove(ref)
    assert pods.containers([f"{LABEL_INSTANCE}={instance}"]) == []


def test_no_secret_is_in_the_labels_or_variables_of_anything(runner: JobRunner, pods: PodEngine, instance: str) -> None:
    secret = secret_manifest("s", runner.namespace, {"key": "very-secret-value"})
    stage = runner.stage("true", volumeMounts=[{"name": "s", "mountPath": "/s"}])
    runner.run(stage, secrets=[secret], volumes=[{"name": "s", "secret": {"secretName": "s"}}])
    labels = [f"{LABEL_INSTANCE}={instance}"]
    known = [pods.inspect(container["Id"]) for container in pods.containers(labels)]
    assert len(known) == 2  # the container, and the one that carried the secret into its volume
    assert "very-secret-value" not in str(known) + str(pods.volumes(labels))


def test_the_pods_host_name_is_the_jobs_in_all_containers(runner: JobRunner) -> None:
    mounts = {"volumeMounts": [{"name": "w", "mountPath": "/w"}]}
    outcome = runner.run(
        runner.stage("until [ -e /w/done ]; do sleep 0.02; done; hostname; cat /w/done", **mounts),
        runner.user("hostname > /w/new; mv /w/new /w/done", **mounts),
        volumes=[{"name": "w", "emptyDir": {}}],
    )
    assert outcome.log.decode().split() == [runner.refs[-1].name] * 2


def test_stderr_is_not_part_of_the_log(runner: JobRunner) -> None:
    assert runner.run(runner.stage("echo out; echo err >&2; echo out")).log == b"out\nout\n"


def test_a_socket_of_the_host_can_be_mounted(runner: JobRunner, engine_url: str) -> None:
    path = engine_url.removeprefix("unix://")
    volume = {"name": "engine", "hostPath": {"path": path, "type": "Socket"}}
    stage = runner.stage(
        "test -S /engine.sock && echo there", volumeMounts=[{"name": "engine", "mountPath": "/engine.sock"}]
    )
    assert runner.run(stage, volumes=[volume]).log == b"there\n"


def test_what_the_engine_refuses_to_create_is_shown_in_its_words(runner: JobRunner) -> None:
    volume = {"name": "x", "hostPath": {"path": "/no/such/socket", "type": "Socket"}}
    stage = runner.stage("true", volumeMounts=[{"name": "x", "mountPath": "/x"}])
    state = runner.run(stage, volumes=[volume]).state
    assert (state.phase, state.reason, state.permanent) == (JobPhase.FINISHED, "CreateContainerError", True)
    assert "/no/such/socket" in state.message


def test_a_failed_hook_is_explained_and_keeps_the_next_container_from_starting(runner: JobRunner) -> None:
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "sleep 0.5; echo no good >&2; exit 3"]}}}
    state = runner.run(runner.stage(TRAPPED, lifecycle=hook), runner.user("true")).state
    assert state.message == "the postStart hook of container stage failed with exit code 3: no good"
    assert state.ends == {STAGE_CONTAINER: ContainerEnd(5, "Error")}


def test_a_missing_secret_is_explained_with_what_to_do(runner: JobRunner) -> None:
    stage = runner.stage("true", volumeMounts=[{"name": "s", "mountPath": "/s"}])
    state = runner.run(stage, volumes=[{"name": "s", "secret": {"secretName": "quay"}}]).state
    assert state.phase is JobPhase.FINISHED
    assert "'quay' in namespace 'tests'" in state.message
    assert "--secrets FILE" in state.message


def test_more_cpus_than_there_are_are_no_limit(runner: JobRunner) -> None:
    limits = {"limits": {"cpu": "1000", "memory": "64Mi"}}
    assert runner.run(runner.stage("echo ran", resources=limits)).log == b"ran\n"


def test_an_image_that_may_not_be_pulled_must_be_there(runner: JobRunner) -> None:
    state = runner.run(runner.stage("true", image="no-such-image:1", imagePullPolicy="Never")).state
    assert (state.phase, state.reason, state.permanent) == (JobPhase.FINISHED, "ErrImageNeverPull", True)


def test_a_registry_that_is_away_is_asked_again_and_then_given_up(start: Start) -> None:
    runner = JobRunner(start(pull_patience_s=2.5), "tests", IMAGE)
    ref = runner.launch(runner.stage("true"), runner.user("true", image="127.0.0.1:1/away:1"))
    waiting = runner.wait(ref, lambda state: state.reason == "RegistryUnavailable")
    assert (waiting.phase, waiting.permanent) == (JobPhase.WAITING, False)
    given_up = runner.wait(ref, lambda state: state.phase is JobPhase.FINISHED)
    assert (given_up.reason, given_up.permanent) == ("RegistryUnavailable", False)
    assert "127.0.0.1:1" in given_up.message
    assert given_up.ends == {}


def test_a_job_that_waits_for_its_image_can_be_cancelled(runner: JobRunner) -> None:
    ref = runner.launch(runner.stage("true", image="127.0.0.1:1/away:1"))
    runner.wait(ref, lambda state: state.reason == "RegistryUnavailable")
    runner.launcher.cancel(ref)
    state = runner.wait(ref, lambda state: state.phase is JobPhase.FINISHED)
    assert state.reason == "Cancelled"


def test_following_a_job_that_never_starts_ends_with_nothing(runner: JobRunner) -> None:
    ref = runner.launch(runner.stage("true", image="127.0.0.1:1/away:1"))
    read: list[bytes] = []
    reader = Thread(target=lambda: read.append(runner.log(ref)))
    reader.start()
    runner.launcher.cancel(ref)
    reader.join(LIMIT_S)
    assert read == [b""]


def test_a_job_whose_containers_were_removed_by_hand_has_ended_for_that_reason(
    runner: JobRunner, pods: PodEngine, instance: str
) -> None:
    ref = runner.launch(runner.stage(TRAPPED))
    runner.wait(ref, is_running)
    pods.remove_container(names(runner, instance).container(STAGE_CONTAINER))
    state = runner.wait(ref, lambda state: state.phase is JobPhase.FINISHED)
    assert (state.build_key, state.reason) == (BUILD_KEY, "ContainerRemoved")


def test_two_instances_do_not_see_each_other(runner: JobRunner, engine_url: str, instance: str) -> None:
    job = runner.manifest(runner.stage("true"))
    with closing(DockerLauncher(engine_url, NETWORK, f"{instance}-other")) as launcher:
        other = JobRunner(launcher, "tests", IMAGE)
        other.refs = list(runner.refs)
        launcher.launch(job, [])
        assert runner.launcher.jobs() == ()
        runner.launcher.launch(job, [])
        assert runner.outcome(runner.refs[-1]).state.phase is JobPhase.FINISHED
        runner.launcher.remove(runner.refs[-1])
        assert other.outcome(other.refs[-1]).state.phase is JobPhase.FINISHED
        other.remove_all()


def test_a_second_job_of_the_name_in_another_namespace_is_refused(runner: JobRunner) -> None:
    job = runner.manifest(runner.stage("true"))
    runner.launcher.launch(job, [])
    twin = {**job, "metadata": {**job["metadata"], "namespace": "elsewhere"}}
    with pytest.raises(InfrastructureError, match="namespace 'tests'"):
        runner.launcher.launch(twin, [])


class TestRestart:
    """A new launcher of the instance, after the old one's process was killed."""

    def test_a_running_job_is_known_and_its_end_and_log_too(self, runner: JobRunner, start: Start) -> None:
        ref = runner.launch(runner.stage(TRAPPED))
        runner.wait_until_ready(ref)

        runner.launcher = start()

        assert [state.phase for state in runner.launcher.jobs()] == [JobPhase.RUNNING]
        runner.launcher.cancel(ref)
        outcome = runner.outcome(ref)
        assert outcome.state.build_key == BUILD_KEY
        assert outcome.end() == (5, "Error")
        assert outcome.log == b"ready\n"

    def test_a_finished_job_is_not_run_again(self, runner: JobRunner, start: Start) -> None:
        job = runner.manifest(runner.stage("echo once"))
        runner.launcher.launch(job, [])
        first = runner.outcome(runner.refs[-1])

        runner.launcher = start()
        runner.launcher.launch(job, [])

        assert runner.outcome(runner.refs[-1]) == first

    def test_the_deadline_still_counts_from_the_launch(self, runner: JobRunner, start: Start) -> None:
        ref = runner.launch(runner.stage(TRAPPED), activeDeadlineSeconds=2)
        runner.wait_until_ready(ref)

        runner.launcher = start()

        state = runner.outcome(ref).state
        assert (state.reason, state.permanent) == ("DeadlineExceeded", True)
        assert state.ends == {STAGE_CONTAINER: ContainerEnd(5, "Error")}

    def test_why_a_job_was_ended_is_remembered(self, runner: JobRunner, start: Start) -> None:
        stage = runner.stage("true", volumeMounts=[{"name": "s", "mountPath": "/s"}])
        state = runner.run(stage, volumes=[{"name": "s", "secret": {"secretName": "not-given"}}]).state
        assert start().jobs() == (state,)

    def test_a_pod_that_was_made_but_not_started_is_started(
        self, runner: JobRunner, start: Start, pods: PodEngine, instance: str
    ) -> None:
        secret = secret_manifest("s", runner.namespace, {"key": "value"})
        stage = runner.stage("cat /s/key", volumeMounts=[{"name": "s", "mountPath": "/s"}])
        volumes = [{"name": "s", "secret": {"secretName": "s"}}]
        maker = self.maker(runner, pods, instance, stage, volumes=volumes, secret=secret)
        assert maker.create() == ()
        maker.finish()

        runner.launcher = start()

        assert runner.outcome(runner.refs[-1]).log == b"value"

    def test_a_pod_that_was_half_made_is_cleared_away_and_can_be_launched(
        self, runner: JobRunner, start: Start, pods: PodEngine, instance: str
    ) -> None:
        stage = runner.stage("echo ran")
        assert self.maker(runner, pods, instance, stage).create() == ()

        runner.launcher = start()

        assert runner.launcher.jobs() == ()
        assert pods.containers([f"{LABEL_INSTANCE}={instance}"]) == []
        assert runner.run(stage).log == b"ran\n"

    def test_the_second_container_is_started_when_the_first_runs(
        self, runner: JobRunner, start: Start, pods: PodEngine, instance: str
    ) -> None:
        pair = runner.pair("echo ran", "true")
        maker = self.maker(runner, pods, instance, *pair["containers"], volumes=pair["volumes"])
        maker.create()
        maker.finish()
        pods.start(names(runner, instance).container(STAGE_CONTAINER))

        runner.launcher = start()

        outcome = runner.outcome(runner.refs[-1])
        assert outcome.state.ends == {STAGE_CONTAINER: DONE, USER_CONTAINER: DONE}

    def test_a_launcher_killed_during_a_hook_is_followed_by_one_that_goes_on(
        self, start: Start, engine_url: str, instance: str
    ) -> None:
        mounts = {"volumeMounts": [{"name": "w", "mountPath": "/w"}]}
        hook = {"postStart": {"exec": {"command": ["sh", "-c", "touch /w/hook; sleep 0.5"]}}}
        runner = JobRunner(start(), "tests", IMAGE)
        job = runner.manifest(
            runner.stage("until [ -e /w/user ]; do sleep 0.02; done; echo both", lifecycle=hook, **mounts),
            runner.user("touch /w/user", **mounts),
            volumes=[{"name": "w", "emptyDir": {}}],
        )
        program = [sys.executable, "-c", LAUNCH_AND_STAY, engine_url, NETWORK, instance, json.dumps(job)]
        with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"RUNNING\n"
            process.kill()

        runner.launcher = start()

        outcome = runner.outcome(runner.refs[-1])
        assert outcome.log == b"both\n"
        assert outcome.state.ends == {STAGE_CONTAINER: DONE, USER_CONTAINER: DONE}

    @staticmethod
    def maker(
        runner: JobRunner,
        pods: PodEngine,
        instance: str,
        *containers: Manifest,
        volumes: Sequence[Manifest] = (),
        secret: Manifest | None = None,
    ) -> PodMaker:
        """Makes a pod as a launcher would that is then killed."""
        job = runner.manifest(*containers, volumes=list(volumes))
        plan = translate(job, Place(instance, NETWORK, 2), time.time())
        files = SecretStore().files("tests", plan.secrets, [secret] if secret else [])
        return PodMaker(pods, ThreadPoolExecutor(4), names(runner, instance), plan, files)


class TestSilence:
    """The engine does not answer for a while."""

    @pytest.fixture
    def line(self, tmp_path: Path, engine_url: str) -> Iterator[CutLine]:
        line = CutLine(tmp_path / "docker.sock", engine_url.removeprefix("unix://"))
        yield line
        line.cut()

    @pytest.fixture
    def runner(self, start: Start, line: CutLine) -> JobRunner:
        return JobRunner(start(line.url), "tests", IMAGE)

    def test_a_watch_goes_on_with_what_happened_meanwhile(
        self, runner: JobRunner, line: CutLine, pods: PodEngine, instance: str
    ) -> None:
        ref = runner.launch(runner.stage(TRAPPED))
        runner.wait_until_ready(ref)
        stop, ended = Event(), Event()
        seen: list[JobState] = []

        def watch() -> None:
            for state in runner.launcher.watch(stop):
                seen.append(state)
                if state.phase is JobPhase.FINISHED:
                    ended.set()

        watcher = Thread(target=watch)
        watcher.start()
        until(lambda: bool(seen) and is_running(seen[-1]))
        line.cut()
        pods.stop(names(runner, instance).container(STAGE_CONTAINER), 5)
        line.mend()
        assert ended.wait(LIMIT_S)
        stop.set()
        watcher.join(LIMIT_S)
        assert seen[-1] == JobState(ref, BUILD_KEY, JobPhase.FINISHED, ends={STAGE_CONTAINER: ContainerEnd(5, "Error")})

    def test_calls_say_that_it_does_not_answer(self, runner: JobRunner, line: CutLine) -> None:
        runner.launch(runner.stage(TRAPPED))
        line.cut()
        with pytest.raises(InfrastructureError, match="does not answer"):
            runner.launcher.jobs()
        with pytest.raises(InfrastructureError, match="does not answer"):
            runner.launch(runner.stage("true"))
        line.mend()

    def test_a_job_that_could_not_be_launched_can_be_launched_later(self, runner: JobRunner, line: CutLine) -> None:
        job = runner.manifest(runner.stage("echo ran"))
        line.cut()
        with pytest.raises(InfrastructureError):
            runner.launcher.launch(job, [])
        line.mend()
        runner.launcher.launch(job, [])
        assert runner.outcome(runner.refs[-1]).log == b"ran\n"

    def test_a_broken_log_is_an_error_and_not_its_end(self, runner: JobRunner, line: CutLine) -> None:
        ref = runner.launch(runner.stage(TRAPPED))
        with runner.launcher.follow(ref) as chunks:
            assert next(chunks) == b"ready\n"
            line.cut()
            with pytest.raises(InfrastructureError):
                list(chunks)
        line.mend()


def test_an_engine_that_is_not_there_is_an_infrastructure_error(tmp_path: Path) -> None:
    with pytest.raises(InfrastructureError, match="does not answer"):
        DockerLauncher(f"unix://{tmp_path}/nothing.sock", NETWORK, "x")


def test_a_job_known_by_the_launcher_has_the_manifests_labels(
    runner: JobRunner, pods: PodEngine, instance: str
) -> None:
    runner.run(runner.stage("true"))
    known = pods.inspect(names(runner, instance).container(STAGE_CONTAINER))
    assert known is not None
    assert (
        known["Config"]["Labels"]
        | {
            "app.kubernetes.io/managed-by": "kontinuous",
            "kontinuous.io/instance": instance,
            "kontinuous.io/job-name": runner.refs[-1].name,
            "kontinuous.io/job-namespace": "tests",
            "kontinuous.io/container": "stage",
        }
        == known["Config"]["Labels"]
    )
