"""YAML text to a tree of nodes that know where they stand, with everything refused that could be a bomb.

The tree is built from the parser's events, so the limits hold before anything large exists. Scalars keep
their source text: what `1.10` or `yes` means is decided by whoever wants a value there, not by YAML's rules.
libyaml's parser is used where PyYAML has it (all its wheels do), else the slower one in Python.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from yaml.reader import Reader
from yaml.resolver import Resolver

from shared.problems import Findings, clip, quote

MAX_BYTES = 64 * 1024
MAX_DEPTH = 20
# 64 KiB can hold 32,000 one-letter values, which alone would take most of the 200 ms that a file may take.
MAX_NODES = 10_000

_UNUSABLE = re.compile("[\0\ud800-\udfff]")
_READINGS = {"bool": "a boolean", "int": "a number", "float": "a number", "null": "null", "timestamp": "a date"}


@dataclass(frozen=True, slots=True)
class Node:
    """Something in a YAML file; line and column count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class ScalarNode(Node):
    """A single value as it was written; `plain` means without quotes or a block marker."""

    text: str
    plain: bool

    @property
    def null(self) -> bool:
        """True where nothing was written, or one of YAML's words for nothing."""
        return self.plain and self.text in ("", "~", "null")

    @property
    def reading(self) -> str:
        """What YAML 1.1 takes the value for if it is not a text, such as "a boolean" for `yes`; else ""."""
        if not self.plain:
            return ""
        tag: str = Resolver().resolve(yaml.ScalarNode, self.text, (True, False))  # type: ignore[no-untyped-call]
        return _READINGS.get(tag.rpartition(":")[2], "")


@dataclass(frozen=True, slots=True)
class ListNode(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MapNode(Node):
    """A map; duplicate keys are all there, in the order of the file."""

    pairs: tuple[tuple[ScalarNode, Node], ...]


def read_yaml(data: str | bytes, findings: Findings) -> Node:
    """Build the tree of the one document in `data`; raises PipelineFileError for what is not safe, plain YAML."""
    text = _decode(data, findings)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = _TreeBuilder(yaml.parse(text, Loader=loader), findings).build()
    except yaml.YAMLError as error:
        _fail_with(error, text, findings)
    findings.raise_problems()
    return node


def _decode(data: str | bytes, findings: Findings) -> str:
    try:
        raw = data if isinstance(data, bytes) else data[: MAX_BYTES + 1].encode()
        if len(raw) > MAX_BYTES:
            findings.fail(Node(1, 1), "", f"the file is larger than {MAX_BYTES // 1024} KiB")
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8", "replace")
        findings.fail(_place(before), "", f"the file is not UTF-8: byte 0x{error.object[error.start]:02x}")
    except UnicodeEncodeError as error:
        findings.fail(_place(str(error.object)[: error.start]), "", "the text holds half of a surrogate pair")
    if strange := Reader.NON_PRINTABLE.search(text):
        code = f"U+{ord(strange.group()):04X}"
        findings.fail(_place(text[: strange.start()]), "", f"the file holds the control character {code}")
    return text


def _place(before: str) -> Node:
    """The place right behind the text `before`."""
    return Node(before.count("\n") + 1, len(before) - before.rfind("\n"))


def _fail_with(error: yaml.YAMLError, text: str, findings: Findings) -> None:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    place = Node(mark.line + 1, mark.column + 1) if mark else Node(1, 1)
    lines = text.split("\n")
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        findings.fail(place, "", "a tab cannot indent in YAML; use spaces")
    words = (getattr(error, "context", None), getattr(error, "problem", None))
    findings.fail(place, "", f"this is not YAML: {', '.join(word for word in words if word) or str(error)}")


class _TreeBuilder:
    """Turns one stream of events into one tree."""

    def __init__(self, events: Iterator[yaml.Event], findings: Findings) -> None:
        self._events = events
        self._findings = findings
        self._nodes = 0

    def build(self) -> Node:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._findings.fail(_start(event), "", "the file holds more than one document; only one is allowed")
                root = self._node(next(self._events), 1)
        return (
            self._findings.fail(Node(1, 1), "", "the file is empty; it must hold a pipeline") if root is None else root
        )

    def _node(self, event: yaml.Event, depth: int) -> Node:
        place = _start(event)
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._findings.fail(place, "", f"the file holds more than {MAX_NODES} keys and values")
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor or tag:
            self._refuse_reference(place, isinstance(event, yaml.AliasEvent), anchor, tag)
        if depth > MAX_DEPTH:
            self._findings.fail(place, "", f"the file is nested deeper than {MAX_DEPTH} levels")
        match event:
            case yaml.SequenceStartEvent():
                return ListNode(place.line, place.column, tuple(self._children(yaml.SequenceEndEvent, depth)))
            case yaml.MappingStartEvent():
                return self._mapping(place, depth)
            case yaml.ScalarEvent():
                return self._scalar(place, event)
            case _:
                return ScalarNode(place.line, place.column, "", True)

    def _children(self, end: type[yaml.Event], depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), end):
            yield self._node(event, depth + 1)

    def _mapping(self, place: Node, depth: int) -> MapNode:
        children = self._children(yaml.MappingEndEvent, depth)
        pairs: list[tuple[ScalarNode, Node]] = []
        for key in children:
            value = next(children)
            if not isinstance(key, ScalarNode):
                self._findings.error(key, "", "a key must be a text, not a list or a map")
            elif key.plain and key.text == "<<":
                self._findings.error(key, "", "merge keys (<<) are not allowed; write the keys out")
            else:
                pairs.append((key, value))
        return MapNode(place.line, place.column, tuple(pairs))

    def _scalar(self, place: Node, event: yaml.ScalarEvent) -> ScalarNode:
        text: str = event.value
        if _UNUSABLE.search(text):
            self._findings.error(place, "", f"{quote(text)} holds a character that no program can take in an argument")
        return ScalarNode(place.line, place.column, text, event.style is None or event.style == "")

    def _refuse_reference(self, place: Node, alias: bool, anchor: str | None, tag: str | None) -> None:
        if alias:
            message = f"aliases (*{clip(str(anchor))}) are not allowed; write the value out"
        elif anchor:
            message = f"anchors (&{clip(anchor)}) are not allowed; write the value where it is used"
        else:
            message = f"tags ({clip(str(tag))}) are not allowed; quote a value to make it a text"
        self._findings.error(place, "", message)


def _start(event: yaml.Event) -> Node:
    mark = event.start_mark
    return Node(mark.line + 1, mark.column + 1) if mark else Node(1, 1)
