"""A world for whole builds without containers: real coordinator code over the fakes, and stages that tests play."""

import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from coordinator.build_feed import BuildFeed
from coordinator.metrics import Metrics
from coordinator.reconcile import Reconciler
from coordinator.retention import Retention
from coordinator.settings import Settings
from coordinator.store import BuildStore
from local.variable_references import expand
from shared import keys
from shared.clock import timestamp
from shared.codec import decode, encode
from shared.errors import Conflict, StoreError
from shared.model import Build, Repository
from shared.ports import ContainerEnd, JobPhase, JobRef
from shared.stage_contract import StageContext, StageReport
from shared.stage_report import Reporter
from shared.status import ReportStatus
from shared.store_ports import Entry, KeyValue, ObjectInfo, ObjectStore
from tests.coordinator.samples import IMAGE, REPOSITORY, build, settings
from tests.fakes.fake_launcher import FakeLauncher
from tests.fakes.stores import FakeKeyValue, FakeObjects
from tests.waiting import wait_for

LIMIT_S = 20


@dataclass
class PlayedStage:
    """One Job at work: what a stage's process would do, in the order in which it would."""

    launcher: FakeLauncher
    kv: KeyValue
    objects: ObjectStore
    ref: JobRef
    context: StageContext
    written: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._reporter = Reporter(self.kv, self.context.report_key, threading.current_thread().name)
        self._writer = threading.current_thread().name

    def claim(self) -> bool:
        """Report RUNNING; False where another pod has this attempt."""
        return self._reporter.claim(StageReport(ReportStatus.RUNNING, self._writer, started_at=timestamp()))

    def write(self, data: bytes) -> None:
        """Write to stdout."""
        self.written += data
        self.launcher.write(self.ref, data)

    def end(self, status: ReportStatus, code: int = 0, /, **report: Any) -> None:
        """Archive the log, make the last report, and exit."""
        self.report(status, **report)
        self.exit(code)

    def report(self, status: ReportStatus, /, **report: Any) -> None:
        """Archive the log and make the last report."""
        self.objects.put(keys.log_archive(self.context.log_prefix), bytes(self.written))
        last = StageReport(
            status,
            self._writer,
            finished_at=timestamp(),
            log_bytes=len(self.written),
            started_at=timestamp(),
            **report,
        )
        assert self._reporter.finish(last)

    def exit(self, exit_code: int = 0) -> None:
        """End the container."""
        end = ContainerEnd(exit_code, "Error" if exit_code else "Completed")
        self.launcher.finish(self.ref, {keys.STAGE_CONTAINER: end})

    def wait_for_cancel(self) -> None:
        """Work until the Job is told to stop."""
        wait_for(lambda: self.ref in self.launcher.cancelled, LIMIT_S)


class FlakyKeyValue(FakeKeyValue):
    """A store that can be taken down; its watches go on when it is back, as the real one's do. Notes reads."""

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.reads: list[str] = []

    def get(self, key: str) -> Entry | None:
        self._fail()
        self.reads.append(key)
        return super().get(key)

    def list(self, prefix: str) -> tuple[Entry, ...]:
        self._fail()
        return super().list(prefix)

    def span(self, first: str, end: str) -> tuple[Entry, ...]:
        self._fail()
        return super().span(first, end)

    def replace(self, key: str, value: bytes, revision: int) -> int:
        self._fail()
        return super().replace(key, value, revision)

    def _fail(self) -> None:
        if self.down:
            raise StoreError("etcd is down")


class InterruptedKeyValue(FakeKeyValue):
    """A store in which something happens once after a read, before its reader goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] | None = None

    def get(self, key: str) -> Entry | None:
        found = super().get(key)
        self._interrupt()
        return found

    def list(self, prefix: str) -> tuple[Entry, ...]:
        found = super().list(prefix)
        self._interrupt()
        return found

    def _interrupt(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()


class FlakyObjects(FakeObjects):
    """A store that can be made to list and to delete nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stuck = False

    def list(self, prefix: str) -> tuple[ObjectInfo, ...]:
        if self.stuck:
            raise StoreError("S3 is down")
        return super().list(prefix)

    def delete(self, keys: Iterable[str]) -> None:
        if self.stuck:
            raise StoreError("S3 is down")
        super().delete(keys)


Play = Callable[[PlayedStage], None]


def succeed(stage: PlayedStage) -> None:
    """Say something and succeed."""
    stage.write(f"this is {stage.context.stage}\n".encode())
    result = {"image": IMAGE} if stage.context.stage_type == "docker_build" else {}
    stage.end(ReportStatus.SUCCESS, result=result)


