"""What a valid pipeline file is read as. The files in fixtures/pipelines end in the findings that they must give."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.catalogue import StageType, known_types
from shared.codec import from_json
from shared.errors import EXIT_INPUT, InputError
from shared.model import Notification, Pipeline, StageSpec
from shared.pipeline_file import ParamSchema, PipelineFileError, lint_text, parse
from shared.stage_types import STAGE_TYPES

PIPELINES = Path(__file__).parent / "fixtures" / "pipelines"


def pipeline_files(kind: str) -> Iterator[Any]:
    return (pytest.param(path, id=path.stem) for path in sorted((PIPELINES / kind).glob("*.yml")))


def expected_lines(path: Path) -> tuple[str, ...]:
    lines = path.read_text().splitlines()
    return tuple(line.replace("#> ", f"{path.name}:") for line in lines if line.startswith("#> "))


def one_stage(extra: str) -> StageSpec:
    head = (
        "apiVersion: v1alpha1\nkind: Pipeline\nmetadata: {name: a}\nspec:\n  stages:\n  - name: A\n    type: command\n"
    )
    return parse(f"{head}    params:\n      command: [make]\n{extra}").pipeline.stages[0]


def only_problem(text: str, known_types: dict[str, ParamSchema] | None = None) -> str:
    with pytest.raises(PipelineFileError) as caught:
        parse(text, known_types or STAGE_TYPES)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0].show("f")


def test_the_sample_of_the_readme_is_read_unchanged() -> None:
    labels = {"app": "kontinuous", "type": "ci-cd"}
    publish = {
        "external_registry": "quay.io",
        "external_image_name": "acaleph/kontinuous",
        "require_credentials": True,
        "username": "user",
        "password": "password",
        "email": "email",
    }
    metadata = {"url": "slackurl", "username": "slackuser", "channel": "slackchannel"}
    parsed = parse((PIPELINES / "good" / "readme-sample.yml").read_bytes())
    assert parsed.warnings == ()
    assert parsed.pipeline == Pipeline(
        name="kontinuous",
        namespace="acaleph",
        match_labels=labels,
        template_name="kontinuous",
        labels=labels,
        notif=(Notification("slack", "notifcreds", metadata),),
        stages=(
            StageSpec("Build Docker Image", "docker_build"),
            StageSpec("Unit Test", "command", {"command": ["make", "test"]}),
            StageSpec("Publish to Quay", "docker_publish", publish, ("docker-credentials",)),
        ),
    )


def test_every_key_is_read() -> None:
    pipeline = parse((PIPELINES / "good" / "every-key.yml").read_text()).pipeline
    build, test, publish = pipeline.stages
    assert (pipeline.name, pipeline.namespace, pipeline.template_name) == ("hello.world", "acaleph", "hello")
    assert pipeline.labels == {"app": "hello", "example.com/team": "7", "empty": ""}
    assert [n.secret for n in pipeline.notif] == [None, "notifcreds"]
    assert pipeline.notif[0].metadata["channel"] == "#builds"
    assert build.params == {"dockerfile_path": "./docker", "dockerfile_name": "Dockerfile.prod"}
    assert (build.timeout_s, test.timeout_s, publish.timeout_s) == (5400, 90, 1800)
    assert test.resources == {
        "limits": {"cpu": "2", "memory": "512Mi", "ephemeral-storage": "1Gi"},
        "requests": {"cpu": "250m"},
    }
    assert test.artifacts == ("reports/**/*.xml", "dist")
    assert test.secrets == ("test-secrets",)
    assert publish.params["require_credentials"] is True


def test_words_of_a_command_stay_as_written() -> None:
    (_, test, _) = parse((PIPELINES / "good" / "every-key.yml").read_text()).pipeline.stages
    assert test.params["command"] == ["sleep", "1.0", "0755", "yes", ""]
    assert test.params["args"] == []


def test_unknown_params_are_json_only_where_spelled_as_json() -> None:
    (_, test, _) = parse((PIPELINES / "good" / "every-key.yml").read_text()).pipeline.stages
    assert {name: value for name, value in test.params.items() if name.isupper()} == {
        "PORT": 8080,
        "VERSION": "1.10",
        "RATIO": 0.5,
        "DEBUG": True,
        "SWITCH": "on",
        "MODE": "0755",
        "CLOCK": "1:30",
        "DAY": "2026-01-31",
        "NOTHING": None,
        "TEXT": "true",
        "TREE": {"a": [1, None]},
    }


def test_an_absent_namespace_is_default_and_nulls_are_not_given() -> None:
    parsed = parse((PIPELINES / "good" / "nulls-are-not-given.yml").read_text())
    assert parsed.pipeline == Pipeline("hello", "default", (StageSpec("Build", "docker_build"),))


def test_stages_and_notif_may_stand_under_spec_or_its_template() -> None:
    sample = (PIPELINES / "good" / "readme-sample.yml").read_text()
    head, nested = sample.split("    notif:\n")
    lifted = head + "  notif:\n" + "".join(line[2:] + "\n" for line in nested.splitlines())
    assert "\n  stages:\n" in lifted
    assert parse(lifted) == parse(sample)


@pytest.mark.parametrize("path", [*pipeline_files("good"), *pipeline_files("bad")])
def test_a_file_gives_exactly_the_findings_it_names(path: Path) -> None:
    lint = lint_text(path.name, path.read_bytes())
    assert lint.lines == expected_lines(path)
    assert lint.exit_code == (EXIT_INPUT if path.parent.name == "bad" else 0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("TRUE", True), ("yes", True), ("on", True), ("'true'", True), ("False", False), ("'off'", False)],
)
def test_require_credentials_takes_every_spelling_of_a_boolean(text: str, value: bool) -> None:
    sample = (PIPELINES / "good" / "readme-sample.yml").read_text().replace('"TRUE"', text)
    assert parse(sample).pipeline.stages[2].params["require_credentials"] is value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("30m", 1800), ("1h30m", 5400), ("'60'", 60), ("24h", 86400), ("23h59m60s", 86400)],
)
def test_timeout_is_read_in_seconds(text: str, seconds: int) -> None:
    assert one_stage(f"    timeout: {text}\n").timeout_s == seconds


@pytest.mark.parametrize("text", ["1m30", "1.5h", "-1", "1d", "h", "30 m", "''", "٣", "86401", "99999h"])
def test_other_timeouts_are_refused(text: str) -> None:
    with pytest.raises(PipelineFileError, match="timeout"):
        one_stage(f"    timeout: {text}\n")


def test_a_name_in_secrets_may_stand_where_a_form_is_wanted() -> None:
    sample = (PIPELINES / "good" / "readme-sample.yml").read_text()
    keyed = sample.replace("acaleph/kontinuous", "IMAGE_NAME")
    assert parse(keyed).pipeline.stages[2].params["external_image_name"] == "IMAGE_NAME"
    with pytest.raises(PipelineFileError, match="external_image_name"):
        parse(keyed.replace("        secrets:\n          - docker-credentials\n", ""))


def test_a_custom_stage_type_is_checked_by_its_schema() -> None:
    schema = from_json(ParamSchema, {"params": {"target": {"kind": "text", "required": True, "format": "url"}}})
    known = {**STAGE_TYPES, "scan": schema, "free": ParamSchema()}
    head = "apiVersion: v1alpha1\nkind: Pipeline\nmetadata: {name: a}\nspec:\n  stages:\n"
    scan = head + "  - {name: A, type: scan, params: {target: 'https://a.example/', depth: 3}}\n"
    assert parse(scan, known).pipeline.stages[0].params == {"target": "https://a.example/", "depth": 3}
    assert parse(head + "  - {name: A, type: free, params: {x: y}}\n", known).warnings == ()
    assert only_problem(head + "  - {name: A, type: scan}\n", known).endswith("params.target: is missing")
    assert only_problem(head + "  - {name: A, type: scann}\n", known).endswith("did you mean scan?")


RULES = {
    "type": "object",
    "properties": {
        "level": {"enum": ["low", "high"]},
        "paths": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]+$"}, "maxItems": 2},
        "limit": {"type": "integer", "minimum": 1},
        "version": {"type": "string"},
    },
    "required": ["level"],
    "additionalProperties": False,
}
SCAN = """\
apiVersion: v1alpha1
kind: Pipeline
metadata: {name: a}
spec:
  stages:
    - name: Scan
      type: scan
