"""The Job of a trial: the very one that a coordinator would make, but for the context's version."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from coordinator.build_secret import credential_files
from coordinator.manifests import job_manifest
from coordinator.settings import Settings
from local.conformance.trial import PROBE, Situation
from local.folder_source import HandedOver
from shared import keys
from shared.clock import timestamp
from shared.json_value import Json
from shared.model import Attempt, Build, Commit, Pipeline, Repository, Stage, StageSpec, Trigger

NAMESPACE = "conformance"
SECRET = "conformance"
SECRET_KEY = "conformance-key"
STAGE_ID = "conformance"


@dataclass(frozen=True, slots=True)
class Subject:
    """The image under proof, the stage type it is for, what its stages are given, and the commit that they clone."""

    image: str
    kind: str
    params: Mapping[str, Json]
    source: HandedOver
    clone_url: str


def build_of(subject: Subject, number: int) -> Build:
    """A build of one stage with one attempt, which names a secret and has the param PROBE."""
    repository = Repository(*subject.source.repository.split("/"))
    params = {PROBE: SECRET_KEY, **subject.params}
    spec = StageSpec("Conformance", subject.kind, params, secrets=(SECRET,))
    attempt = Attempt(1, keys.job_name(repository, number, STAGE_ID, 1))
    return Build(
        repository=repository,
        number=number,
        pipeline=Pipeline("conformance", NAMESPACE, (spec,)),
        commit=Commit(subject.source.sha, subject.source.ref),
        clone_url=subject.clone_url,
        trigger=Trigger("cli"),
        stages=(Stage(STAGE_ID, spec, subject.image, (attempt,)),),
        created_at=timestamp(),
    )


def job_of(build: Build, settings: Settings, situation: Situation) -> dict[str, Any]:
    """The whole Job; its context has the situation's version, and a field that no version has yet."""
    stage = build.stages[0]
    manifest = job_manifest(build, stage, stage.attempts[0], settings, credential_files(settings))
    for container in manifest["spec"]["template"]["spec"]["containers"]:
        for variable in container["env"]:
            if variable["name"] == keys.CONTEXT_VARIABLE:
                context = json.loads(variable["value"].replace("$$", "$"))
                context |= {"version": situation.version, "of_a_later_day": {"any": ["value"]}}
                variable["value"] = json.dumps(context).replace("$", "$$")
    return manifest
