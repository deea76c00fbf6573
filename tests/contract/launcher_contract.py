"""What every launcher must do with the same manifests: outcome, exit codes, log bytes and environment are compared.

A test module for a launcher inherits from these classes and gives the fixtures `runner` (a JobRunner) and, for
LauncherContract, `give_secret(name, data)`, which puts a user's Secret where the runner's Jobs find it. The classes
end in `Contract`, so that pytest collects only what inherits from them.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

import pytest

from shared.errors import InfrastructureError
from shared.keys import STAGE_CONTAINER, USER_CONTAINER
from shared.ports import ContainerEnd, JobPhase, JobRef
from tests.contract.job_runner import BUILD_KEY, LIMIT_S, JobRunner, secret_manifest

GiveSecret = Callable[[str, Mapping[str, bytes]], None]

_WORK = {"name": "work", "emptyDir": {}}
_MOUNT_WORK = {"volumeMounts": [{"name": "work", "mountPath": "/work"}]}
_STRICT = {
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "runAsGroup": 65532,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


class BookkeepingContract:
    """What launchers say of Jobs. Also a fake must keep this; `let_end` makes a Job's containers end with success."""

    @pytest.fixture
    def let_end(self) -> Callable[[JobRef], None]:
        """Real containers end by themselves."""
        return lambda ref: None

    def test_a_job_that_ended_is_finished_with_how_each_container_ended(
        self, runner: JobRunner, let_end: Callable[[JobRef], None]
    ) -> None:
        ref = runner.launch_pair("true", "true")
        let_end(ref)

        state = runner.outcome(ref).state

        assert (state.phase, state.reason, state.build_key) == (JobPhase.FINISHED, "", BUILD_KEY)
        done = ContainerEnd(0, "Completed")
        assert state.ends == {STAGE_CONTAINER: done, USER_CONTAINER: done}

    def test_jobs_lists_what_was_launched_and_not_removed(
        self, runner: JobRunner, let_end: Callable[[JobRef], None]
    ) -> None:
        kept, removed = runner.launch(runner.stage("true")), runner.launch(runner.stage("true"))
        for ref in (kept, removed):
            let_end(ref)
            runner.outcome(ref)

        runner.launcher.remove(removed)

        assert kept in {state.ref for state in runner.launcher.jobs()}
        assert removed not in {state.ref for state in runner.launcher.jobs() if state.phase is not JobPhase.GONE}

    def test_a_watch_says_that_a_removed_job_is_gone(
        self, runner: JobRunner, let_end: Callable[[JobRef], None]
    ) -> None:
        ref = runner.launch(runner.stage("true"))
        let_end(ref)
        runner.outcome(ref)

        remover = Thread(target=runner.launcher.remove, args=[ref])
        state = runner.wait(ref, lambda state: _remove_once(remover) or state.phase is JobPhase.GONE)

        remover.join()
        assert state.build_key == BUILD_KEY

    def test_a_watch_ends_when_it_is_told_to(self, runner: JobRunner) -> None:
        stop = Event()
        watcher = Thread(target=lambda: list(runner.launcher.watch(stop)))
        watcher.start()
        stop.set()
        watcher.join(LIMIT_S)
        assert not watcher.is_alive()

    def test_launching_a_job_again_changes_nothing(self, runner: JobRunner, let_end: Callable[[JobRef], None]) -> None:
        job = runner.manifest(runner.stage("echo once"))
        ref = runner.refs[-1]
        runner.launcher.launch(job, [])
        runner.launcher.launch(job, [])
        let_end(ref)
        runner.outcome(ref)

        runner.launcher.launch(job, [])

        assert runner.outcome(ref).state.phase is JobPhase.FINISHED
        assert len([state for state in runner.launcher.jobs() if state.ref == ref]) == 1

    def test_an_unknown_job_has_no_log_and_can_be_cancelled_and_removed(self, runner: JobRunner) -> None:
        nobody = JobRef(runner.namespace, "nobody-knows-me")
        runner.launcher.cancel(nobody)
        runner.launcher.remove(nobody)
        assert runner.log(nobody) == b""


