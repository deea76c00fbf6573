"""The seven checks of `kontinuous conformance`: pure, each over what was seen of the trials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from local.conformance.trial import PROBE, UNFINISHED, Situation, Trial
from local.services import GIT, S3
from shared.codec import decode
from shared.errors import EXIT_CODES, EXIT_INFRASTRUCTURE, EXIT_INTERRUPTED, EXIT_SUCCESS, InputError
from shared.masking import MASK, secret_forms
from shared.stage_contract import StageReport
from shared.status import Fault, ReportStatus

STOP_S = 20.0
"""Within which a stage must have ended after SIGTERM."""
NEWER_VERSION = 2

NORMAL = Situation("a normal run")
NEWER = Situation("a context of a newer version", version=NEWER_VERSION)
TAKEN = Situation("another pod has the attempt", taken=True)
STOPPED = Situation("SIGTERM while it clones", silent=GIT, stopped=True)
AWAY = Situation("S3 does not answer", silent=S3)
SITUATIONS = (NORMAL, NEWER, TAKEN, STOPPED, AWAY)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All trials by their situation, and the values that nobody may see."""

    trials: Mapping[Situation, Trial]
    secrets: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found: `problem` is "" where the contract is kept, `detail` what was seen then."""

    check: str
    problem: str
    detail: str = ""


def judge(evidence: Evidence) -> tuple[Finding, ...]:
    """Every check in its order."""
    return tuple(check(evidence) for check in CHECKS)


def _context(evidence: Evidence) -> Finding:
    normal, newer = evidence.trials[NORMAL], evidence.trials[NEWER]
    if not normal.reports:
        return Finding("context", "given a context with a field that it does not know, it reported nothing")
    refused = f"a context of version {NEWER_VERSION} must be refused with exit code {EXIT_INFRASTRUCTURE}"
    if newer.reports or newer.exit_code != EXIT_INFRASTRUCTURE:
        ended = f"exited with {newer.exit_code}" + (f" and reported {newer.status}" if newer.reports else "")
        return Finding("context", f"{refused}; it {ended}")
    if newer.objects:
        return Finding("context", f"{refused} and nothing else; it wrote {newer.objects[0]} to S3")
    return Finding("context", "", f"refused version {NEWER_VERSION}, passed over an unknown field")


def _claim(evidence: Evidence) -> Finding:
    normal, taken = evidence.trials[NORMAL], evidence.trials[TAKEN]
    if normal.first.get("status") != UNFINISHED or not normal.first.get("writer"):
        return Finding("claim", f"its first report must be {UNFINISHED} with a writer, not {normal.first or 'none'}")
    if taken.reports:
        return Finding("claim", f"it wrote {taken.status} over the report of another pod, which had the attempt")
    if taken.objects:
        return Finding("claim", f"another pod had the attempt, and it wrote {taken.objects[0]} to S3")
    if taken.exit_code != EXIT_SUCCESS:
        return Finding("claim", f"another pod had the attempt, so it must exit 0, not {taken.exit_code}")
    return Finding("claim", "", "left the attempt to the pod that had it")


def _report(evidence: Evidence) -> Finding:
    trial = evidence.trials[NORMAL]
    if not trial.reports or trial.status == UNFINISHED:
        return Finding("report", "it ended without a final report")
    try:
        report = decode(StageReport, trial.reports[-1])
    except InputError as error:
        return Finding("report", f"its last report does not keep the schema: {error}")
    if report.writer != trial.first.get("writer"):
        return Finding("report", "its last report has another `writer` than its first")
    if report.status is ReportStatus.FAIL and not (report.fault and report.reason):
        return Finding("report", "a FAIL must have a `fault` and a `reason`")
    if trial.archive is not None and report.log_bytes not in (0, len(trial.archive)):
        return Finding("report", f"log_bytes is {report.log_bytes}, and the log has {len(trial.archive)} bytes")
    return Finding("report", "", f"{report.status}{': ' if report.reason else ''}{report.reason}")


def _log(evidence: Evidence) -> Finding:
    for situation in (NORMAL, STOPPED):
        trial = evidence.trials[situation]
        if situation is STOPPED and trial.status in ("", UNFINISHED):
            continue  # that it died without a word is said elsewhere
        if trial.archive is None:
            return Finding("log", f"{situation.name}: there is no object <log_prefix>archive in S3")
        if trial.archive != trial.stdout:
            sizes = f"{len(trial.stdout)} bytes on stdout, {len(trial.archive)} in the archive"
            return Finding("log", f"{situation.name}: the archive differs from stdout ({sizes})")
        if chunks := [key for key in trial.objects if "/log/chunk-" in key]:
            return Finding("log", f"{situation.name}: {len(chunks)} chunks are left beside the archive")
    return Finding("log", "", f"{len(evidence.trials[NORMAL].stdout)} bytes, the same on stdout and in S3")


def _exit_code(evidence: Evidence) -> Finding:
    for situation in (NORMAL, AWAY):
        trial = evidence.trials[situation]
        said = " ".join(filter(None, (trial.status, str(trial.last.get("fault") or ""))))
        wanted = _wanted_code(trial)
        if wanted is None:
            return Finding("exit code", f"{situation.name}: it exited with {trial.exit_code} without a final report")
        if trial.exit_code != wanted:
            problem = f"{situation.name}: it reported {said} and exited with {trial.exit_code}, not {wanted}"
            return Finding("exit code", problem)
    away = evidence.trials[AWAY]
    if away.last.get("fault") != Fault.INFRASTRUCTURE.value:
        return Finding("exit code", f"{AWAY.name}: that is FAIL infrastructure, not {away.status}")
    return Finding("exit code", "", f"{evidence.trials[NORMAL].exit_code}, and {away.exit_code} without S3")


def _wanted_code(trial: Trial) -> int | None:
    match trial.status:
        case ReportStatus.SUCCESS:
            return EXIT_SUCCESS
        case ReportStatus.INTERRUPTED:
            return EXIT_INTERRUPTED
        case ReportStatus.FAIL:
            return next((code for fault, code in EXIT_CODES.items() if fault == trial.last.get("fault")), None)
        case _:
            return None


def _stop(evidence: Evidence) -> Finding:
    trial = evidence.trials[STOPPED]
    if trial.stopped_within_s is None:
        return Finding("stop", "it ended before it could be stopped: it did not wait for the clone")
    if trial.stopped_within_s > STOP_S:
        return Finding("stop", f"it ended {trial.stopped_within_s:.0f} s after SIGTERM; {STOP_S:.0f} s is the limit")
    if trial.status != ReportStatus.INTERRUPTED or trial.exit_code != EXIT_INTERRUPTED:
        seen = f"{trial.status or 'nothing'} and exited with {trial.exit_code}"
        return Finding("stop", f"after SIGTERM it must report INTERRUPTED and exit with 130; it reported {seen}")
    return Finding("stop", "", f"INTERRUPTED {trial.stopped_within_s:.1f} s after SIGTERM")


def _masking(evidence: Evidence) -> Finding:
    forms = secret_forms(evidence.secrets)
    for situation, trial in evidence.trials.items():
        places = {"stdout": trial.stdout, "the archive": trial.archive or b"", "a report": b"\n".join(trial.reports)}
        for place, data in places.items():
            if any(form in data for form in forms):
                return Finding("masking", f"{situation.name}: {place} shows a secret value")
    shown = MASK in evidence.trials[NORMAL].stdout
    return Finding("masking", "", "a secret was printed, and masked" if shown else NOTHING_PRINTED)


NOTHING_PRINTED = f"nothing secret was printed; a program that prints ${PROBE} would prove more"

CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    _context, _claim, _report, _log, _exit_code, _stop, _masking,
)  # fmt: skip
