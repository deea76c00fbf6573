"""`make run`: the example through all three stage types, twice, and nothing of ours is left running."""

import re
from pathlib import Path

from local.engine import Engine
from tests.e2e.journey import Kontinuous, left_behind

DIGEST = r"sha256:[0-9a-f]{64}"


def test_the_example_is_built_tested_and_published_and_a_second_run_reuses_all(
    alone: Kontinuous, engine: Engine
) -> None:
    first = alone("example")
    assert first.exit_code == 0, first.screen
    assert_success_of_all_three(first.screen)
    assert left_behind(engine, alone.instance) == []

    second = alone("example")
    assert second.exit_code == 0, second.screen
    assert_success_of_all_three(second.screen)
    assert re.search(r"^Build 2 of \S+: SUCCESS", second.screen, re.MULTILINE)
    assert "image: building" not in second.screen
    assert left_behind(engine, alone.instance) == []


def assert_success_of_all_three(screen: str) -> None:
    rows = dict(re.findall(r"^(\S.*?)  +SUCCESS  +\d+\.\d(?:  +(\S+))?$", screen, re.MULTILINE))
    assert list(rows) == ["Build Docker Image", "Unit Test", "Publish"], screen
    assert re.fullmatch(DIGEST, rows["Publish"])
    assert "unit-test | OK" in screen
    published = re.search(rf"^Published: (localhost:\d+/examples/hello@{DIGEST}), tags (.*)$", screen, re.MULTILINE)
    assert published, screen
    assert published[2].split(", ")[1:] == ["main", "latest"]
    assert rows["Publish"] in published[1]
    assert f"pulled {published[1]}" in screen
    assert "Hello, World!" in screen
    assert re.search(r"^Logs: .* kept below /", screen, re.MULTILINE)


def test_an_example_that_does_not_exist_is_named_with_those_there_are(served: Kontinuous, tmp_path: Path) -> None:
    done = served("example", "helo")
    assert done.exit_code == 2
    assert "there is no example 'helo'; there are compiled, hello" in done.screen
