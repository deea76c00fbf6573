"""Whose fault it is that the API server does not take a Job, and what to do about it. Pure.

Waiting helps only where it is the infrastructure's (InfrastructureError); an InputError fails the attempt at once.
"""

import re

from coordinator.kube_api import KubeError
from shared.errors import InfrastructureError, InputError, KontinuousError

_MAY_NOT = re.compile(r"\bcannot (?P<verb>\w+) resource\b")
"""Words of the authorizer; an admission's refusal is a 403 as well."""


def launch_error(error: KubeError, namespace: str) -> KontinuousError:
    """What the refusal of a Job, or of its build's Secret, in `namespace` means."""
    said = str(error)
    match error.status:
        case 404:
            return InputError(f"there is no namespace {namespace!r} in the cluster: create it, or correct the pipeline")
        case 403 if _MAY_NOT.search(said):
            return InfrastructureError(
                f"kontinuous may not run Jobs in the namespace {namespace!r}: it is not there, or lacks the Role "
                f"and the RoleBinding of deploy/pipeline-namespace ({said})"
            )
        case 403 if "quota" in said:
            return InfrastructureError(
                f"the quota of the namespace {namespace!r} is used up, and the stage waits for a part: {said}"
            )
        case 400 | 403 if "denied the request" in said:  # an admission webhook
            return InputError(f"a policy of the cluster refuses the Job: {said}")
        case 422:
            return InputError(f"Kubernetes refuses the Job: {said}")
        case 429:
            return InfrastructureError(f"the Kubernetes API has too much to do and takes no Job now: {said}")
        case 0:
            return error
        case _:
            return InfrastructureError(f"Kubernetes does not take the Job: {said}")
