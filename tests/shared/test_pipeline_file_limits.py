"""Files made to hurt: each is refused (or read) for the right reason, within the processor time allowed."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import pytest

from shared.pipeline_file import PipelineFileError, Problem, parse
from shared.pipeline_stages import MAX_STAGES
from shared.problems import MAX_PROBLEMS, Findings
from shared.yaml_positions import MAX_BYTES, MAX_DEPTH, MAX_NODES

LIMIT_S = 0.2
TOP = "apiVersion: v1alpha1\nkind: Pipeline\nmetadata: {name: a}\nspec:\n"
STAGE = TOP + "  stages:\n  - name: A\n    type: command\n    params:\n      command: [make]\n"


def fill(unit: Callable[[int], str], head: str = "", limit: int = 64_000) -> str:
    """As many units behind `head` as the size limit allows."""
    parts, size, count = [head], len(head), 0
    while size + len(unit(count)) <= limit:
        parts.append(unit(count))
        size += len(parts[-1])
        count += 1
    return "".join(parts)


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(PipelineFileError) as caught:
        parse(text)
    return caught.value.problems


def fastest_s(text: str | bytes, rounds: int = 3) -> float:
    """Processor time of the fastest of some rounds: what the file costs, not what else the machine does."""
    return min(_parse_s(text) for _ in range(rounds))


def _parse_s(text: str | bytes) -> float:
    start = time.process_time()
    with suppress(PipelineFileError):
        parse(text)
    return time.process_time() - start


def nested(depth: int) -> str:
    """A param that makes the whole file `depth` levels deep: five of them are the param's own place."""
    return STAGE + "      X: " + "[" * (depth - 6) + "x" + "]" * (depth - 6)


