"""Following the log of a Job's container `stage` through the Kubernetes API, from its first byte."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any

from urllib3.exceptions import HTTPError

from coordinator.kube_api import KubeApi, KubeError
from coordinator.kube_jobs import KubeJobs
from shared.keys import STAGE_CONTAINER
from shared.ports import JobPhase, JobRef

READ_S = 3600
PAUSE_S = 0.2
GIVE_UP = 25
"""So often in a row a log that cannot be opened is asked for again."""

log = logging.getLogger(__name__)


class KubeLog:
    """One reader of one log. `close` may be called from another thread, and ends `chunks` there."""

    def __init__(self, api: KubeApi, jobs: KubeJobs, ref: JobRef) -> None:
        self._api = api
        self._jobs = jobs
        self._ref = ref
        self._left = threading.Event()
        self._response: Any = None

    def close(self) -> None:
        """End the reading."""
        self._left.set()
        response = self._response
        if response is not None:
            with suppress(Exception):  # it may have ended by itself just now
                response.shutdown()

    def chunks(self) -> Iterator[bytes]:
        """The log as it comes, until the container has ended and all was read; nothing where there is no such Job.

        The API gives no offsets: after a cut the log is read from its beginning, and what was yielded is passed over.
        """
        pod = self._started_pod()
        done, failures = 0, 0
        while pod and not self._left.is_set():
            try:
                for piece in self._read(pod, done):
                    done, failures = done + len(piece), 0
                    yield piece
                if self._has_ended():
                    return
            except (KubeError, HTTPError, OSError) as error:
                failures += 1
                if self._left.is_set() or failures > GIVE_UP or getattr(error, "status", 0) == 404:
                    return
                log.info("the log of %s is asked for again: %s", pod, error)
            self._left.wait(PAUSE_S)

    def _read(self, pod: str, skip: int) -> Iterator[bytes]:
        path = f"/api/v1/namespaces/{self._ref.namespace}/pods/{pod}/log"
        query = {"container": STAGE_CONTAINER, "follow": "true"}
        with closing(self._api.open("GET", path, query, read_s=READ_S)) as response:
            self._response = response
            for piece in response.stream(amt=None, decode_content=True):
                if self._left.is_set():
                    return
                if piece[skip:]:
                    yield piece[skip:]
                skip = max(0, skip - len(piece))

    def _started_pod(self) -> str:
        """The pod's name once its stage container has begun; "" where it never will."""
        with self._jobs.changes() as changes:
            while not self._left.is_set():
                state, seen = self._jobs.state(self._ref), self._jobs.seen(self._ref)
                if state is None or seen is None:
                    return ""
                if seen.pod is not None and (state.phase is JobPhase.RUNNING or state.ends):
                    return str(seen.pod["metadata"]["name"])
                if state.phase in (JobPhase.FINISHED, JobPhase.GONE):
                    return ""
                with suppress(Exception):  # nothing changed in this moment
                    changes.get(timeout=PAUSE_S)
        return ""

    def _has_ended(self) -> bool:
        state = self._jobs.state(self._ref)
        return state is None or state.phase is JobPhase.FINISHED or STAGE_CONTAINER in state.ends
