"""What deploy/ renders to."""

import pytest

from tests.deploy.rendering import DEFAULT, DEPLOY, Manifests, overlay, rendered


@pytest.fixture(scope="session")
def manifests() -> Manifests:
    """Everything, as it is shipped."""
    return rendered(DEFAULT)


@pytest.fixture(scope="session")
def team_a(tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """Another pipeline namespace, made as docs/operations.md says."""
    folder = overlay(tmp_path_factory.mktemp("team-a"), DEPLOY / "pipeline-namespace", {})
    (folder / "kustomization.yaml").write_text(
        (folder / "kustomization.yaml").read_text().splitlines()[0] + "\nnamespace: team-a\n"
    )
    return rendered(folder)