class World:
    """One etcd, one S3, one launcher; any number of coordinators; stages that do as `plays` says by stage id."""

    def __init__(self, kv: KeyValue | None = None, launcher: FakeLauncher | None = None, **changes: Any) -> None:
        self.settings: Settings = settings(**{"resync_s": 1.0, **changes})
        self.kv: KeyValue = kv or FakeKeyValue()
        self.objects = FlakyObjects()
        self.launcher = launcher or FakeLauncher()
        self.store = BuildStore(self.kv)
        self.metrics = Metrics()
        self.plays: dict[str, Play] = {}
        self.worked: list[str] = []
        """The names of the Jobs whose stage got to work."""
        self.problems: list[BaseException] = []
        self._seen: set[JobRef] = set()
        self._stop = threading.Event()
        self._reconcilers: list[Reconciler] = []
        self.feeds: list[BuildFeed] = []
        self._threads: list[threading.Thread] = []

    def play(self) -> None:
        """Begin to run Jobs."""
        self._spawn(self._run_jobs)

    def coordinate(self, kv: KeyValue | None = None) -> Reconciler:
        """Start one more coordinator, which sees the store as `kv` where that is given."""
        kv = kv or self.kv
        feed = BuildFeed(kv)
        retention = Retention(self.store, self.objects, self.settings.retention_builds, self.launcher.release)
        reconciler = Reconciler(self.settings, kv, self.launcher, feed, retention, self.metrics)
        feed.start()
        reconciler.start()
        self.feeds.append(feed)
        self._reconcilers.append(reconciler)
        return reconciler

    def close(self) -> None:
        """Stop everything; raises what went wrong in a stage."""
        self._stop.set()
        for running in (*self._reconcilers, *self.feeds):
            running.stop()
        for thread in self._threads:
            thread.join(LIMIT_S)
        assert self.problems == []

    def start(self, *specs: Any, repository: Repository = REPOSITORY) -> Build:
        """Store a new build, as the API would."""
        with suppress(Conflict):
            self.store.create_pipeline(repository, "http://git/hello.git")
        return self.store.create_build(repository, lambda number: build(*specs, number=number, repository=repository))

    def now(self, made: Build) -> Build:
        """The build as it is."""
        return self.store.build(made.repository, made.number).value

    def cancel(self, made: Build) -> None:
        """Ask for its end."""
        self.store.update_build(made.repository, made.number, lambda b: replace(b, cancel_requested="cancelled by ann"))

    def finished(self, made: Build, limit_s: float = LIMIT_S) -> Build:
        """The build once it has finished."""
        return wait_for(lambda: b if (b := self.now(made)).finished else None, limit_s)

    def job_runs(self, made: Build, stage_id: str, number: int = 1) -> JobRef:
        """The Job of an attempt once its stage is at work."""
        name = keys.job_name(made.repository, made.number, stage_id, number)
        wait_for(lambda: name in self.worked, LIMIT_S)
        return JobRef(made.pipeline.namespace, name)

    def settled(self) -> None:
        """Wait until no Job is left."""
        wait_for(lambda: not [state for state in self.launcher.jobs() if state.phase is not JobPhase.GONE], LIMIT_S)

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=self._guard, args=(target, *args), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guard(self, target: Callable[..., None], *args: Any) -> None:
        try:
            target(*args)
        except BaseException as error:
            self.problems.append(error)

    def _run_jobs(self) -> None:
        while not self._stop.wait(0.005):
            if self.launcher.failure is None:
                for state in self.launcher.jobs():
                    if state.phase is JobPhase.WAITING and not state.reason and state.ref not in self._seen:
                        self._seen.add(state.ref)
                        self._spawn(self._run_job, state.ref)

    def _run_job(self, ref: JobRef) -> None:
        self.launcher.run(ref)
        stage = PlayedStage(self.launcher, self.kv, self.objects, ref, context_of(self.launcher.manifests[ref]))
        if not stage.claim():
            stage.exit()
            return
        self.worked.append(ref.name)
        self.plays.get(stage.context.stage, succeed)(stage)


def context_of(manifest: Mapping[str, Any]) -> StageContext:
    """The context in a Job's manifest."""
    variables = manifest["spec"]["template"]["spec"]["containers"][0]["env"]
    text = next(each["value"] for each in variables if each["name"] == keys.CONTEXT_VARIABLE)
    return decode(StageContext, expand(text, {}))


def stored(world: World, made: Build) -> bytes:
    """A build's whole text, to see that nothing changes it any more."""
    return encode(world.now(made))
