"""One attempt of a stage from its first report to its last: what the stage contract asks for beside the work."""

import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from shared import keys
from shared.clock import timestamp
from shared.errors import (
    EXIT_SUCCESS,
    InfrastructureError,
    InputError,
    Interrupted,
    KontinuousError,
    StoreError,
    UserWorkFailed,
)
from shared.github_status import RUNNING, of_status
from shared.interruption import Interruption
from shared.json_value import Json
from shared.log_upload import LogUploader
from shared.patience import Patience, keep_trying
from shared.stage_contract import StageReport
from shared.stage_input import StageInput
from shared.stage_log import StageLog
from shared.stage_report import Outcome, Reporter, final_report
from shared.stage_run import Execute, StageRun
from shared.stage_status import StageStatus
from shared.stage_stores import open_objects, open_reports
from shared.status import ReportStatus, Status
from shared.workspace import ClonedWorkspace

# Told to stop, a stage has 20 s: its children get 8 of them (shared.interruption), then the log, then the report.
_LOG_BY_S = 11.0
_REPORT_BY_S = 15.0


class StageLife:
    """One attempt from its first report to its last."""

    def __init__(self, given: StageInput, workspace: ClonedWorkspace | None, scratch: Path, stdout: int) -> None:
        """`workspace` is where a clone is on its way; the log goes to the descriptor `stdout` and into `scratch`."""
        context, credentials = given.context, given.credentials
        self._patience = Patience(context.patience_s)
        self._interruption = Interruption(self._patience.hurry)
        self._clone = workspace
        self._given = given
        self._log = StageLog(scratch / "log", stdout, given.masked.values(), self._interruption)
        self._run = StageRun(given, self._log, self._clone)
        self._uploader = LogUploader(self._log, lambda: open_objects(context, credentials), context.log_prefix)
        self._writer = f"{socket.gethostname()}-{os.urandom(8).hex()}"
        self._reporter = Reporter(open_reports(context, credentials), context.report_key, self._writer)
        self._status = StageStatus(context, credentials.get(keys.GITHUB_TOKEN, ""))
        self._claimed = False
        self._started_at = timestamp()

    def live(self, execute: Execute) -> int:
        """Do everything; returns the exit code."""
        try:
            outcome = self._work(execute)
        except BaseException as error:
            self._interruption.hold()
            outcome = self._failed(error)
        self._interruption.hold()
        if self._clone is not None:
            self._clone.end()
        return EXIT_SUCCESS if outcome is None else self._end(outcome)

    def _work(self, execute: Execute) -> Outcome | None:
        """Report RUNNING and work; None where another pod has this attempt."""
        if not keep_trying(self._claim, self._patience.begin(_REPORT_BY_S), self._log.note):
            return None
        self._claimed = True
        self._run.mark("running")
        self._status.say(RUNNING)
        self._uploader.start()
        for text in self._given.warnings:
            self._run.warn(text)
        if self._given.problems:
            raise InputError("; ".join(self._given.problems))
        outcome = self._executed(execute)
        kept = self._keep_artifacts(outcome)
        return replace(outcome, result={**outcome.result, "artifacts": kept}) if kept else outcome

    def _claim(self) -> bool:
        return self._reporter.claim(StageReport(ReportStatus.RUNNING, self._writer, started_at=self._started_at))

    def _executed(self, execute: Execute) -> Outcome:
        try:
            outcome = Outcome.success(execute(self._run))
        except UserWorkFailed as error:
            outcome = Outcome.of_error(error)
        if self._interruption.requested:
            # Whatever the work made of the signal: it was not left to do as it wanted.
            raise Interrupted("the stage was told to stop")
        self._run.mark("executed")
        return outcome

    def _keep_artifacts(self, outcome: Outcome) -> list[Mapping[str, Json]]:
        context = self._given.context
        if not context.artifacts or self._clone is None:
            return []
        from shared.artifacts import keep_artifacts  # like all that few stages need: not before the clone has begun

        deadline = self._patience.begin(_LOG_BY_S)
        store = open_objects(context, self._given.credentials)
        try:
            return keep_artifacts(
                self._run.workspace,
                context.artifacts,
                context.artifacts_prefix,
                lambda key, path: keep_trying(lambda: store.put_file(key, path), deadline, self._log.note),
                self._run.warn,
            )
        except StoreError as error:
            if outcome.status is ReportStatus.SUCCESS:
                raise InfrastructureError(f"the artifacts could not be kept: {error}") from error
            self._run.warn(f"the artifacts could not be kept: {error}")
        except Interrupted:  # how the work ended, stays
            self._run.warn("the stage was told to stop while it kept artifacts: not all are there")
        return []

    def _failed(self, error: BaseException) -> Outcome:
        if self._interruption.requested:
            return Outcome.of_error(Interrupted("the stage was told to stop"))
        if not isinstance(error, KontinuousError):
            import traceback

            self._note(traceback.format_exc())
        return Outcome.of_error(error)

    def _end(self, outcome: Outcome) -> int:
        """Archive the log and make the last report; returns the exit code."""
        with suppress(InfrastructureError):
            self._log.flush()
        if outcome.reason:
            self._note(f"{outcome.status}: {outcome.reason}")
        if self._claimed:
            self._say(outcome)  # GitHub answers while the log is archived
            archived = self._archived(outcome)
            if archived != outcome:
                self._say(archived)
            outcome = archived
        return self._reported(outcome)

    def _say(self, outcome: Outcome) -> None:
        """Tell GitHub how it ended. Why a stage was told to stop, only the coordinator knows, and says."""
        if outcome.status is not ReportStatus.INTERRUPTED:
            status = Status(outcome.status.value)
            self._status.say(of_status(status, outcome.fault, self._log.mask(outcome.reason)))

    def _archived(self, outcome: Outcome) -> Outcome:
        with suppress(InfrastructureError):  # a full disk: then the log ends where it was full
            self._log.close()
        try:
            self._uploader.finish(self._patience.begin(_LOG_BY_S))
        except Exception as error:  # of whatever kind: the report must be made
            outcome = outcome.without_log(f"{self._uploader.kept_bytes} of {self._log.size} bytes were kept: {error}")
        self._run.mark("archived")
        return outcome

    def _reported(self, outcome: Outcome) -> int:
        """No more words to stdout from here on: the log is archived."""
        report = final_report(outcome, self._run, self._writer, self._started_at, self._status.answer())
        try:
            keep_trying(lambda: self._reporter.finish(report), self._patience.begin(_REPORT_BY_S))
        except StoreError as error:
            print(f"kontinuous: {report.status} could not be reported: {error}", file=sys.stderr)
            return error.exit_code
        return outcome.exit_code

    def _note(self, text: str) -> None:
        with suppress(InfrastructureError):  # the disk is full, and the outcome says so
            self._log.note(text)
