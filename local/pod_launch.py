"""From an accepted Job to a running pod: its secrets, its images, its making, its start."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from threading import Thread

from local.image_pull import ImagePuller
from local.pod_engine import EngineError, PodEngine
from local.pod_events import PodEvents
from local.pod_make import CannotMake, PodMaker
from local.pod_plan import PodPlan
from local.pod_run import Pod
from local.pod_secrets import SecretMissing, SecretStore
from local.pod_state import Verdict, Waiting
from shared.errors import InfrastructureError
from shared.ports import Manifest

log = logging.getLogger(__name__)

_SILENCE_S = 1.0


class PodLaunch:
    """Brings pods up: at once what is quick, in a thread of its own what may take long."""

    def __init__(
        self, engine: PodEngine, pool: Executor, puller: ImagePuller, secrets: SecretStore, events: PodEvents
    ) -> None:
        self._engine = engine
        self._pool = pool
        self._puller = puller
        self._secrets = secrets
        self._events = events

    def make(self, pod: Pod, plan: PodPlan, secrets: Iterable[Manifest]) -> None:
        """Make the pod and start it, in the background from where it would take long. Raises EngineError."""
        try:
            files = self._secrets.files(plan.record.namespace, plan.secrets, secrets)
        except SecretMissing as error:
            pod.end(Verdict("SecretNotFound", str(error), permanent=True))
            return
        maker = PodMaker(self._engine, self._pool, pod.names, plan, files)
        try:
            with pod.lock:
                missing = maker.images_to_renew() or maker.create()
                if not missing:
                    maker.finish()
                    pod.made()
        except CannotMake as error:
            pod.end(error.verdict)
            return
        pod.run_deadline()
        pod.changed()
        self.in_background(pod, lambda: self._carry_on(pod, maker, missing))

    def in_background(self, pod: Pod, work: Callable[[], None]) -> None:
        """Do something for a pod in a thread of its own."""

        def run() -> None:
            try:
                self._insist(work)
            except InfrastructureError as error:
                pod.end(Verdict("EngineError", str(error)))

        Thread(target=run, name=f"pod {pod.names.ref.name}", daemon=True).start()

    def _carry_on(self, pod: Pod, maker: PodMaker, images: tuple[str, ...]) -> None:
        """Pull what is missing, make the rest of the pod, start it."""
        for image in images:
            if pod.halted.is_set():
                return
            problem = self._puller.pull(image, pod.wait_for, pod.halted)
            if problem is not None:
                pod.end(problem)
        if images:
            self._make_rest(pod, maker)
        pod.start()

    def _make_rest(self, pod: Pod, maker: PodMaker) -> None:
        pod.wait_for(Waiting())
        try:
            with pod.lock:
                if pod.halted.is_set():
                    return
                missing = maker.create()
                if missing:
                    raise CannotMake(Verdict("ErrImagePull", f"image {missing[0]} vanished after it was pulled"))
                maker.finish()
                pod.made()
        except CannotMake as error:
            pod.end(error.verdict)

    def _insist(self, work: Callable[[], None]) -> None:
        """Do something again as long as the engine does not answer; `work` takes up where it was."""
        while not self._events.stopped:
            try:
                work()
            except EngineError as error:
                if error.status:
                    raise
                log.info("asking the Docker engine again in %.0f s: %s", _SILENCE_S, error)
                self._events.wait(_SILENCE_S)
            else:
                return
