"""Pipelines and builds in etcd: whole JSON values, changed only by compare-and-put."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from coordinator.commit_records import CommitRecords
from coordinator.notification_records import NotificationRecords
from shared import keys
from shared.clock import timestamp
from shared.codec import decode, encode
from shared.errors import Conflict, InputError, NotFound, StoreError
from shared.model import Build, PipelineRecord, Repository
from shared.stage_contract import StageReport
from shared.store_ports import Entry, KeyValue

T = TypeVar("T")

log = logging.getLogger(__name__)

_MAX_RACES = 50
_ONE_BY_ONE = 100

# What is read of a stage's report; longer ones are cut, or refused where they are absurd.
MAX_REPORT_BYTES = 512 * 1024
MAX_REASON = 2000
MAX_WARNINGS = 50


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A value and the revision it was read at."""

    value: T
    revision: int


class BuildStore:
    """What the coordinator keeps. Every call raises StoreError when etcd cannot be reached."""

    def __init__(self, kv: KeyValue) -> None:
        self._kv = kv

    def pipelines(self) -> tuple[PipelineRecord, ...]:
        """All pipelines, by the names of their repositories."""
        records = (decode(PipelineRecord, entry.value) for entry in self._kv.list(keys.PIPELINES))
        return tuple(record for record in records if not record.deleted_at)

    def pipeline(self, repository: Repository) -> PipelineRecord:
        """One pipeline; raises NotFound."""
        return self._pipeline(repository).value

    def create_pipeline(
        self, repository: Repository, clone_url: str, token: str = "", hook_secret: str = ""
    ) -> PipelineRecord:
        """Add a pipeline, with its encrypted secrets; raises Conflict where the repository has one.

        Where it had one that was deleted, the builds' numbers go on.
        """
        key = keys.pipeline_key(repository)
        record = PipelineRecord(repository, timestamp(), clone_url, token=token, hook_secret=hook_secret)
        entry = self._kv.get(key)
        if entry is None:
            created = bool(self._kv.create(key, encode(record)))
        else:
            old = decode(PipelineRecord, entry.value)
            record = replace(record, last_build=old.last_build)
            if old.removing:
                raise Conflict(_half_deleted(repository))
            created = bool(old.deleted_at and self._kv.replace(key, encode(record), entry.revision))
        if not created:
            raise Conflict(f"{repository} has a pipeline already")
        return record

    def renew_pipeline(self, repository: Repository, token: str, hook_secret: str, hook_problem: str) -> PipelineRecord:
        """Give a pipeline other encrypted secrets, and note what its webhook lacks; raises NotFound, and Conflict where
        it is being deleted."""

        def renewed(record: PipelineRecord) -> PipelineRecord:
            return replace(_in_service(record), token=token, hook_secret=hook_secret, hook_problem=hook_problem)

        return self._update_pipeline(repository, renewed)

    def delete_pipeline(self, repository: Repository) -> None:
        """Serve a repository no more; raises NotFound. Its builds are left as they are."""
        self._update_pipeline(
            repository,
            lambda old: PipelineRecord(repository, old.created_at, last_build=old.last_build, deleted_at=timestamp()),
        )

    def begin_deletion(self, repository: Repository) -> None:
        """Mark a pipeline as being deleted: from now on no build of it is stored; raises NotFound."""
        self._update_pipeline(repository, lambda record: replace(record, removing=True))

    def create_build(self, repository: Repository, make: Callable[[int], Build]) -> Build:
        """Store a new build under the next number; `make` gets the number and returns the build. Raises NotFound, and
        Conflict where the pipeline is being deleted."""
        build = make(self.next_number(repository))
        if not self.put_build(build):
            raise StoreError(f"build {build.number} of {repository} exists already, though its number was new")
        return build

    def put_build(self, build: Build) -> bool:
        """Store a new build under the number it has; False where there is one already. Raises NotFound, and Conflict
        where the pipeline is being deleted: whoever deletes it may have looked for builds already."""
        if not self._kv.create(keys.build_key(build.repository, build.number), encode(build)):
            return False
        try:
            _in_service(self.pipeline(build.repository))
        except (Conflict, NotFound):
            self.delete_build(build)
            raise
        return True

    def build(self, repository: Repository, number: int) -> Stored[Build]:
        """One build; raises NotFound."""
        stored = self.build_at(keys.build_key(repository, number))
        if stored is None:
            raise NotFound(f"{repository} has no build {number}")
        return stored

    def has_build(self, repository: Repository, number: int) -> bool:
        """Whether there is a build that is not being removed."""
        stored = self.build_at(keys.build_key(repository, number))
        return stored is not None and not stored.value.removing

    def build_at(self, key: str) -> Stored[Build] | None:
        """The build under an etcd key, or None."""
        entry = self._kv.get(key)
        return Stored(decode(Build, entry.value), entry.revision) if entry else None

    def builds(self, repository: Repository) -> tuple[Build, ...]:
        """All builds of a repository, the newest first."""
        entries = self._kv.list(keys.builds_prefix(repository))
        return tuple(decode(Build, entry.value) for entry in reversed(entries))

    def builds_before(self, repository: Repository, before: int | None, limit: int) -> tuple[Build, ...]:
        """At most `limit` of a pipeline's builds whose numbers are below `before` (None: of all), the newest first.

        Numbers are dense, but for builds that were removed: spans of them are read, wider ones where nothing is left.
        Raises NotFound where there is no pipeline.
        """
        end = self.pipeline(repository).last_build + 1
        end, width = end if before is None else min(before, end), limit
        found: list[Entry] = []
        while end > 1 and len(found) < limit:
            first = max(1, end - width)
            span = self._kv.span(keys.build_key(repository, first), keys.build_key(repository, end))
            found += reversed(span)
            end, width = first, width if span else 2 * width
        return tuple(decode(Build, entry.value) for entry in found[:limit])

    def all_builds(self) -> tuple[tuple[str, Build], ...]:
        """Every build with its key."""
        return tuple((entry.key, decode(Build, entry.value)) for entry in self._kv.list(keys.BUILDS))

    def sort_builds(self, finished: Mapping[str, int]) -> tuple[tuple[str, ...], dict[str, int]]:
        """The keys of all builds: the unfinished, and the finished with their revisions.

        Those in `finished` at the revision that they have are known to be, and not read.

        One that cannot be read, as from a newer kontinuous, is in neither.
        """
        there = self._kv.revisions(keys.BUILDS)
        ended = {key: revision for key, revision in there.items() if finished.get(key) == revision}
        unfinished = []
        for entry in self._entries([key for key in there if key not in ended]):
            match self._is_finished(entry):
                case True:
                    ended[entry.key] = entry.revision
                case False:
                    unfinished.append(entry.key)
        return tuple(unfinished), ended

    def _entries(self, wanted: Sequence[str]) -> Iterator[Entry]:
        """These builds, those of them that are still there; many are not asked for one by one."""
        if len(wanted) <= _ONE_BY_ONE:
            yield from filter(None, map(self._kv.get, wanted))
        else:
            among = set(wanted)
            yield from (entry for entry in self._kv.scan(keys.BUILDS) if entry.key in among)

    @staticmethod
    def _is_finished(entry: Entry) -> bool | None:
        try:
            return decode(Build, entry.value).finished
        except InputError as error:
            log.warning("%s cannot be read: %s", entry.key, error)
            return None

    def replace_build(self, stored: Stored[Build], build: Build) -> bool:
        """Write a build over the one that was read; False where somebody was faster."""
        return bool(self._kv.replace(keys.build_key(build.repository, build.number), encode(build), stored.revision))

    def update_build(self, repository: Repository, number: int, change: Callable[[Build], Build]) -> Build:
        """Change a build whatever others write meanwhile; raises NotFound."""
        for _ in range(_MAX_RACES):
            stored = self.build(repository, number)
            changed = change(stored.value)
            if changed == stored.value or self.replace_build(stored, changed):
                return changed
        raise StoreError(f"build {number} of {repository} changes too fast to be written")

    def delete_build(self, build: Build) -> None:
        """Remove a build, its reports, and what is known of its statuses and notifications."""
        CommitRecords(self._kv).forget(build)
        NotificationRecords(self._kv).forget(build)
        self._kv.delete(keys.build_key(build.repository, build.number))
        for entry in self._kv.list(keys.reports_prefix(build.repository, build.number)):
            self._kv.delete(entry.key)

    def reports(self, build: Build) -> dict[tuple[str, int], StageReport]:
        """What the stages of a build have reported, by (stage id, attempt). One that makes no sense is a failure."""
        entries = self._kv.list(keys.reports_prefix(build.repository, build.number))
        return by_attempt((entry.key, report_of(entry)) for entry in entries)

    def _pipeline(self, repository: Repository) -> Stored[PipelineRecord]:
        entry = self._kv.get(keys.pipeline_key(repository))
        record = decode(PipelineRecord, entry.value) if entry else None
        if entry is None or record is None or record.deleted_at:
            raise NotFound(f"{repository} has no pipeline: create it first")
        return Stored(record, entry.revision)

    def skip_numbers(self, count: int) -> None:
        """Give out none of so many numbers of each pipeline, also of those that are deleted."""
        for key in self._kv.revisions(keys.PIPELINES):
            while entry := self._kv.get(key):
                record = decode(PipelineRecord, entry.value)
                skipped = replace(record, last_build=record.last_build + count)
                if self._kv.replace(key, encode(skipped), entry.revision):
                    break

    def next_number(self, repository: Repository) -> int:
        """Take the number of a new build, which is never given out again. Raises NotFound, and Conflict where the
        pipeline is being deleted."""

        def take(record: PipelineRecord) -> PipelineRecord:
            return replace(_in_service(record), last_build=record.last_build + 1)

        return self._update_pipeline(repository, take).last_build

    def _update_pipeline(
        self, repository: Repository, change: Callable[[PipelineRecord], PipelineRecord]
    ) -> PipelineRecord:
        for _ in range(_MAX_RACES):
            stored = self._pipeline(repository)
            changed = change(stored.value)
            if self._kv.replace(keys.pipeline_key(repository), encode(changed), stored.revision):
                return changed
        raise StoreError(f"too many builds of {repository} are started at once")


