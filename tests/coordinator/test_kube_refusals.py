"""What the API server's refusal of a Job means, and whose fault it is."""

import pytest

from coordinator.kube_api import KubeError
from coordinator.kube_refusals import launch_error
from shared.errors import InfrastructureError, InputError, KontinuousError

MAY_NOT = (
    'jobs.batch is forbidden: User "system:serviceaccount:kontinuous:kontinuous" cannot create resource "jobs" '
    'in API group "batch" in the namespace "team-a"'
)
QUOTA = 'jobs.batch "j" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: 5, limited: 5'
ENDING = 'jobs.batch "j" is forbidden: unable to create new content in namespace team-a because it is being terminated'


@pytest.mark.parametrize(
    ("status", "message", "kind", "text"),
    [
        (404, 'namespaces "team-a" not found', InputError, "there is no namespace 'team-a'"),
        (403, MAY_NOT, InfrastructureError, "the Role and the RoleBinding of deploy/pipeline-namespace"),
        (403, QUOTA, InfrastructureError, "the quota of the namespace 'team-a' is used up"),
        (403, ENDING, InfrastructureError, "being terminated"),
        (403, 'admission webhook "p" denied the request: no', InputError, "a policy of the cluster refuses"),
        (400, 'admission webhook "p" denied the request: no', InputError, "a policy of the cluster refuses"),
        (400, 'strict decoding error: unknown field "spec.x"', InfrastructureError, 'unknown field "spec.x"'),
        (422, 'Job.batch "j" is invalid: spec.template.labels: Invalid value', InputError, "spec.template.labels"),
        (429, "too many requests", InfrastructureError, "has too much to do"),
        (401, "Unauthorized", InfrastructureError, "Unauthorized"),
        (500, "etcdserver: request timed out", InfrastructureError, "etcdserver"),
        (0, "the Kubernetes API does not answer", InfrastructureError, "does not answer"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_waits_only_for_what_may_heal(
    status: int, message: str, kind: type[KontinuousError], text: str
) -> None:
    error = launch_error(KubeError(status, "", message), "team-a")
    assert isinstance(error, kind)
    assert text in str(error)
