"""docs/pipeline-reference.md tells of every key there is, and its examples are valid."""

import re
from pathlib import Path

import pytest

from coordinator.allowed_namespaces import check_namespace
from coordinator.apprise_service import SERVICES
from coordinator.settings import DEFAULT_NAMESPACES
from shared.model import Repository
from shared.pipeline_file import DEFAULT_NAMESPACE, KEYS, MAX_NOTIFICATIONS, lint_text, parse
from shared.pipeline_stages import MAX_STAGES
from shared.problems import MAX_PROBLEMS
from shared.stage_types import NOTIFIERS, STAGE_TYPES
from shared.value_formats import MAX_STAGE_NAME
from shared.yaml_positions import MAX_BYTES, MAX_DEPTH, MAX_NODES

REFERENCE = (Path(__file__).parents[2] / "docs" / "pipeline-reference.md").read_text()
FIXTURES = Path(__file__).parent / "fixtures" / "pipelines" / "good"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
TOP = "apiVersion: v1alpha1\nkind: Pipeline\nmetadata: {name: a}\n"
HEAD = f"{TOP}spec:\n  stages:\n  - {{name: First, type: docker_build}}\n"


def rows(heading: str) -> dict[str, str]:
    """The rows of the tables between a heading and the next, by each of the names in their first cell."""
    section = re.split(r"^#+ ", REFERENCE.split(f"\n{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {name: " | ".join(cells) for cells in table for name in re.findall("`([^`]+)`", cells[0])}


def test_every_key_of_the_file_has_a_row() -> None:
    top = " ".join(rows("## Top level"))
    for path, names in KEYS.items():
        if "[]" not in path:
            assert all(f"{path}.{name}".strip(".") in top for name in names), path


def test_every_key_of_a_stage_has_a_row_and_no_other() -> None:
    assert tuple(rows("## Stages")) == KEYS["stages[]"]
    amounts = {f"{k}.{n}" for k in KEYS["stages[].resources"] for n in KEYS["stages[].resources.limits"]}
    assert set(rows("### `resources`")) == amounts


@pytest.mark.parametrize("kind", STAGE_TYPES)
def test_every_param_has_a_row_and_no_other(kind: str) -> None:
    documented = rows(f"## `{kind}`")
    params = STAGE_TYPES[kind].params
    assert tuple(documented) == tuple(params)
    for name, param in params.items():
        assert ("required" in documented[name].split(" | ")) == param.required, name
        assert all(f"`{alias}`" in documented[name] for alias in param.aliases)


def test_every_key_of_a_notification_has_a_row_and_no_other() -> None:
    assert tuple(rows("## Notifications")) == (*KEYS["notif[]"], *NOTIFIERS["slack"].params)
    assert all(f"`{kind}`" in rows("## Notifications")["type"] for kind in NOTIFIERS)
    others = rows("### Other services")
    assert {kind: set(re.findall("`([-a-z]+)`", others[kind].split(" | ")[-1])) for kind in SERVICES} == {
        kind: set(allowed.parameters) for kind, allowed in SERVICES.items()
    }


def test_limits_and_defaults_are_the_ones_that_hold() -> None:
    limits = (f"{MAX_BYTES // 1024} KiB", f"deeper than {MAX_DEPTH} levels", f"more than {MAX_NODES} keys and values")
    counts = (
        f"entries of `notif`, {MAX_NOTIFICATIONS} at most",
        f"1 to {MAX_STAGES} stages",
        f"Up to {MAX_PROBLEMS} problems",
        f"at most {MAX_STAGE_NAME} characters",
    )
    assert not [words for words in (*limits, *counts) if words not in REFERENCE]
    assert f"`{DEFAULT_NAMESPACE}`" in rows("## Top level")["metadata.namespace"]


def test_the_smallest_file_may_run_on_a_cluster_as_shipped() -> None:
    smallest = REFERENCE.split("The smallest file", 1)[1].split("```yaml\n", 1)[1].split("```", 1)[0]
    pipeline = parse(smallest).pipeline
    assert pipeline
    check_namespace(Repository("github.com", "acme", "shop"), pipeline.namespace, DEFAULT_NAMESPACES)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_is_valid_and_without_warning(example: str) -> None:
    is_file = example.startswith("apiVersion")
    text = example if is_file else HEAD + "".join(f"  {line}\n" for line in example.splitlines())
    assert lint_text("example", text).lines == ()


def test_the_first_example_is_the_sample() -> None:
    assert parse(EXAMPLES[0]) == parse((FIXTURES / "readme-sample.yml").read_text())


def test_there_is_an_example_of_each_stage_type() -> None:
    assert all(any(f"type: {kind}" in example for example in EXAMPLES[1:]) for kind in STAGE_TYPES)