def _in_service(record: PipelineRecord) -> PipelineRecord:
    if record.removing:
        raise Conflict(_half_deleted(record.repository))
    return record


def _half_deleted(repository: Repository) -> str:
    return f"the pipeline of {repository} is being deleted: delete it again where that did not end"


def by_attempt(reports: Iterable[tuple[str, StageReport]]) -> dict[tuple[str, int], StageReport]:
    """Reports with their keys in etcd, by (stage id, attempt)."""
    found = {}
    for key, report in reports:
        stage_id, attempt = key.rsplit("/", 2)[1:]
        if attempt.isdecimal():
            found[stage_id, int(attempt)] = report
    return found


def report_of(entry: Entry) -> StageReport:
    """What a stage has reported; what makes no sense is a failure that says so."""
    try:
        if len(entry.value) > MAX_REPORT_BYTES:
            raise InputError(f"it has {len(entry.value)} bytes, and {MAX_REPORT_BYTES} is the most that is read")
        report = decode(StageReport, entry.value)
        for moment in (report.started_at, report.finished_at):
            _check_timestamp(moment)
    except InputError as error:
        return StageReport.unreadable(str(error))
    return replace(
        report,
        reason=report.reason[:MAX_REASON],
        github=report.github[:MAX_REASON],
        warnings=report.warnings[:MAX_WARNINGS],
    )


def _check_timestamp(text: str) -> None:
    try:
        known = not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise InputError(f"{text!r:.80} is not a time such as {timestamp()}")
