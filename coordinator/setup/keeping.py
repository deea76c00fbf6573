"""Making a Secret that is not there, and keeping one that is."""

import logging
from collections.abc import Callable, Mapping

from coordinator.setup.secret_api import Secrets
from shared.errors import InfrastructureError, InputError

log = logging.getLogger(__name__)


def kept_or_made(
    secrets: Secrets, namespace: str, name: str, make: Callable[[], Mapping[str, str]]
) -> Mapping[str, str]:
    """Return a Secret's content: what is there, or else what `make` returns, which is then stored."""
    found = secrets.get(namespace, name)
    if found is not None:
        log.info("kept the Secret %s/%s", namespace, name)
        return found
    made = make()
    if secrets.create(namespace, name, made):
        log.info("made the Secret %s/%s", namespace, name)
        return made
    # Another setup was first.
    found = secrets.get(namespace, name)
    if found is None:
        raise InfrastructureError(f"the Secret {namespace}/{name} came and went: is somebody deleting it?")
    return found


def must_fit(secret: str, other: str, fits: bool) -> None:
    """Raise InputError where a Secret that was kept does not go with another one."""
    if not fits:
        raise InputError(
            f"the Secret {secret} does not fit {other}: delete it, run the setup again, so that it is made anew, "
            "and restart the pods that mount it"
        )
