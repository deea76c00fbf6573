"""Whole builds over the fakes: through success, failure, cancel, faults of the infrastructure, and more than one
coordinator."""

import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from coordinator.advance import TAKEOVER_S, Observation, advance
from coordinator.reconcile import JOB_NEWS_S
from coordinator.verdict import Limits
from shared import keys
from shared.clock import timestamp, utc_now
from shared.errors import InfrastructureError, InputError
from shared.model import Build, StageSpec
from shared.ports import ContainerEnd, JobPhase, JobRef, Manifest
from shared.status import Fault, ReportStatus, Status
from shared.store_ports import Change, Entry, KeyValue
from tests.coordinator.samples import BUILD, IMAGE, PUBLISH, REPOSITORY, TEST, with_attempt
from tests.coordinator.world import FlakyKeyValue, PlayedStage, World, context_of, stored
from tests.fakes.fake_launcher import FakeLauncher
from tests.fakes.stores import FakeKeyValue
from tests.waiting import wait_for


def statuses(made: Build) -> list[Status]:
    return [stage.status for stage in made.stages]


def user_fails(stage: PlayedStage) -> None:
    stage.end(ReportStatus.FAIL, 1, fault=Fault.USER, reason="2 tests failed", exit_code=1, work_began=True)


def breaks(stage: PlayedStage) -> None:
    stage.end(ReportStatus.FAIL, 3, fault=Fault.INFRASTRUCTURE, reason="no disk")


def stops_when_told(stage: PlayedStage) -> None:
    stage.wait_for_cancel()
    stage.end(ReportStatus.INTERRUPTED, 130)


class Door:
    """Holds stages at work until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self, stage: PlayedStage) -> None:
        assert self._open.wait(20)
        stage.end(ReportStatus.SUCCESS)


def test_a_build_runs_its_stages_in_order_to_success(world: World) -> None:
    world.coordinate()
    made = world.start(BUILD, TEST, PUBLISH)
    done = world.finished(made)
    assert (done.status, done.reason) == (Status.SUCCESS, "")
    assert world.worked == [keys.job_name(done.repository, done.number, stage.id, 1) for stage in done.stages]
    for stage in done.stages:
        (attempt,) = stage.attempts
        assert attempt.created_at <= attempt.launched_at <= attempt.finished_at
    world.settled()


def test_later_stages_get_the_image_that_was_built_and_the_builds_credentials(world: World) -> None:
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    ref = JobRef("acaleph", done.stages[1].attempts[0].job)
    assert context_of(world.launcher.manifests[ref]).image == IMAGE
    assert [secret["metadata"]["name"] for secret in world.launcher.secrets[ref]] == [
        keys.build_secret_name(done.repository, done.number, 1)
    ]


def test_a_users_failure_ends_the_build_and_is_not_tried_again(world: World) -> None:
    world.plays["unit-test"] = user_fails
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST, PUBLISH))
    assert statuses(done) == [Status.SUCCESS, Status.FAIL, Status.SKIPPED]
    assert done.reason == "Unit Test: 2 tests failed"
    assert len(world.worked) == 2


def test_a_fault_of_the_infrastructure_is_tried_again(world: World) -> None:
    def breaks_once(stage: PlayedStage) -> None:
        if stage.context.attempt == 1:
            breaks(stage)
        else:
            stage.end(ReportStatus.SUCCESS)

    world.plays["build"] = breaks_once
    world.coordinate()
    done = world.finished(world.start(BUILD))
    assert done.status is Status.SUCCESS
    assert [attempt.status for attempt in done.stages[0].attempts] == [Status.FAIL, Status.SUCCESS]


def test_a_fault_that_does_not_go_away_fails_after_three_attempts(world: World) -> None:
    world.plays["build"] = breaks
    world.coordinate()
    done = world.finished(world.start(BUILD))
    assert (done.status, len(done.stages[0].attempts), len(world.worked)) == (Status.FAIL, 3, 3)


def test_a_job_that_somebody_removed_is_a_failure_and_not_a_success(world: World) -> None:
    def is_removed(stage: PlayedStage) -> None:
        stage.launcher.vanish(stage.ref)

    world.plays["unit-test"] = is_removed
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    assert (done.status, done.stages[1].attempts[0].fault) == (Status.FAIL, Fault.INFRASTRUCTURE)
    assert "vanished" in done.reason


def test_a_stage_that_ends_without_a_word_is_a_failure(world: World) -> None:
    world.plays["unit-test"] = lambda stage: stage.exit(0)
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    assert done.status is Status.FAIL
    assert "stage: Completed (exit 0)" in done.reason


def test_a_command_killed_for_its_memory_says_so(world: World) -> None:
    def is_killed(stage: PlayedStage) -> None:
        stage.launcher.end_container(stage.ref, keys.USER_CONTAINER, ContainerEnd(137, "OOMKilled"))
        stage.end(ReportStatus.FAIL, 1, fault=Fault.USER, reason="exit code 137", exit_code=137, work_began=True)

    world.plays["unit-test"] = is_killed
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    assert "ran out of memory" in done.reason


def test_a_cancelled_build_stops_its_job_and_starts_no_more(world: World) -> None:
    world.plays["build"] = stops_when_told
    world.coordinate()
    made = world.start(BUILD, TEST)
    world.job_runs(made, "build")
    world.cancel(made)
    done = world.finished(made)
    assert statuses(done) == [Status.CANCELLED, Status.CANCELLED]
    assert done.reason == "cancelled by ann"
    assert len(world.worked) == 1
    world.settled()


def test_a_cancel_is_repeated_until_the_job_has_ended(world: World) -> None:
    def needs_two_tellings(stage: PlayedStage) -> None:
        wait_for(lambda: stage.launcher.cancelled.count(stage.ref) >= 2)
        stage.end(ReportStatus.INTERRUPTED, 130)

    world.plays["build"] = needs_two_tellings
    world.coordinate()
    made = world.start(BUILD)
    world.job_runs(made, "build")
    world.cancel(made)
    assert world.finished(made).status is Status.CANCELLED


def test_builds_run_side_by_side(world: World) -> None:
    door = Door()
    world.plays["build"] = door
    world.coordinate()
    made = [world.start(BUILD) for _ in range(5)]
    for each in made:
        world.job_runs(each, "build")
    door.open()
    assert [world.finished(each).status for each in made] == [Status.SUCCESS] * 5


def test_a_launcher_that_is_down_is_waited_for_and_named(world: World) -> None:
    world.launcher.failure = InfrastructureError("the engine does not answer")
    world.coordinate()
    made = world.start(BUILD, TEST)
    wait_for(lambda: world.now(made).stages[0].attempts)
    wait_for(lambda: world.now(made).stages[0].attempts[0].waiting_for == "the engine does not answer")
    world.launcher.failure = None
    done = world.finished(made)
    assert (done.status, done.stages[0].attempts[0].waiting_for) == (Status.SUCCESS, "")
    assert len(world.worked) == 2


class CountingLauncher(FakeLauncher):
    """Refuses every Job, each time in other words."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def launch(self, job: object, secrets: object) -> None:
        self.calls += 1
        raise self.error(f"failure number {self.calls}")


