"""What the objects of one pod are called in the Docker engine, and the labels that say whose they are.

The names follow from instance and Job alone, so that whoever comes back after a crash finds them again. Job names
hold no dots (they are DNS labels), therefore a part after a dot never makes two Jobs' names meet.
"""

from dataclasses import dataclass

from shared.keys import LABEL_PREFIX
from shared.ports import JobRef

LABEL_INSTANCE = f"{LABEL_PREFIX}instance"
LABEL_NAMESPACE = f"{LABEL_PREFIX}job-namespace"
LABEL_JOB = f"{LABEL_PREFIX}job-name"
LABEL_CONTAINER = f"{LABEL_PREFIX}container"
LABEL_RECORD = f"{LABEL_PREFIX}record"
LABEL_VERDICT = f"{LABEL_PREFIX}verdict"


@dataclass(frozen=True, slots=True)
class PodNames:
    """The names and labels of the pod of Job `ref` of one instance."""

    instance: str
    ref: JobRef

    @property
    def labels(self) -> dict[str, str]:
        """What every object of the pod carries."""
        return {LABEL_INSTANCE: self.instance, LABEL_NAMESPACE: self.ref.namespace, LABEL_JOB: self.ref.name}

    @property
    def record(self) -> str:
        """The volume whose label holds the pod's record. A volume, since it needs no image to exist."""
        return f"{self._stem}.record"

    @property
    def verdict(self) -> str:
        """The volume whose label says why the pod was ended."""
        return f"{self._stem}.verdict"

    @property
    def carrier(self) -> str:
        """The container, never started, through which the pod's volumes are filled."""
        return f"{self._stem}.volumes"

    def container(self, name: str) -> str:
        """The container `name` of the pod."""
        return f"{self._stem}-{name}"

    def volume(self, name: str) -> str:
        """The Docker volume behind the pod's volume `name`."""
        return f"{self._stem}.volume.{name}"

    @property
    def _stem(self) -> str:
        return f"kontinuous-{self.instance}-{self.ref.name}"


def instance_filter(instance: str) -> list[str]:
    """The label filter for all that belongs to any Job of an instance; services carry no Job's name."""
    return [f"{LABEL_INSTANCE}={instance}", LABEL_JOB]


def ref_of(labels: dict[str, str]) -> JobRef:
    """Which Job an object with these labels belongs to."""
    return JobRef(labels.get(LABEL_NAMESPACE, ""), labels[LABEL_JOB])
