"""A repository that was renamed or transferred on GitHub, which redirects its old name: its pipeline goes on."""

import pytest

from tests.coordinator.api.api_server import PIPELINES
from tests.coordinator.api.front_door import FrontDoor, succeed
from tests.fakes import github_webhooks
from tests.waiting import wait_for


@pytest.fixture
def renamed(door: FrontDoor) -> FrontDoor:
    """A front door whose pipeline has a build, and whose repository then got another owner and name."""
    door.server.world.plays = {"build": succeed, "unit-test": succeed}
    door.server.world.play()
    door.create_pipeline()
    door.start()
    door.wait_for_end()
    door.github.rename(door.shop, "Other/store")
    return door


def test_the_old_name_still_leads_to_the_pipeline_and_its_builds(renamed: FrontDoor) -> None:
    assert renamed.ask("GET", renamed.pipeline, "ben").json()["repository"] == str(renamed.repository)
    assert renamed.ask("GET", f"{renamed.builds}/1", "cat").json()["status"] == "SUCCESS"
    assert [each["repository"] for each in renamed.ask("GET", PIPELINES).json()["items"]] == [str(renamed.repository)]
    assert renamed.ask("GET", renamed.pipeline, "eve").status_code == 404


def test_builds_are_made_of_pushes_and_by_hand_and_shown_on_github(renamed: FrontDoor) -> None:
    sha = renamed.shop.push({"x": "y"})
    (answer,) = renamed.github.deliver(renamed.shop, github_webhooks.push(renamed.shop, "refs/heads/main", "ann"))
    assert answer.status_code == 202
    wait_for(lambda: renamed.ask("GET", f"{renamed.builds}/2").ok)
    assert renamed.wait_for_end(2)["commit"]["sha"] == sha
    renamed.wait_for_states(sha, whole="success", build="success", test="success")
    assert renamed.start()["number"] == 3


def test_it_can_be_deleted_with_its_webhook_and_created_anew(renamed: FrontDoor) -> None:
    assert renamed.ask("DELETE", renamed.pipeline).status_code == 204
    assert renamed.shop.hooks == {}
    assert renamed.create_pipeline(name="other/STORE").json()["repository"] == f"{renamed.github.host}/Other/store"