def test_a_launcher_that_fails_in_ever_other_words_is_not_stormed() -> None:
    launcher = CountingLauncher(InfrastructureError)
    world = World(launcher=launcher, resync_s=0.05)
    world.coordinate()
    made = world.start(BUILD)
    wait_for(lambda: launcher.calls >= 2)
    world.close()
    assert launcher.calls <= 4
    assert world.now(made).stages[0].attempts[0].waiting_for.startswith("failure number")


def test_a_job_that_can_never_be_launched_fails_the_build_as_wrong_input() -> None:
    world = World(launcher=CountingLauncher(InputError))
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    world.close()
    assert statuses(done) == [Status.FAIL, Status.SKIPPED]
    assert done.stages[0].attempts[0].fault is Fault.INPUT
    assert done.reason == "Build: cannot be started: failure number 1"


def test_a_store_that_is_down_for_a_while_holds_a_build_up_and_no_more() -> None:
    kv = FlakyKeyValue()
    world = World(kv=kv)
    world.play()
    door = Door()
    world.plays["build"] = door
    world.coordinate()
    made = world.start(BUILD, TEST)
    ref = world.job_runs(made, "build")
    kv.down = True
    world.launcher.trouble(ref, "Odd", "a change that cannot be taken in")
    kv.down = False
    door.open()
    done = world.finished(made)
    world.close()
    assert (done.status, len(world.worked)) == (Status.SUCCESS, 2)


def test_a_build_outlives_its_coordinator(world: World) -> None:
    door = Door()
    world.plays["build"] = door
    first = world.coordinate()
    made = world.start(BUILD, TEST)
    ref = world.job_runs(made, "build")
    first.stop()
    door.open()
    wait_for(lambda: {s.ref: s for s in world.launcher.jobs()}[ref].phase is JobPhase.FINISHED)
    assert not world.now(made).finished
    world.coordinate()
    assert world.finished(made).status is Status.SUCCESS
    assert len(world.worked) == len(set(world.worked)) == 2


