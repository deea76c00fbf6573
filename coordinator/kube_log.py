"""Following the log of a Job's container `stage` through the Kubernetes API, from its first byte."""

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from queue import Empty
from typing import Any

from urllib3.exceptions import HTTPError

from coordinator.kube_api import KubeApi, KubeError, shut
from coordinator.kube_jobs import KubeJobs
from coordinator.kube_objects import statuses
from shared.errors import InfrastructureError
from shared.keys import STAGE_CONTAINER
from shared.ports import JobPhase, JobRef

PAUSE_S = 0.2
TRIES = 25
"""So often a log is asked for that is not there yet: the node tells of a container a moment before it has its log."""
NOT_FOUND = 404

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
        if self._response is not None:
            shut(self._response)

    def chunks(self) -> Iterator[bytes]:
        """The log as it comes, until the container has ended; nothing where there is no such Job.

        Raises InfrastructureError where it is cut: the API gives no offsets, and whether a log's beginning is there
        still is for the caller to find out.
        """
        response = self._opened()
        if response is None:
            return
        with closing(response):
            self._response = response
            if self._left.is_set():
                return
            try:
                yield from response.stream(amt=None, decode_content=True)
            except (HTTPError, OSError, ValueError, AttributeError) as error:  # the last two where it was shut
                if not self._left.is_set():
                    raise InfrastructureError(f"the log of {self._ref.name} was cut: {error}") from error

    def _opened(self) -> Any:
        """The response that brings the log; None where there will be none."""
        pod = self._started_pod()
        path = f"/api/v1/namespaces/{self._ref.namespace}/pods/{pod}/log"
        tries = 0
        while pod and not self._left.is_set():
            try:
                return self._api.open("GET", path, {"container": STAGE_CONTAINER, "follow": "true"}, read_s=None)
            except KubeError as error:
                tries += 1
                if error.status == NOT_FOUND:
                    return None
                if tries == TRIES:
                    raise
                log.debug("the log of %s is asked for again: %s", pod, error)
            self._left.wait(PAUSE_S)
        return None

    def _started_pod(self) -> str:
        """The pod's name once its stage container has begun; "" where it never will, or the reader has left."""
        with self._jobs.changes() as changes:
            while not self._left.is_set():
                state, seen = self._jobs.state(self._ref), self._jobs.seen(self._ref)
                if state is None or seen is None:
                    return ""
                if seen.pod is not None and _has_begun(statuses(seen.pod)):
                    return str(seen.pod["metadata"]["name"])
                if state.phase in (JobPhase.FINISHED, JobPhase.GONE):
                    return ""
                with suppress(Empty):
                    changes.get(timeout=PAUSE_S)
        return ""


def _has_begun(containers: list[Any]) -> bool:
    return any(each["name"] == STAGE_CONTAINER and "waiting" not in each["state"] for each in containers)