class LauncherContract(BookkeepingContract):
    """What launchers do with real containers."""

    def test_an_exit_code_arrives_as_it_is(self, runner: JobRunner) -> None:
        outcome = runner.outcome(runner.launch_pair("exit 7", "exit 255"))
        assert outcome.end() == (7, "Error")
        assert outcome.end(USER_CONTAINER) == (255, "Error")

    def test_a_job_launched_twice_runs_once(self, runner: JobRunner) -> None:
        job = runner.manifest(runner.stage("echo ran"))
        runner.launcher.launch(job, [])
        runner.launcher.launch(job, [])
        assert runner.outcome(runner.refs[-1]).log == b"ran\n"

    def test_the_log_is_stdout_byte_for_byte(self, runner: JobRunner) -> None:
        script = r"printf 'a\000b\377\376\rc\n\n\033[1mno newline at the end'"
        assert runner.run(runner.stage(script)).log == b"a\0b\xff\xfe\rc\n\n\x1b[1mno newline at the end"

    def test_the_end_of_a_line_may_lose_its_carriage_return_and_nothing_else(self, runner: JobRunner) -> None:
        """containerd drops it (`internal/cri/io`); the archive has it, and who reads on there is told where."""
        log = runner.run(runner.stage(r"printf 'one\r\ntwo\n\r\nend'")).log
        whole = b"one\r\ntwo\n\r\nend"
        assert log in ((whole, whole.replace(b"\r\n", b"\n")) if runner.launcher.live_log.loses_returns else (whole,))

    def test_a_long_log_is_whole(self, runner: JobRunner) -> None:
        outcome = runner.run(runner.stage("seq 1 200000; head -c 3000000 /dev/zero"))
        assert outcome.log == b"".join(b"%d\n" % n for n in range(1, 200001)) + bytes(3000000)

    def test_the_last_words_of_a_container_are_in_the_log(self, runner: JobRunner) -> None:
        logs = [runner.log(runner.launch(runner.stage("seq 1 500; printf last"))) for _ in range(10)]
        assert logs == [b"".join(b"%d\n" % n for n in range(1, 501)) + b"last"] * 10

    def test_the_log_is_followed_while_it_is_written(self, runner: JobRunner) -> None:
        ref = runner.launch(runner.stage("trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.05; done"))
        with runner.launcher.follow(ref) as chunks:
            assert next(chunks) == b"ready\n"  # it writes no more until it is told to stop
            runner.launcher.cancel(ref)
            assert b"".join(chunks) == b"told\n"

    def test_leaving_the_context_ends_a_reader_that_waits(self, runner: JobRunner) -> None:
        ref = runner.launch(runner.stage("echo ready; exec sleep 60"))
        read: list[bytes] = []
        begun = Event()

        def reader(chunks: Any) -> None:
            for chunk in chunks:
                read.append(chunk)
                begun.set()

        with ExitStack() as stack:
            chunks = stack.enter_context(runner.launcher.follow(ref))
            thread = Thread(target=reader, args=[chunks])
            thread.start()
            assert begun.wait(LIMIT_S)
        thread.join(10)
        assert not thread.is_alive()
        assert read == [b"ready\n"]

    def test_the_environment_is_the_manifests(self, runner: JobRunner) -> None:
        env = [
            {"name": "PLAIN", "value": "1"},
            {"name": "EMPTY", "value": ""},
            {"name": "ODD", "value": "ä \"quoted\" 'and'\nbroken = $PLAIN"},
            {"name": "USES", "value": "<$(PLAIN)> $(LATER) $$(PLAIN)"},
            {"name": "LATER", "value": "2"},
        ]
        without = _variables(runner.run(runner.stage("", command=["env", "-0"])).log)
        variables = _variables(runner.run(runner.stage("", command=["env", "-0"], env=env)).log)
        without.pop(b"HOSTNAME", None)  # the Job's name, so another each time
        assert {name: variables.pop(name) for name in without} == without
        variables.pop(b"HOSTNAME", None)
        assert variables == {
            b"PLAIN": b"1",
            b"EMPTY": b"",
            b"ODD": "ä \"quoted\" 'and'\nbroken = $PLAIN".encode(),
            b"USES": b"<1> $(LATER) $(PLAIN)",
            b"LATER": b"2",
        }

    def test_command_args_and_working_directory_are_the_manifests(self, runner: JobRunner) -> None:
        stage = runner.stage(
            "",
            command=["sh", "-c", 'pwd; printf "<%s>" "$$@"', "name"],
            args=["a b", "", "$(WHO)", "$$(WHO)"],
            env=[{"name": "WHO", "value": "me"}],
            workingDir="/var/lib",
        )
        assert runner.run(stage).log == b"/var/lib\n<a b><><me><$(WHO)>"

    def test_the_security_context_is_kept(self, runner: JobRunner) -> None:
        script = """
            id -u; id -g; id -G
            grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status
            touch /etc/mine 2>/dev/null && echo wrote || echo read-only
        """
        groups = {"supplementalGroups": [4321]}
        log = runner.run(runner.stage(script, securityContext=_STRICT), securityContext=groups).log
        none = b"0" * 16
        assert log.splitlines() == [
            b"65532",
            b"65532",
            b"65532 4321",
            b"CapEff:\t" + none,
            b"CapBnd:\t" + none,
            b"NoNewPrivs:\t1",
            b"read-only",
        ]

    def test_without_a_security_context_the_image_decides(self, runner: JobRunner) -> None:
        script = "id -u; grep NoNewPrivs /proc/self/status; touch /etc/mine && echo wrote"
        assert runner.run(runner.stage(script)).log == b"0\nNoNewPrivs:\t0\nwrote\n"

    def test_an_empty_dir_is_shared_and_any_user_may_write_to_it(self, runner: JobRunner) -> None:
        reader = "until [ -e /work/of-user ]; do sleep 0.02; done; cat /work/of-user; stat -c %a /work"
        writer = "id -u > /work/new && mv /work/new /work/of-user"
        outcome = runner.run(
            runner.stage(reader, **_MOUNT_WORK),
            runner.user(writer, securityContext={"runAsUser": 12345}, **_MOUNT_WORK),
            volumes=[_WORK],
        )
        assert outcome.log == b"12345\n777\n"

    def test_an_empty_dir_hides_what_the_image_has_there(self, runner: JobRunner) -> None:
        mounts = [{"name": "work", "mountPath": "/etc/apt"}]
        assert runner.run(runner.stage("ls -A /etc/apt", volumeMounts=mounts), volumes=[_WORK]).log == b""

    def test_an_empty_dir_of_medium_memory_has_its_size(self, runner: JobRunner) -> None:
        volume = {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "2Mi"}}
        script = """
            stat -f -c %T /work
            head -c 1000000 /dev/zero > /work/fits && echo fits
            head -c 3000000 /dev/zero 2>/dev/null > /work/too-much || echo full
        """
        stage = runner.stage(script, securityContext=_STRICT, **_MOUNT_WORK)
        assert runner.run(stage, volumes=[volume]).log == b"tmpfs\nfits\nfull\n"

    def test_memory_is_shared_between_the_containers(self, runner: JobRunner) -> None:
        volume = {"name": "work", "emptyDir": {"medium": "Memory"}}
        reader = "until [ -e /work/there ]; do sleep 0.02; done; echo seen"
        outcome = runner.run(
            runner.stage(reader, **_MOUNT_WORK), runner.user("touch /work/there", **_MOUNT_WORK), volumes=[volume]
        )
        assert outcome.log == b"seen\n"

    def test_a_container_starts_only_after_the_hook_of_the_one_before(self, runner: JobRunner) -> None:
        hook = ["sh", "-c", "sleep 0.5; id -u > /work/hook"]
        stage = runner.stage(
            "until [ -e /work/user ]; do sleep 0.02; done; cat /work/hook /work/user",
            lifecycle={"postStart": {"exec": {"command": hook}}},
            securityContext={"runAsUser": 65532},
            **_MOUNT_WORK,
        )
        user = runner.user(
            "[ -e /work/hook ] && echo after > /work/u || echo before > /work/u; mv /work/u /work/user", **_MOUNT_WORK
        )
        assert runner.run(stage, user, volumes=[_WORK]).log == b"65532\nafter\n"

    def test_a_failed_hook_fails_the_job(self, runner: JobRunner) -> None:
        hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no good; exit 3"]}}}
        stage = runner.stage("trap 'exit 130' TERM; while :; do sleep 0.05; done", lifecycle=hook)
        state = runner.run(stage).state
        assert (state.phase, state.reason) == (JobPhase.FINISHED, "FailedPostStartHook")

    def test_the_containers_share_the_network_and_no_processes(self, runner: JobRunner) -> None:
        script = "readlink /proc/self/ns/net /proc/self/ns/pid"
        stage = runner.stage(f"until [ -e /work/user ]; do sleep 0.02; done; cat /work/user; {script}", **_MOUNT_WORK)
        user = runner.user(f"{script} > /work/u; mv /work/u /work/user", **_MOUNT_WORK)
        user_net, user_pid, net, pid = runner.run(stage, user, volumes=[_WORK]).log.splitlines()
        assert user_net == net
        assert user_pid != pid

    def test_secrets_are_files_that_only_their_container_sees(self, runner: JobRunner, give_secret: GiveSecret) -> None:
        give_secret("docker-credentials", {"password": b"\x00\xffpass"})
        own = secret_manifest(runner.new_name(), runner.namespace, {"token": "t0ken", "user": "me"})
        reader = """
            until [ -e /work/user ]; do sleep 0.02; done
            cat /work/user /own/token /own/user /given/password
            (echo x > /own/new) 2>/dev/null || echo read-only
        """
        mounts = [
            {"name": "own", "mountPath": "/own", "readOnly": True},
            {"name": "given", "mountPath": "/given", "readOnly": True},
            *_MOUNT_WORK["volumeMounts"],
        ]
        outcome = runner.run(
            runner.stage(reader, securityContext=_STRICT, volumeMounts=mounts),
            runner.user("ls -d /own /given > /work/u 2>/dev/null; mv /work/u /work/user", **_MOUNT_WORK),
            secrets=[own],
            volumes=[
                _WORK,
                {"name": "own", "secret": {"secretName": own["metadata"]["name"]}},
                {"name": "given", "secret": {"secretName": "docker-credentials"}},
            ],
        )
        assert outcome.log == b"t0kenme\x00\xffpassread-only\n"

    def test_a_secrets_items_are_chosen_and_placed(self, runner: JobRunner) -> None:
        own = secret_manifest(runner.new_name(), runner.namespace, {"a": "A", "b": "B"})
        items = [{"key": "b", "path": "deep/er", "mode": 0o440}]
        volume = {"name": "own", "secret": {"secretName": own["metadata"]["name"], "items": items}}
        stage = runner.stage(
            "cd /own; find -L . -name 'er' ; cat deep/er; stat -L -c %a deep/er; ls",
            volumeMounts=[{"name": "own", "mountPath": "/own"}],
        )
        assert runner.run(stage, secrets=[own], volumes=[volume]).log.endswith(b"B440\ndeep\n")

    def test_a_secret_that_nobody_gave_ends_the_job_with_its_name(self, runner: JobRunner) -> None:
        volume = {"name": "s", "secret": {"secretName": "not-given"}}
        stage = runner.stage("true", volumeMounts=[{"name": "s", "mountPath": "/s"}])
        ref = runner.launch(stage, volumes=[volume])
        state = runner.wait(ref, lambda state: state.reason == "SecretNotFound")
        assert "not-given" in state.message
        assert state.permanent

    def test_an_optional_secret_may_be_absent(self, runner: JobRunner) -> None:
        volume = {"name": "s", "secret": {"secretName": "not-given", "optional": True}}
        stage = runner.stage("ls /s; echo ran", volumeMounts=[{"name": "s", "mountPath": "/s"}])
        assert runner.run(stage, volumes=[volume]).log == b"ran\n"

    @pytest.mark.parametrize("script", ["exec tail /dev/zero", "tail /dev/zero; exit 137"], ids=["pid 1", "a child"])
    def test_a_container_over_its_memory_limit_is_oom_killed(self, runner: JobRunner, script: str) -> None:
        limits = {"memory": "32Mi", "cpu": "500m"}
        script = f"sleep 0.5; {script}"  # a container's memory is watched only from a moment after its start
        outcome = runner.outcome(runner.launch_pair("true", script, resources={"limits": limits}))
        assert outcome.end(USER_CONTAINER) == (137, "OOMKilled")
        assert outcome.end() == (0, "Completed")

    def test_an_exit_code_of_137_within_the_memory_limit_is_an_error(self, runner: JobRunner) -> None:
        limits = {"limits": {"memory": "64Mi"}}
        outcome = runner.outcome(runner.launch_pair("true", "exit 137", resources=limits))
        assert outcome.end(USER_CONTAINER) == (137, "Error")

    def test_the_deadline_ends_all_containers(self, runner: JobRunner) -> None:
        trap = "trap 'exit 5' TERM; while :; do sleep 0.05; done"
        state = runner.run(runner.stage(trap), runner.user(trap), activeDeadlineSeconds=1).state
        assert (state.phase, state.reason) == (JobPhase.FINISHED, "DeadlineExceeded")

    def test_cancel_lets_the_containers_end_by_themselves(self, runner: JobRunner) -> None:
        trap = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done"
        ref = runner.launch(runner.stage(trap), runner.user(trap))
        with runner.launcher.follow(ref) as chunks:
            assert next(chunks) == b"ready\n"
            runner.wait(ref, lambda state: state.phase is JobPhase.RUNNING)
            runner.launcher.cancel(ref)
            assert b"".join(chunks) == b"bye\n"

    def test_cancel_kills_what_does_not_end_within_its_grace(self, runner: JobRunner) -> None:
        script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
        ref = runner.launch(runner.stage(script), terminationGracePeriodSeconds=1)
        with runner.launcher.follow(ref) as chunks:
            assert next(chunks) == b"ready\n"
            runner.launcher.cancel(ref)
            assert b"".join(chunks) == b""

    def test_a_user_container_may_outlive_the_stage(self, runner: JobRunner) -> None:
        ref = runner.launch_pair("true", "trap 'exit 0' TERM; while :; do sleep 0.05; done")
        state = runner.wait_for_end_of(ref, STAGE_CONTAINER)
        assert state.phase is JobPhase.RUNNING
        assert USER_CONTAINER not in state.ends
        runner.launcher.cancel(ref)

    def test_a_program_that_is_not_there_is_a_start_error(self, runner: JobRunner) -> None:
        outcome = runner.run(runner.stage("sleep 1"), runner.user("", command=["/no/such/program"]))
        assert outcome.end(USER_CONTAINER) == (128, "StartError")

    def test_an_image_name_that_is_none_is_an_invalid_image_name(self, runner: JobRunner) -> None:
        ref = runner.launch(runner.stage("true", image="Not/An:image:name"))
        state = runner.wait(ref, lambda state: state.reason == "InvalidImageName")
        assert state.permanent
        assert "Not/An:image:name" in state.message

    def test_what_is_not_known_in_a_manifest_is_refused_by_name(self, runner: JobRunner) -> None:
        with pytest.raises(InfrastructureError, match="stdinTwice"):
            runner.launch(runner.stage("true", stdinTwice=True))


def _remove_once(remover: Thread) -> bool:
    """Start a thread on the first call; always false."""
    if remover.ident is None:
        remover.start()
    return False


def _variables(output: bytes) -> dict[bytes, bytes]:
    """What `env -0` printed."""
    return {name: value for name, _, value in (entry.partition(b"=") for entry in output.split(b"\0")) if name}