def test_a_build_that_was_started_without_a_coordinator_begins_with_the_next_one(world: World) -> None:
    made = world.start(BUILD)
    world.coordinate()
    assert world.finished(made).status is Status.SUCCESS


def test_two_coordinators_side_by_side_run_each_job_once(world: World) -> None:
    world.coordinate()
    world.coordinate()
    made = [world.start(BUILD, TEST, PUBLISH) for _ in range(8)]
    assert [world.finished(each).status for each in made] == [Status.SUCCESS] * 8
    assert len(world.worked) == len(set(world.worked)) == 24
    world.settled()


def test_two_coordinators_agree_on_a_failure_a_retry_and_a_cancel(world: World) -> None:
    world.coordinate()
    world.coordinate()
    world.plays["unit-test"] = user_fails
    world.plays["scan"] = breaks
    world.plays["wait"] = stops_when_told
    failing = world.start(BUILD, TEST)
    breaking = world.start(StageSpec("Scan", "custom"))
    stopping = world.start(StageSpec("Wait", "custom"))
    world.job_runs(stopping, "wait")
    world.cancel(stopping)
    assert [world.finished(each).status for each in (failing, breaking, stopping)] == [
        Status.FAIL,
        Status.FAIL,
        Status.CANCELLED,
    ]
    assert len(world.now(breaking).stages[0].attempts) == 3
    assert len(world.worked) == len(set(world.worked)) == 2 + 3 + 1


def test_a_build_goes_on_by_its_reports_where_no_job_is_ever_seen() -> None:
    class Blind(FakeLauncher):
        """Takes Jobs and shows none."""

        def jobs(self):
            return ()

        def watch(self, stop):
            stop.wait()
            return iter(())

    launcher = Blind()
    world = World(launcher=launcher, resync_s=0.05)
    door = Door()
    world.plays["build"] = door
    world.coordinate()
    made = world.start(BUILD)
    wait_for(lambda: launcher.launches)
    (ref,) = launcher.manifests
    launcher.run(ref)
    stage = PlayedStage(launcher, world.kv, world.objects, ref, context_of(launcher.manifests[ref]))
    assert stage.claim()
    wait_for(lambda: world.now(made).stages[0].status is Status.RUNNING)
    stage.end(ReportStatus.SUCCESS)
    assert world.finished(made).status is Status.SUCCESS
    world.close()


def test_the_jobs_of_a_build_that_was_deleted_are_stopped_and_removed(world: World) -> None:
    world.plays["build"] = stops_when_told_silently
    world.coordinate()
    made = world.start(BUILD)
    world.job_runs(made, "build")
    world.store.delete_build(made)
    world.settled()


def stops_when_told_silently(stage: PlayedStage) -> None:
    stage.wait_for_cancel()
    stage.exit(130)


def test_jobs_are_kept_where_something_else_removes_them() -> None:
    world = World(remove_jobs=False)
    world.play()
    world.coordinate()
    done = world.finished(world.start(BUILD))
    (state,) = world.launcher.jobs()
    assert (state.ref.name, state.phase) == (done.stages[0].attempts[0].job, JobPhase.FINISHED)
    world.close()


def test_finished_builds_are_thinned_out_and_their_jobs_forgotten() -> None:
    world = World(retention_builds=2)
    world.play()
    reconciler = world.coordinate()
    for _ in range(4):
        world.finished(world.start(BUILD))
    wait_for(lambda: [made.number for made in world.store.builds(REPOSITORY)] == [4, 3])
    wait_for(lambda: not reconciler._jobs.build_keys())
    world.close()


def test_a_finished_build_is_never_written_again(world: World) -> None:
    world.coordinate()
    made = world.start(BUILD)
    world.finished(made)
    world.settled()
    before = stored(world, made)
    revision = world.store.build(made.repository, made.number).revision
    other = world.start(BUILD)
    world.finished(other)
    assert stored(world, made) == before
    assert world.store.build(made.repository, made.number).revision == revision


def test_a_build_that_cannot_be_read_does_not_hold_up_others(world: World) -> None:
    world.kv.create(keys.BUILDS + "local/ab12/hello/00000000", b'{"repository": "from a newer kontinuous"}')
    world.kv.create(keys.REPORTS + "strange", b"?")
    world.coordinate()
    assert world.finished(world.start(BUILD, TEST)).status is Status.SUCCESS


