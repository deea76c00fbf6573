"""The stage type `docker_publish`: takes the image that this build has built to an external registry."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import keys
from shared.errors import InfrastructureError, InputError
from shared.json_value import Json
from stage_images._docker import Engine, RegistryError
from stage_images._events import Write
from stage_images._registry import Credentials, Trouble
from stage_images.docker_publish.target import Target, credentials_of, familiar, tags_of, target_of

if TYPE_CHECKING:
    from shared.stage_run import StageRun

_PUSHES = 3


def execute(run: "StageRun") -> Mapping[str, Json]:
    """Publish the image built before, and return `{"images": [{"name", "tags", "digest"}]}`."""
    context = run.context
    target, tags = target_of(run.params), tags_of(context)
    credentials = credentials_of(context.params, run.secrets)
    if credentials is None and context.params.get("password"):
        run.warn("a password is given, but require_credentials is not true: pushing without a login")
    if not context.image:
        raise InputError("there is no image to publish: no stage before this one has built any")
    source = f"{context.registry}/{context.image}"
    with Engine.connect(context.docker_host) as engine:
        publication = _Publication(engine, source, target, credentials, run.log.write)
        publication.log_in()
        engine.pull(source, _internal_login(run), run.log.write)
        run.work_begins()
        for tag in tags:
            digest = publication.push(tag)
            run.log.note(f"published {target.repository}:{tag} {digest}")
    return {"images": [{"name": target.repository, "tags": tags, "digest": digest}]}


def _internal_login(run: "StageRun") -> Credentials | None:
    user = run.credentials.get(keys.REGISTRY_USER)
    return Credentials(user, run.credentials.get(keys.REGISTRY_PASSWORD, "")) if user else None


@dataclass(frozen=True, slots=True)
class _Publication:
    """One image on its way to one registry."""

    engine: Engine
    source: str
    target: Target
    credentials: Credentials | None
    write: Write

    def log_in(self) -> None:
        """Try the login, if there is one, before anything large is moved."""
        if self.credentials is not None:
            try:
                self.engine.login(self.target.registry, self.credentials)
            except RegistryError as error:
                raise _judged(error) from error

    def push(self, tag: str) -> str:
        """Push the image under one tag; returns its digest.

        The engine's tags are everybody's: where another build took `latest` between our tagging and our pushing,
        the registry got that build's image, so it is done again.
        """
        for _ in range(_PUSHES):
            self.engine.tag(self.source, self.target.repository, tag)
            try:
                digest = self.engine.push(self.target.repository, tag, self.credentials, self.write)
            except RegistryError as error:
                raise _judged(error) from error
            if familiar(f"{self.target.repository}@{digest}") in map(familiar, self.engine.digests(self.source)):
                return digest
        raise InfrastructureError(
            f"other builds keep moving the tag {self.target.repository}:{tag} in the Docker engine"
        )


def _judged(error: RegistryError) -> InputError | RegistryError:
    """A registry that says no was asked for the wrong thing, or by the wrong user; anything else is not the user's."""
    match error.trouble:
        case Trouble.REFUSED | Trouble.MISSING:
            return InputError(str(error))
        case Trouble.UNREACHABLE | Trouble.OTHER:
            return error
