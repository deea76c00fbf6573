"""What a stage's `execute` is handed."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from shared.errors import InfrastructureError
from shared.json_value import Json
from shared.stage_contract import StageContext
from shared.stage_input import StageInput
from shared.stage_log import StageLog
from shared.workspace import ClonedWorkspace


class StageRun:
    """The one handle that a stage's `execute` gets: what it was given, and how it makes itself heard."""

    def __init__(self, given: StageInput, log: StageLog, workspace: ClonedWorkspace | None) -> None:
        self.context: StageContext = given.context
        self.log = log
        self.params: Mapping[str, Json] = given.params
        self.secrets: Mapping[str, bytes] = given.secrets
        self.credentials: Mapping[str, str] = given.credentials
        self.work_began = False
        self.warnings: list[str] = []
        self.timings: dict[str, float] = {}
        self._clone = workspace

    @property
    def workspace(self) -> Path:
        """The folder with the commit; waits for the clone. Raises InfrastructureError or InputError where it failed."""
        if self._clone is None:
            raise InfrastructureError("this type of stage clones nothing, so it has no workspace")
        folder = self._clone.wait()
        self.timings.setdefault("workspace", process_seconds())
        return folder

    def work_begins(self) -> None:
        """Say that from here on something of the user's may have run, or been pushed."""
        self.work_began = True

    def mark(self, name: str) -> None:
        """Note under `name` how many seconds this process has run; it goes into the report."""
        self.timings[name] = process_seconds()

    def warn(self, text: str) -> None:
        """Tell the user something that does not stop the stage, in the log and in the report."""
        self.warnings.append(text)
        self.log.note(f"warning: {text}")


Execute = Callable[[StageRun], Mapping[str, Json]]
"""Does a stage's work and returns its report's `result`; raises the errors of `shared.errors`."""


def process_seconds() -> float:
    """How long this process has run, in seconds, from its very start: before Python itself was up (10 ms exact)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    ticks_at_start = int(fields[19])  # proc(5): field 22, counted from the one after the name
    return round(time.clock_gettime(time.CLOCK_BOOTTIME) - ticks_at_start / os.sysconf("SC_CLK_TCK"), 3)
