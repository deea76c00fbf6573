"""A build as it goes, for people: a header for each stage, its log line by line, why it waits, how it ended.

Stages are shown in the order of the pipeline's progress; the log of a stage is complete before its end is said.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from cli.client import Client
from cli.follow import follow_log
from cli.log_lines import LogLines
from cli.records import BuildName
from cli.screen import Screen
from cli.table import seconds
from shared.api_records import Build, Stage
from shared.status import Status
from shared.terminal_text import clean

TAIL_LINES = 20
LOG_END_LIMIT_S = 30.0
TICK_S = 1.0


@dataclass(slots=True)
class _Shown:
    """What was shown of one attempt. `tail` holds the log's newest lines; `since` is monotonic."""

    since: float = field(default_factory=time.monotonic)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))
    waiting_for: str = ""
    begun: bool = False
    ended: bool = False
    reader: threading.Thread | None = None


class Progress:
    """Shows one build on a screen; `show` takes each new state of it, `close` removes the status line."""

    def __init__(self, client: Client, name: BuildName, screen: Screen) -> None:
        self._client = client
        self._name = name
        self._screen = screen
        self._attempts: dict[tuple[str, int], _Shown] = {}
        self._active: tuple[str, _Shown] | None = None
        self._closed = threading.Event()
        if screen.live:
            threading.Thread(target=self._tick, daemon=True).start()

    def pass_over(self, stages: Iterable[Stage]) -> None:
        """Take as shown what these stages have done so far."""
        for stage in stages:
            self._attempts[stage["id"], stage["attempt"]] = _Shown(begun=True, ended=True)

    def show(self, build: Build) -> None:
        """Show what is new in this state of the build."""
        for stage in build["stages"]:
            shown = self._attempts.setdefault((stage["id"], stage["attempt"]), _Shown())
            status = Status(stage["status"])
            if stage["waiting_for"] != shown.waiting_for and not status.finished:
                self._show_waiting(stage, shown)
            if stage["attempt"] and not shown.begun and (status is Status.RUNNING or stage["log_bytes"]):
                self._begin(stage, shown)
            if status.finished and not shown.ended:
                self._end(stage, shown)

    def tail(self, stage: Stage) -> list[str]:
        """The newest lines of the log of a stage's current attempt, at most TAIL_LINES."""
        shown = self._attempts.get((stage["id"], stage["attempt"]))
        return list(shown.tail) if shown else []

    def close(self) -> None:
        """Stop showing."""
        self._closed.set()
        self._active = None
        self._screen.status("")

    def _show_waiting(self, stage: Stage, shown: _Shown) -> None:
        shown.waiting_for = stage["waiting_for"]
        if shown.waiting_for:
            self._screen.line(f"    {clean(stage['name'])} waits: {clean(shown.waiting_for)}")

    def _begin(self, stage: Stage, shown: _Shown) -> None:
        shown.begun, shown.since = True, time.monotonic()
        attempt = f", attempt {stage['attempt']}" if stage["attempt"] > 1 else ""
        self._screen.line(self._screen.paint(f"==> {clean(stage['name'])} ({stage['type']}{attempt})", "bold"))
        self._active = (clean(stage["name"]), shown)
        shown.reader = threading.Thread(target=self._show_log, args=(stage["id"], stage["attempt"], shown), daemon=True)
        shown.reader.start()

    def _show_log(self, stage_id: str, attempt: int, shown: _Shown) -> None:
        splitter = LogLines(color=self._screen.color)
        try:
            for data in follow_log(self._client, self._name, stage_id, attempt):
                self._show_lines(stage_id, splitter.feed(data), shown)
            self._show_lines(stage_id, splitter.finish(), shown)
        except BrokenPipeError:
            return  # nobody reads us any more; the main thread finds out at its next line
        except Exception as error:  # a thread has no caller: whatever went wrong is said where the log should be
            self._screen.line(f"    the log of {stage_id} cannot be shown to its end: {error}")

    def _show_lines(self, stage_id: str, lines: list[str], shown: _Shown) -> None:
        shown.tail.extend(lines)
        prefix = self._screen.paint(f"{stage_id} | ", "dim")
        self._screen.lines([f"{prefix}{line}" for line in lines])

    def _end(self, stage: Stage, shown: _Shown) -> None:
        shown.ended = True
        if shown.reader:
            shown.reader.join(LOG_END_LIMIT_S)
        self._active = None
        self._screen.status("")
        took = f" in {seconds(stage['seconds'])} s" if stage["seconds"] is not None and shown.begun else ""
        reason = f": {clean(stage['reason'])}" if stage["reason"] else ""
        for warning in stage["warnings"]:
            self._screen.line(f"    warning: {clean(warning)}")
        status = self._screen.paint(stage["status"], stage["status"])
        self._screen.line(f"<== {clean(stage['name'])} {status}{took}{reason}")

    def _tick(self) -> None:
        while not self._closed.wait(TICK_S):
            if active := self._active:
                name, shown = active
                self._screen.status(f"    {name}: running, {time.monotonic() - shown.since:.0f} s")
