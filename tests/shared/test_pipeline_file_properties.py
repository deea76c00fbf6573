"""Whatever the bytes, there is one kind of error; whatever the pipeline, it survives being written and read."""

import json
import re
import string
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.codec import decode, encode
from shared.json_value import Json
from shared.keys import stage_ids
from shared.model import Notification, Pipeline, StageSpec
from shared.pipeline_file import PipelineFileError, lint_text, parse
from shared.stage_types import STAGE_TYPES

GOOD = Path(__file__).parent / "fixtures" / "pipelines" / "good"
SAMPLE = (GOOD / "readme-sample.yml").read_text()
EVERY_KEY = (GOOD / "every-key.yml").read_text()

YAML_PIECES = st.sampled_from(
    [
        *"[]{}:,-?&*!|>%@`'\"#~ \n\t",
        "- ",
        ": ",
        "\n  ",
        "---\n",
        "<<: ",
        "!!str ",
        "&a ",
        "*a",
        "spec",
        "stages",
        "name",
    ]
)

dns_labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
label_values = st.from_regex(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?)?", fullmatch=True)
labels = st.dictionaries(
    st.from_regex(r"([a-z]{1,5}\.example/)?[A-Za-z0-9]{1,9}", fullmatch=True), label_values, max_size=3
)
texts = st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=20)
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
unknown_params = st.dictionaries(
    texts.filter(lambda t: "=" not in t and not t.startswith("KONT")), json_values, max_size=3
)
globs = st.from_regex(r"[a-z*][a-z*]{0,5}(/[a-z*]{1,5}){0,2}", fullmatch=True)
amount = st.from_regex(r"[1-9][0-9]{0,2}(Mi|k)?", fullmatch=True)
amounts = st.fixed_dictionaries({"cpu": amount}, optional={"memory": amount})
resources = st.fixed_dictionaries({}, optional={"limits": amounts})


def known_params(kind: str) -> st.SearchStrategy[dict[str, Json]]:
    match kind:
        case "docker_build":
            return st.fixed_dictionaries({}, optional={"dockerfile_path": globs, "dockerfile_name": dns_labels})
        case "command":
            words = st.lists(texts, min_size=1, max_size=3)
            return st.fixed_dictionaries({"command": words}, optional={"args": words, "working_dir": globs})
        case "docker_publish":
            wanted = {"external_registry": st.just("quay.io:443"), "external_image_name": st.just("a/b_c")}
            return st.fixed_dictionaries(wanted, optional={"require_credentials": st.just(False), "email": texts})
        case _:
            raise ValueError(kind)


@st.composite
def stages(draw: st.DrawFn, name: str) -> StageSpec:
    kind = draw(st.sampled_from(sorted(STAGE_TYPES)))
    extra = draw(unknown_params)
    known = draw(known_params(kind))
    names = {*STAGE_TYPES[kind].params, *(alias for p in STAGE_TYPES[kind].params.values() for alias in p.aliases)}
    return StageSpec(
        name,
        kind,
        {**{key: value for key, value in extra.items() if key not in names}, **known},
        tuple(draw(st.lists(dns_labels, max_size=2, unique=True))),
        draw(st.none() | st.integers(1, 86400)),
        draw(resources),
        tuple(draw(st.lists(globs, max_size=2))),
    )


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    names = draw(st.lists(st.text(string.ascii_letters, min_size=1, max_size=9), min_size=1, max_size=4, unique=True))
    same = draw(labels)
    slack = st.builds(
        Notification, st.just("slack"), st.just("a.b") | st.none(), st.just({"url": "https://h.example/x"})
    )
    keyed = slack.map(lambda n: replace(n, metadata={"url": "key"}) if n.secret else n)
    return Pipeline(
        name=draw(dns_labels),
        namespace=draw(dns_labels),
        stages=tuple(draw(stages(name)) for name in names),
        match_labels=same,
        template_name=draw(st.just("") | dns_labels),
        labels=same,
        notif=tuple(draw(st.lists(keyed, max_size=2))),
    )


def to_document(pipeline: Pipeline, under_template: bool) -> dict[str, Any]:
    """The file that a person would write for a pipeline, as plain values."""
    stage_keys = ("name", "type", "params", "secrets", "resources", "artifacts")
    written: list[dict[str, Any]] = [
        {**{key: _plain(getattr(stage, key)) for key in stage_keys}, "timeout": stage.timeout_s}
        for stage in pipeline.stages
    ]
    body = {"stages": written, "notif": [{k: _plain(getattr(n, k)) for k in n.__slots__} for n in pipeline.notif]}
    metadata = {"name": pipeline.template_name or None, "labels": dict(pipeline.labels)}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": dict(pipeline.match_labels)},
        "template": {"metadata": metadata},
    }
    (spec["template"] if under_template else spec).update(body)
    metadata = {"name": pipeline.name, "namespace": pipeline.namespace}
    return {"apiVersion": pipeline.api_version, "kind": "Pipeline", "metadata": metadata, "spec": spec}


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value))


@settings(deadline=None, max_examples=150)
@given(pipelines(), st.booleans(), st.sampled_from([yaml.safe_dump, partial(json.dumps, ensure_ascii=False)]))
def test_a_pipeline_that_is_written_out_is_read_back(pipeline: Pipeline, under_template: bool, dump: Any) -> None:
    parsed = parse(dump(to_document(pipeline, under_template)))
    assert parsed.pipeline == pipeline
    assert decode(Pipeline, encode(parsed.pipeline)) == pipeline
    assert len(set(stage_ids(stage.name for stage in pipeline.stages))) == len(pipeline.stages)


def check_outcome(data: str | bytes) -> None:
    """Parse anything: a pipeline or PipelineFileError, positions inside the file, in order, and lint agrees."""
    problems: tuple[Any, ...] = ()
    try:
        parse(data)
    except PipelineFileError as error:
        problems = error.problems
        assert problems
        assert list(problems[:100]) == sorted(problems[:100])
        assert all(p.line >= 1 and p.column >= 1 and p.field and p.message for p in problems)
    lint = lint_text("f", data)
    assert lint.exit_code == (2 if problems else 0)
    assert all(line.isprintable() for line in lint.lines)
    assert all(re.match(r"f:\d+:\d+: .+: .", line) for line in lint.lines)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300))
def test_any_bytes_end_in_a_pipeline_or_the_one_error(data: bytes) -> None:
    check_outcome(data)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=200) | st.lists(YAML_PIECES, max_size=60).map("".join))
@example("=")
@example("a: =")
@example("? ")
@example("%YAML 9.9\n---\na")
def test_any_text_ends_in_a_pipeline_or_the_one_error(text: str) -> None:
    check_outcome(text)


@settings(deadline=None, max_examples=300)
@given(st.data(), st.sampled_from([SAMPLE, EVERY_KEY]))
def test_a_damaged_file_ends_in_a_pipeline_or_the_one_error(data: st.DataObject, text: str) -> None:
    at = data.draw(st.integers(0, len(text)))
    gone = data.draw(st.integers(0, 12))
    check_outcome(text[:at] + data.draw(st.text(max_size=3) | YAML_PIECES) + text[at + gone :])
