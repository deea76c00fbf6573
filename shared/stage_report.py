"""How a stage attempt ended, and the one key in etcd where it says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from shared.clock import timestamp
from shared.codec import decode, encode
from shared.errors import EXIT_INFRASTRUCTURE, EXIT_SUCCESS, Interrupted, KontinuousError, UserWorkFailed
from shared.json_value import Json
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus

if TYPE_CHECKING:
    from shared.stage_run import StageRun
    from shared.store_ports import GuardedKeys

_LONGEST_TEXT = 2000
_MOST_WARNINGS = 50


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the work ended. `exit_code` is this process' own, `work_exit_code` that of the user's."""

    status: ReportStatus
    exit_code: int
    reason: str = ""
    fault: Fault | None = None
    work_exit_code: int | None = None
    result: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def success(cls, result: Mapping[str, Json]) -> Self:
        """The work is done."""
        return cls(ReportStatus.SUCCESS, EXIT_SUCCESS, work_exit_code=0, result=result)

    @classmethod
    def of_error(cls, error: BaseException) -> Self:
        """What an exception out of the work means; one that is not of ours is the infrastructure's fault."""
        match error:
            case Interrupted():
                return cls(ReportStatus.INTERRUPTED, error.exit_code, str(error))
            case UserWorkFailed():
                return cls(ReportStatus.FAIL, error.exit_code, str(error), error.fault, error.work_exit_code)
            case KontinuousError():
                return cls(ReportStatus.FAIL, error.exit_code, str(error), error.fault)
            case _:
                reason = f"{type(error).__name__}: {error}"
                return cls(ReportStatus.FAIL, EXIT_INFRASTRUCTURE, reason, Fault.INFRASTRUCTURE)

    def without_log(self, why: str) -> "Outcome":
        """The same, when its log could not be kept: no success any more, and the reason says so."""
        missing = f"the log is incomplete: {why}"
        if self.status is ReportStatus.SUCCESS:
            failed = replace(self, status=ReportStatus.FAIL, exit_code=EXIT_INFRASTRUCTURE, fault=Fault.INFRASTRUCTURE)
            return replace(failed, reason=f"the work succeeded, but {missing}")
        return replace(self, reason=f"{self.reason}; {missing}")


class Reporter:
    """Writes an attempt's report. All it needs of etcd is get, create and compare-and-put of one key."""

    def __init__(self, store: "GuardedKeys", key: str, writer: str) -> None:
        """`writer` is unlike any other pod's, and stands in every report that is written here."""
        self._store = store
        self._key = key
        self._writer = writer
        self._revision = 0  # of the first report, where it is known

    def claim(self, report: StageReport) -> bool:
        """Make the first report; False where another pod has made it. Raises StoreError."""
        self._revision = self._store.create(self._key, encode(report))
        if self._revision:
            return True
        entry = self._store.get(self._key)
        return entry is not None and self._is_ours(entry.value)

    def finish(self, report: StageReport) -> bool:
        """Make the last report; False where the key is another pod's by now. Raises StoreError."""
        value = encode(report)
        known, self._revision = self._revision, 0  # whoever tries again must ask what is there
        if known and self._store.replace(self._key, value, known):
            return True
        entry = self._store.get(self._key)
        if entry is None:
            return bool(self._store.create(self._key, value))
        return self._is_ours(entry.value) and bool(self._store.replace(self._key, value, entry.revision))

    def _is_ours(self, value: bytes) -> bool:
        return decode(StageReport, value).writer == self._writer


def final_report(outcome: Outcome, run: "StageRun", writer: str, started_at: str, github: str = "") -> StageReport:
    """Put an attempt's last report together; every text in it is masked and of bounded length."""
    return StageReport(
        status=outcome.status,
        writer=writer,
        reason=_short(run.log.mask(outcome.reason)),
        fault=outcome.fault,
        exit_code=outcome.work_exit_code,
        result=_masked(outcome.result, run.log.mask),
        log_bytes=run.log.size,
        work_began=run.work_began,
        github=_short(run.log.mask(github)),
        warnings=tuple(_short(run.log.mask(text)) for text in _few(run.warnings)),
        timings=run.timings,
        started_at=started_at,
        finished_at=timestamp(),
    )


def _few(warnings: list[str]) -> list[str]:
    more = len(warnings) - _MOST_WARNINGS
    return [*warnings[:_MOST_WARNINGS], *([f"and {more} more warnings, in the log"] if more > 0 else [])]


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"


def _masked(value: Json, mask: Callable[[str], str]) -> Json:
    match value:
        case str():
            return mask(value)
        case Mapping():
            return {mask(key): _masked(item, mask) for key, item in value.items()}
        case list() | tuple():
            return [_masked(item, mask) for item in value]
        case _:
            return value