"""


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ("", ["6:7: spec.stages[0].params.level: is missing"]),
        ("      params: {level: low, version: '1'}\n", []),
        ("      params: {level: mid}\n", ["8:23: spec.stages[0].params.level: 'mid' is not one of ['low', 'high']"]),
        (
            "      params:\n        levle: low\n",
            [
                "9:9: spec.stages[0].params.levle: is not a param of this type; did you mean level?",
                "9:9: spec.stages[0].params.level: is missing",
            ],
        ),
        (
            "      params:\n        level: low\n        paths: [a, B, 3]\n        limit: 0\n        version: 1.5\n",
            [
                "10:16: spec.stages[0].params.paths: ['a', 'B', 3] is too long",
                "10:20: spec.stages[0].params.paths[1]: 'B' does not match '^[a-z]+$'",
                "10:23: spec.stages[0].params.paths[2]: 3 is not of type 'string'; quote it to make it a text",
                "11:16: spec.stages[0].params.limit: 0 is less than the minimum of 1",
                "12:18: spec.stages[0].params.version: 1.5 is not of type 'string'; quote it to make it a text",
            ],
        ),
        (
            "      params: {level: key.name, limit: KEY}\n      secrets: [s]\n",
            [],
        ),
    ],
)
def test_an_operators_schema_is_held_against_the_params_each_problem_at_its_place(
    params: str, problems: list[str]
) -> None:
    known = known_types({"scan": StageType("example.org/scan:1", RULES)})
    assert sorted(lint_text("f", SCAN + params, known).lines) == sorted(f"f:{problem}" for problem in problems)


@pytest.mark.parametrize(
    "name",
    [
        "PYTHONPATH", "LD_PRELOAD", "PATH", "https_proxy", "KONTINUOUS_BUILD", "SHELLOPTS", "PS4", "BASH_FUNC_curl%%",
        "OPENSSL_CONF", "_JAVA_OPTIONS", "XDG_CONFIG_HOME", "TAR_OPTIONS", "a b", "1st",
    ],
)  # fmt: skip
def test_no_param_of_an_own_type_steers_the_programs_beside_our_credentials(name: str) -> None:
    known = known_types({"scan": StageType("example.org/scan:1")})
    assert name in only_problem(f"{SCAN}      params: {{'{name}': x}}\n", known)


@pytest.mark.parametrize("kind", ["command", "docker_build"])
def test_params_of_built_in_types_are_no_variables_of_our_own_container(kind: str) -> None:
    text = SCAN.replace("type: scan", f"type: {kind}")
    params = "      params: {command: [make], image: busybox, NODE_ENV: test}\n"
    known = known_types({kind: StageType("example.org/own:1")})
    assert parse(text + params, known).pipeline.stages[0].params["NODE_ENV"] == "test"


def test_a_stage_type_of_the_operators_may_have_built_the_image() -> None:
    head = "apiVersion: v1alpha1\nkind: Pipeline\nmetadata: {name: a}\nspec:\n  stages:\n"
    command = "  - {name: T, type: command, params: {command: [make]}}\n"
    known = {**STAGE_TYPES, "kaniko": ParamSchema()}
    assert len(parse(head + command, known).warnings) == 1
    assert parse(head + "  - {name: B, type: kaniko}\n" + command, known).warnings == ()


def test_the_error_is_one_sentence_that_counts_the_rest() -> None:
    with pytest.raises(InputError) as caught:
        parse("kind: Pipeline\n")
    assert str(caught.value) == ".pipeline.yml:1:1: apiVersion: is missing (and 2 more)"
    assert isinstance(caught.value, PipelineFileError)
    assert [str(problem) for problem in caught.value.problems][1] == ".pipeline.yml:1:1: metadata: is missing"
    assert caught.value.exit_code == EXIT_INPUT


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    sample = (PIPELINES / "good" / "readme-sample.yml").read_text()
    windows = b"\xef\xbb\xbf" + sample.replace("\n", "\r\n").encode()
    assert parse(windows) == parse(sample)


def test_importing_it_brings_only_yaml_from_outside() -> None:
    program = "import sys; old = set(sys.modules); import shared.pipeline_file; print(*sorted(set(sys.modules) - old))"
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    outside = {name.partition(".")[0] for name in run.stdout.split()} - set(sys.stdlib_module_names)
    assert {name for name in outside if "cython" not in name} == {"shared", "yaml"}
    assert not {"json", "difflib", "shared.codec", "shared.ports"} & set(run.stdout.split())


def test_labels_of_the_selector_alone_are_the_jobs() -> None:
    text = SCAN.replace("spec:\n", "spec:\n  selector: {matchLabels: {app: shop}}\n", 1)
    parsed = parse(text, known_types({"scan": StageType("example.org/scan:1")}))
    assert (parsed.pipeline.labels, parsed.warnings) == ({"app": "shop"}, ())