def test_a_report_that_cannot_be_read_fails_the_stage(world: World) -> None:
    def babbles(stage: PlayedStage) -> None:
        entry = stage.kv.get(stage.context.report_key)
        assert entry is not None
        stage.kv.replace(entry.key, b'{"status": "SUCCESS", "writer": "x", "finished_at": "soon"}', entry.revision)
        stage.exit()

    world.plays["build"] = babbles
    world.coordinate()
    done = world.finished(world.start(BUILD))
    assert done.status is Status.FAIL
    assert "cannot be read" in done.reason


def test_stopping_ends_all_threads_in_time(world: World) -> None:
    reconciler = world.coordinate()
    made = world.start(BUILD)
    world.finished(made)
    reconciler.stop()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("reconciler")] == []


def test_a_loop_that_fails_runs_again(world: World) -> None:
    class Failing(FakeLauncher):
        failures = 2

        def watch(self, stop):
            if self.failures:
                self.failures -= 1
                raise ZeroDivisionError("a bug")
            yield from super().watch(stop)

    launcher = Failing()
    other = World(kv=world.kv, launcher=launcher, resync_s=60)
    other.plays["build"] = lambda stage: stage.launcher.vanish(stage.ref)  # which only the watch tells
    other.play()
    other.coordinate()
    done = other.finished(other.start(BUILD))
    other.close()
    assert launcher.failures == 0
    assert "vanished" in done.reason


def test_changes_are_published_for_streams(world: World) -> None:
    world.coordinate()
    changes = world.feeds[0].changes
    made = world.start(BUILD)
    key = keys.build_key(made.repository, made.number)
    assert changes.wait(key, 0, 10)
    done = world.finished(made)
    revision = world.store.build(made.repository, made.number).revision
    assert changes.wait(key, revision - 1, 10)
    assert done == world.now(made)


def test_a_report_that_no_watch_has_shown_counts_once_its_job_has_ended() -> None:
    class Blind(FakeKeyValue):
        """Shows nobody what stages report."""

        def watch(self, prefix: str, stop: threading.Event) -> Iterator[Change]:
            shown = super().watch(prefix, stop)
            yield from (change for change in shown if prefix != keys.REPORTS)

    world = World(kv=Blind(), resync_s=60)
    world.play()
    world.coordinate()
    done = world.finished(world.start(BUILD, TEST))
    world.close()
    assert (done.status, [len(stage.attempts) for stage in done.stages]) == (Status.SUCCESS, [1, 1])


def test_looking_at_a_build_again_asks_etcd_for_nothing() -> None:
    class Counting(FakeKeyValue):
        reads = 0

        def get(self, key: str) -> Entry | None:
            self.reads += key.startswith(keys.BUILDS)
            return super().get(key)

        def list(self, prefix: str) -> tuple[Entry, ...]:
            self.reads += prefix.startswith(keys.REPORTS)
            return super().list(prefix)

    kv = Counting()
    world = World(kv=kv, resync_s=60)
    door = Door()
    world.plays["build"] = door
    world.play()
    world.coordinate()
    made = world.start(BUILD)
    ref = world.job_runs(made, "build")
    wait_for(lambda: world.now(made).stages[0].status is Status.RUNNING)
    before = kv.reads
    for number in range(20):  # each is a look
        world.launcher.trouble(ref, "", f"message {number}")
        time.sleep(2 * JOB_NEWS_S)
    assert kv.reads == before
    door.open()
    world.finished(made)
    world.close()


def test_the_times_that_a_pod_takes_are_written_with_the_next_change(world: World) -> None:
    door = Door()
    world.plays["build"] = door
    world.coordinate()
    made = world.start(BUILD)
    ref = world.job_runs(made, "build")
    wait_for(lambda: world.now(made).stages[0].status is Status.RUNNING)
    before = world.store.build(made.repository, made.number).revision
    world.launcher.schedule(ref, "2026-01-31T12:00:01.000Z")
    time.sleep(4 * JOB_NEWS_S)  # nothing tells that a look has found nothing to write
    assert world.store.build(made.repository, made.number).revision == before
    door.open()
    assert world.finished(made).stages[0].attempts[0].scheduled_at == "2026-01-31T12:00:01.000Z"


def test_an_attempt_that_was_decided_on_and_never_launched_is_launched_by_another(world: World) -> None:
    made = world.start(BUILD)
    decided = advance(made, Observation({}, {}, utc_now()), Limits()).build
    world.store.update_build(made.repository, made.number, lambda _: decided)
    world.coordinate()
    begun = time.monotonic()
    assert world.finished(made).status is Status.SUCCESS
    assert time.monotonic() - begun > TAKEOVER_S / 2
    assert len(world.worked) == 1