HOSTILE: dict[str, str | bytes] = {
    "brackets": "[" * 65_000,
    "braces": "{" * 65_000,
    "dashes": "- " * 32_000,
    "question marks": "? " * 32_000,
    "anchors": fill(lambda i: f"- &a{i} x\n"),
    "the same key": fill(lambda _: "a: 1\n"),
    "unknown keys": fill(lambda i: f"k{i}: 1\n"),
    "near misses of keys": fill(lambda i: f"metdata{i}: 1\n"),
    "near misses of params": fill(lambda i: f"      args{i}:\n", STAGE),
    "unknown params": fill(lambda i: f"      p{i}: 1.5\n", STAGE),
    "labels": fill(lambda i: f"        k{i}: v\n", TOP + "  template:\n    metadata:\n      labels:\n"),
    "one-letter words": STAGE + "      args: [" + "a," * 31_000 + "]",
    "booleans": STAGE + "    secrets: [" + "yes," * 15_000 + "]",
    "stages": fill(lambda i: f"  - name: {i}\n", STAGE),
    "documents": "---\n" * 16_000,
    "long number": STAGE.replace("name: A", "name: " + "1_" * 30_000),
    "long clock": STAGE.replace("name: A", "name: " + "1:" * 30_000),
    "long name": STAGE.replace("name: a", "name: " + "a-" * 30_000),
    "long registry": STAGE.replace("command", "docker_publish", 1) + "      external_registry: " + "a/" * 30_000 + "!",
    "long image": STAGE + "      image: " + "a" * 60_000 + "!",
    "long quantity": STAGE + "    resources: {limits: {cpu: " + "1" * 60_000 + "x}}\n",
    "wide and deep": STAGE + "      X: " + "[" * 12 + "1," * 30_000 + "]" * 12,
    "long paths": STAGE + "      " + ("k" * 100 + "0: {") * 12 + fill(lambda i: f"a{i},", limit=50_000) + "}" * 12,
    "escapes": STAGE + '      X: "' + "\\x41" * 15_000 + '"',
    "line ends": "\n" * 65_000,
    "no UTF-8": b"\xff" * 65_000,
    "a hundred megabytes": b"a" * 100_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_time(name: str) -> None:
    assert fastest_s(HOSTILE[name]) < LIMIT_S


def test_the_size_limit_counts_bytes() -> None:
    padding = MAX_BYTES - len(STAGE.encode()) - 2
    assert parse(STAGE + "#" + "x" * padding + "\n").pipeline.name == "a"
    assert parse((STAGE + "#" + "é" * (padding // 2) + "\n").encode()).pipeline.name == "a"
    for text in (STAGE + "#" + "x" * (padding + 1) + "\n", STAGE + "#" + "é" * (padding // 2 + 1) + "\n"):
        assert (
            problems_of(text)
            == problems_of(text.encode())
            == (Problem(1, 1, "file", "the file is larger than 64 KiB"),)
        )


def test_the_depth_limit_is_exact() -> None:
    assert parse(nested(MAX_DEPTH)).pipeline.name == "a"
    assert [p.message for p in problems_of(nested(MAX_DEPTH + 1))] == ["the file is nested deeper than 20 levels"]


def test_the_limit_of_stages_is_exact() -> None:
    def stages(count: int) -> str:
        return TOP + "  stages:\n" + "".join(f"  - {{name: s{i}, type: docker_build}}\n" for i in range(count))

    assert len(parse(stages(MAX_STAGES)).pipeline.stages) == MAX_STAGES
    assert problems_of(stages(MAX_STAGES + 1)) == (
        Problem(6 + MAX_STAGES, 5, "spec.stages", "has 51 stages; at most 50 are allowed"),
    )


def test_too_many_values_are_refused() -> None:
    text = STAGE + "      args: [" + "a," * MAX_NODES + "]"
    assert [p.message for p in problems_of(text)] == ["the file holds more than 10000 keys and values"]


def test_problems_are_counted_only_so_far() -> None:
    problems = problems_of(STAGE + "    secrets: [" + "yes," * 1000 + "]")
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1].message.startswith("100 problems are enough")


def test_similar_words_are_looked_for_only_so_often() -> None:
    findings = Findings()
    found = [findings.nearest("comand", ["command", "args"]) for _ in range(300)]
    assert found == ["command"] * 200 + [""] * 100


def test_aliases_are_refused_before_they_are_expanded() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{chr(b)}: &{chr(b)} [*{chr(b - 1)}, *{chr(b - 1)}]\n" for b in range(98, 118))
    messages = [p.message for p in problems_of(bomb)]
    assert len(messages) == 21 + 40
    assert all(m.startswith(("anchors (&", "aliases (*")) for m in messages)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: \xe9\n", Problem(1, 4, "file", "the file is not UTF-8: byte 0xe9")),
        (STAGE.encode("utf-16"), Problem(1, 1, "file", "the file is not UTF-8: byte 0xff")),
        ("é: b\nc: \0\n", Problem(2, 4, "file", "the file holds the control character U+0000")),
        ("a: b\n\x1b[31m", Problem(2, 1, "file", "the file holds the control character U+001B")),
        ("a: \ud800", Problem(1, 4, "file", "the text holds half of a surrogate pair")),
        ('a: "\\0"', Problem(1, 4, "file", '"\\x00" holds a character that no program can take in an argument')),
        ("a:\n\tb: c\n", Problem(2, 1, "file", "a tab cannot indent in YAML; use spaces")),
    ],
)
def test_what_is_no_text_is_refused_at_its_place(data: str | bytes, problem: Problem) -> None:
    assert problems_of(data) == (problem,)


def test_a_tab_between_words_and_in_block_texts_is_fine() -> None:
    parsed = parse(STAGE + "      SCRIPT: |\n        all:\n        \tmake\n      X:\ty\n")
    assert parsed.pipeline.stages[0].params["SCRIPT"] == "all:\n\tmake\n"
    assert parsed.pipeline.stages[0].params["X"] == "y"


def test_messages_stay_on_one_short_line() -> None:
    def lines(texts: Iterable[str]) -> list[str]:
        return [p.show("f") for text in texts for p in problems_of(text)]

    for line in lines([STAGE.replace("type: command", f'type: "{"x" * 5000}"'), f'"{"k" * 5000}\\n\\e[31m": 1\n']):
        assert line.isprintable()
        assert len(line) < 300


def test_without_libyaml_files_are_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = parse(nested(MAX_DEPTH))
    monkeypatch.delattr("yaml.CSafeLoader")
    assert parse(nested(MAX_DEPTH)) == fast
    assert [p.message for p in problems_of(nested(MAX_DEPTH + 1))] == ["the file is nested deeper than 20 levels"]
    assert problems_of("a: &a b\n")[0].message.startswith("anchors")
    assert problems_of("a: [b\n")[0].message.startswith("this is not YAML")
