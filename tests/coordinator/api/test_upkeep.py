"""What an operator does with pipelines, whatever GitHub says of their repositories."""

import pytest

from coordinator import upkeep
from coordinator.store import BuildStore
from shared import keys
from shared.errors import Conflict, NotFound
from tests.coordinator.api.api_server import PIPELINES
from tests.coordinator.api.front_door import FrontDoor, succeed


@pytest.fixture
def built(door: FrontDoor) -> FrontDoor:
    """A pipeline with a build that has ended, and its log."""
    door.server.world.plays = {"build": succeed, "unit-test": succeed}
    door.create_pipeline()
    door.start()
    door.server.world.play()
    door.wait_for_end()
    door.wait_for_states(whole="success", build="success", test="success")
    door.server.world.objects.put(f"{keys.objects_prefix(door.repository, 1)}build/1/log/archive", b"log")
    return door


def delete(door: FrontDoor, name: str = "") -> None:
    world = door.server.world
    upkeep.delete_pipeline(
        name or str(door.repository), door.server.settings, world.kv, world.objects, world.launcher.release
    )


def test_the_pipeline_of_a_repository_that_is_gone_is_found_and_deleted_with_all_it_left(
    built: FrontDoor, capsys: pytest.CaptureFixture[str]
) -> None:
    built.github.remove(built.shop.full_name)
    assert built.ask("DELETE", built.pipeline, "eve").status_code == 404
    upkeep.list_pipelines(built.server.kv)
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{built.repository}  20")
    delete(built)
    said = capsys.readouterr().out
    assert said.startswith(f"Pipeline {built.repository} is deleted\nIts webhook may still be there (")
    assert "Not Found" in said
    upkeep.list_pipelines(built.server.kv)
    assert capsys.readouterr().out == ""
    store = BuildStore(built.server.kv)
    assert store.builds(built.repository) == ()
    assert built.server.world.objects.list("") == ()
    assert built.server.kv.list(keys.COMMITS) == ()


def test_where_the_repository_is_there_its_webhook_goes_too(
    built: FrontDoor, capsys: pytest.CaptureFixture[str]
) -> None:
    delete(built)
    assert capsys.readouterr().out == f"Pipeline {built.repository} is deleted\n"
    assert built.shop.hooks == {}
    assert built.ask("GET", PIPELINES).json()["items"] == []


def test_a_build_that_runs_is_not_taken_away(door: FrontDoor) -> None:
    door.create_pipeline()
    door.start()
    with pytest.raises(Conflict, match=r"build 1 of .* still runs"):
        delete(door)
    assert door.ask("GET", door.pipeline).ok
    assert door.shop.hooks != {}


def test_a_pipeline_that_is_not_there_is_named(door: FrontDoor) -> None:
    with pytest.raises(NotFound, match="there is no pipeline"):
        delete(door, "github.com/acme/none")


def test_settings_that_are_not_complete_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert upkeep.main(["pipelines"], {}) == 2
    assert "KV_ADDRESS is not set" in capsys.readouterr().err
