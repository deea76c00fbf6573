"""Asking for events about Jobs that puzzle: they wait for long, or ended in an error that no pod explains.

The API server reads all events of a namespace to answer, so one answer serves all Jobs there that puzzle.
"""

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from coordinator.kube_api import KubeApi, KubeError
from coordinator.kube_jobs import KubeJobs
from coordinator.kube_objects import Object
from coordinator.kube_state import Seen, has_finished, needs_events
from shared.clock import utc_now
from shared.ports import JobRef

TICK_S = 0.5
ASK_EVERY_S = 1.0
"""How often at most a namespace is asked about, however many Jobs puzzle."""
SHARE = 0.05
"""At most so much of the time is spent on asking: an API server that is slow to answer has enough to do."""
FIRST_S = 4.0
"""So long a Job may take to start before anything is asked: most need no more."""
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
        self._may_ask: dict[str, float] = {}  # namespace → from when on, by the monotonic clock
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
        puzzling = self._puzzling()
        self._puzzles = {ref: self._puzzle(seen) for ref, seen in puzzling.items()}
        now = time.monotonic()
        for namespace in {ref.namespace for ref, puzzle in self._puzzles.items() if puzzle.due <= now}:
            if self._may_ask.get(namespace, 0.0) <= now and not self._stop.is_set():
                begun = time.monotonic()
                self._ask(namespace, [seen for ref, seen in puzzling.items() if ref.namespace == namespace])
                took_s = time.monotonic() - begun
                self._may_ask[namespace] = begun + max(ASK_EVERY_S, min(took_s / SHARE, LONGEST_S))

    def _puzzling(self) -> dict[JobRef, Seen]:
        """The Jobs that puzzle. Those that ended and do not are not weighed again: they are kept, and soon the most."""
        now = utc_now()
        puzzling: dict[JobRef, Seen] = {}
        settled: dict[JobRef, Seen] = {}
        for seen in (seen for ref in self._jobs.refs() if (seen := self._jobs.seen(ref))):
            if self._settled.get(seen.ref) is seen:
                settled[seen.ref] = seen
            elif needs_events(seen, now):
                puzzling[seen.ref] = seen
            elif has_finished(seen, now):
                settled[seen.ref] = seen
        self._settled = settled
        return puzzling

    def _puzzle(self, seen: Seen) -> _Puzzle:
        """The one that is known, unless the Job has ended since: then it is asked once more."""
        ended, known = has_finished(seen, utc_now()), self._puzzles.get(seen.ref)
        if known is not None and known.ended == ended:
            return known
        return _Puzzle(ended, time.monotonic() + (AFTER_END_S if ended else FIRST_S))

    def _ask(self, namespace: str, puzzling: list[Seen]) -> None:
        """Take in what there is about these; of one that has just ended, only what is there a moment later is all."""
        try:
            found, _ = self._api.list(f"/api/v1/namespaces/{namespace}/events", {"fieldSelector": "type=Warning"})
            events = _by_name(found)
        except KubeError as error:
            log.warning("the events of the namespace %s cannot be read: %s", namespace, error)
            events = {_name(seen): list(seen.events) for seen in puzzling}
        for seen in puzzling:
            puzzle = self._puzzles[seen.ref]
            if puzzle.ended and puzzle.due > time.monotonic():
                continue
            puzzle.pause_s = min(FACTOR * puzzle.pause_s, LONGEST_S)
            puzzle.due = NEVER if puzzle.ended else time.monotonic() + puzzle.pause_s
            self._jobs.put_events(seen.ref, events.get(_name(seen), ()), explained=puzzle.ended)


def _name(seen: Seen) -> str:
    """The object that events about a Job are about: its pod, once there is one."""
    return str((seen.pod or seen.job)["metadata"]["name"])


def _by_name(events: Iterable[Object]) -> dict[str, list[Object]]:
    found: dict[str, list[Object]] = {}
    for event in events:
        found.setdefault(str(event["involvedObject"].get("name", "")), []).append(event)
    return found
