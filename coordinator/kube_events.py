"""Asking for events about Jobs that puzzle: they wait for long, or ended in an error that no pod explains."""

import logging
import threading
import time
from dataclasses import dataclass

from coordinator.kube_api import KubeApi, KubeError
from coordinator.kube_jobs import KubeJobs
from coordinator.kube_state import Seen, has_finished, needs_events
from shared.clock import utc_now
from shared.ports import JobRef

TICK_S = 0.25
FIRST_S = 4.0
"""So long a Job may take to start before anything is asked. Most need less, and the API server reads all events of a
namespace to answer: with many builds at once, asking sooner made all of them slower."""
AFTER_END_S = 0.3
"""An event may be written a moment after the end that it explains."""
FACTOR = 1.5
LONGEST_S = 10.0
NEVER = float("inf")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Puzzle:
    """When to ask about a Job, and how long to wait until the next time."""

    ended: bool
    due: float
    pause_s: float = FIRST_S


class KubeEvents:
    """Looks at all Jobs a few times a second, in a thread of its own, and asks where it must."""

    def __init__(self, api: KubeApi, jobs: KubeJobs) -> None:
        self._api = api
        self._jobs = jobs
        self._puzzles: dict[JobRef, _Puzzle] = {}
        self._settled: dict[JobRef, Seen] = {}  # Jobs that ended and puzzle nobody, as they were seen then
        self._stop = threading.Event()
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def close(self) -> None:
        """Stop; does not wait."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(TICK_S):
            try:
                self._look()
            except Exception:  # nobody would ask any more
                log.exception("events cannot be asked for")

    def _look(self) -> None:
        puzzling = {seen.ref: seen for seen in self._unsettled() if needs_events(seen, utc_now())}
        self._puzzles = {ref: self._puzzle(seen) for ref, seen in puzzling.items()}
        for ref, puzzle in sorted(self._puzzles.items(), key=lambda item: not item[1].ended):  # who has ended waits
            if puzzle.due <= time.monotonic() and not self._stop.is_set():
                self._ask(puzzling[ref], puzzle)

    def _unsettled(self) -> list[Seen]:
        """All Jobs but those that ended and puzzle nobody: they are kept for a while, and soon are the most."""
        known = [seen for ref in self._jobs.refs() if (seen := self._jobs.seen(ref))]
        self._settled = {seen.ref: seen for seen in known if self._is_settled(seen)}
        return [seen for seen in known if seen.ref not in self._settled]

    def _is_settled(self, seen: Seen) -> bool:
        if self._settled.get(seen.ref) is seen:
            return True
        now = utc_now()
        return has_finished(seen, now) and not needs_events(seen, now)

    def _puzzle(self, seen: Seen) -> _Puzzle:
        """The one that is known, unless the Job has ended since: then it is asked once more."""
        ended, known = has_finished(seen, utc_now()), self._puzzles.get(seen.ref)
        if known is not None and known.ended == ended:
            return known
        return _Puzzle(ended, time.monotonic() + (AFTER_END_S if ended else FIRST_S))

    def _ask(self, seen: Seen, puzzle: _Puzzle) -> None:
        puzzle.pause_s = min(FACTOR * puzzle.pause_s, LONGEST_S)
        puzzle.due = NEVER if puzzle.ended else time.monotonic() + puzzle.pause_s
        name = (seen.pod or seen.job)["metadata"]["name"]
        query = {"fieldSelector": f"type=Warning,involvedObject.name={name}"}
        try:
            found = self._api.call("GET", f"/api/v1/namespaces/{seen.ref.namespace}/events", query)["items"]
        except KubeError as error:
            log.warning("the events of %s cannot be read: %s", name, error)
            found = seen.events
        self._jobs.put_events(seen.ref, found, explained=puzzle.ended)