def test_of_two_coordinators_one_launches_what_it_decided_on(world: World) -> None:
    world.coordinate()
    world.coordinate()
    made = [world.start(BUILD, TEST, PUBLISH) for _ in range(8)]
    for each in made:
        world.finished(each)
    assert len(world.launcher.launches) == len(set(world.launcher.launches)) == 24


class LaggingKeyValue(FakeKeyValue):
    """A store whose watches say nothing for a while to one of its coordinators."""

    def __init__(self) -> None:
        super().__init__()
        self.held = threading.Event()

    def lagging(self) -> KeyValue:
        """The same store, as the one coordinator sees it."""
        return Lagging(self)


class Lagging:
    def __init__(self, kv: LaggingKeyValue) -> None:
        self._kv = kv

    def __getattr__(self, name: str) -> Any:
        return getattr(self._kv, name)

    def watch(self, prefix: str, stop: threading.Event) -> Iterator[Change]:
        for change in self._kv.watch(prefix, stop):
            while self._kv.held.is_set() and not stop.wait(0.005):
                pass
            yield change


def test_a_coordinator_whose_watches_lag_stops_no_job_of_anothers() -> None:
    kv = LaggingKeyValue()
    world = World(kv=kv, resync_s=30.0)
    built, published = threading.Event(), Door()

    def ends_as_a_kubelet_sees_it(stage: PlayedStage) -> None:
        assert built.wait(20)
        stage.report(ReportStatus.SUCCESS, result={"image": IMAGE})
        time.sleep(1.5)
        stage.exit()

    world.plays |= {"build": ends_as_a_kubelet_sees_it, "publish": published}
    world.play()
    world.coordinate(kv.lagging())
    world.coordinate()
    made = world.start(BUILD, PUBLISH)
    world.job_runs(made, "build")
    time.sleep(0.5)  # both have looked at it
    kv.held.set()
    built.set()
    ref = world.job_runs(made, "publish")
    time.sleep(0.5)  # so has the one that knows of no such attempt
    assert ref not in world.launcher.cancelled
    published.open()
    assert world.finished(made).status is Status.SUCCESS
    kv.held.clear()
    world.close()


class RefusingLauncher(FakeLauncher):
    """Takes Secrets and no Job, and fails to remove the first."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: set[tuple[str, str]] = set()
        self.failures = 1

    def launch(self, job: Manifest, secrets: Iterable[Manifest]) -> None:
        made = [*secrets]
        self.kept |= {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in made}
        raise InputError("Kubernetes refuses the Job")

    def release(self, namespace: str, secret: str) -> None:
        if self.failures:
            self.failures -= 1
            raise InfrastructureError("the Kubernetes API does not answer")
        super().release(namespace, secret)
        self.kept.discard((namespace, secret))


def test_a_secret_that_could_not_be_removed_is_removed_later_and_the_builds_end_is_counted() -> None:
    launcher = RefusingLauncher()
    world = World(launcher=launcher, resync_s=30.0)
    world.coordinate()
    made = world.start(BUILD)
    assert world.finished(made).status is Status.FAIL
    wait_for(lambda: not launcher.kept, 10)
    assert b'kontinuous_builds_total{status="FAIL"} 1' in world.metrics.text()
    world.close()


def test_a_build_that_is_removed_while_its_last_job_ends_leaves_no_secret(world: World) -> None:
    reconciler = world.coordinate()
    made = world.start(BUILD)
    world.finished(made)
    reconciler._retention.remove(world.now(made))
    secret = keys.build_secret_name(made.repository, made.number, made.run)
    assert (made.pipeline.namespace, secret) in world.launcher.released


def test_a_job_in_a_namespace_that_cannot_be_listed_has_not_vanished() -> None:
    launcher = FakeLauncher()
    world = World(launcher=launcher, resync_s=0.2)
    made = world.start(BUILD)
    ago = timestamp(utc_now() - timedelta(seconds=60))
    running = with_attempt(made, "build", launched_at=ago, created_at=ago, status=Status.RUNNING)
    world.store.update_build(made.repository, made.number, lambda _: running)
    launcher.unlisted = frozenset({made.pipeline.namespace})
    world.coordinate()
    time.sleep(1)
    assert world.now(made).stages == running.stages
    launcher.unlisted = frozenset()
    first = wait_for(lambda: a if (a := world.now(made).stages[0].attempts[0]).status.finished else None)
    assert "its Job vanished" in first.reason
    world.close()
