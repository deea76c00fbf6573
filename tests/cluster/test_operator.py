"""The operator's commands in a coordinator's pod, as docs/operations.md has them."""

from tests.cluster.builds import command, finish, start
from tests.cluster.installation import Installation

UPKEEP = ("-n", "kontinuous", "exec", "deploy/kontinuous", "--", "python3", "-m", "coordinator.upkeep")


def test_the_operator_finds_and_deletes_the_pipeline_of_a_repository_that_is_gone(installation: Installation) -> None:
    build = start(installation, "gone", command("Build", "true", image=installation.base_image))
    assert finish(installation, build)["status"] == "SUCCESS"
    installation.github.remove("acme/gone")
    kubectl = installation.cluster.kubectl
    assert any(line.startswith(f"{build.repository}  ") for line in kubectl(*UPKEEP, "pipelines").splitlines())
    said = kubectl(*UPKEEP, "delete-pipeline", build.repository)
    assert said.startswith(f"Pipeline {build.repository} is deleted\nIts webhook may still be there (")
    assert build.repository not in kubectl(*UPKEEP, "pipelines")
