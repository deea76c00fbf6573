"""Reading typed values from a tree of YAML nodes, field by field, without stopping at the first mistake.

A reader that finds a mistake takes it into the findings and returns an empty value of the right type, so the
caller reads on; what it has put together counts only if `Findings.raise_problems` passes at the end.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.json_value import Json
from shared.problems import Findings, clip, quote
from shared.value_formats import Check, anything
from shared.yaml_positions import ListNode, MapNode, Node, ScalarNode

T = TypeVar("T")

_INTEGER = re.compile("-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One value in the file, with the path that names it: `spec.stages[1].params`; the root's path is ""."""

    node: Node
    path: str
    findings: Findings

    @property
    def null(self) -> bool:
        """True where nothing was written as the value."""
        return isinstance(self.node, ScalarNode) and self.node.null

    def child_path(self, key: str) -> str:
        """The path of the value under `key` of this map."""
        return f"{self.path}.{clip(key)}" if self.path else clip(key)

    def error(self, message: str) -> None:
        """Take in a problem with this value."""
        self.findings.error(self.node, self.path, message)

    def warn(self, message: str) -> None:
        """Take in a warning about this value."""
        self.findings.warn(self.node, self.path, message)

    def pairs(self) -> list[tuple[ScalarNode, "Field"]]:
        """The entries of a map, each key once; a repeated key is a problem, and so is anything but a map."""
        if not isinstance(self.node, MapNode):
            self.error(f"must be a map, not {_kind(self.node)}")
            return []
        found: dict[str, tuple[ScalarNode, Field]] = {}
        for key, value in self.node.pairs:
            if key.text in found:
                lines = f"line {found[key.text][0].line} and again on line {key.line}"
                self.findings.error(key, self.child_path(key.text), f"the key {quote(key.text)} is given on {lines}")
            else:
                found[key.text] = key, Field(value, self.child_path(key.text), self.findings)
        return list(found.values())

    def at(self, path: Sequence[str | int]) -> "Field":
        """The value at a path of keys and places in lists, as far as it leads."""
        found = self
        for step in path:
            match found.node, step:
                case ListNode(items=items), int(index) if index < len(items):
                    found = Field(items[index], f"{found.path}[{index}]", found.findings)
                case MapNode(), str(key):
                    found = found.named(key)
                case _:
                    return found
        return found

    def named(self, key: str, by_key: bool = False) -> "Field":
        """The value under `key` of this map, or the place of the map where there is none; with `by_key`, the key's
        own place."""
        pairs = self.node.pairs if isinstance(self.node, MapNode) else ()
        found = next((name if by_key else value for name, value in pairs if name.text == key), self.node)
        return Field(found, self.child_path(key), self.findings)

    def section(self, valid: Sequence[str], required: Sequence[str] = ()) -> "Section":
        """A map of which only the keys `valid` may occur and those of `required` must."""
        children: dict[str, Field] = {}
        for key, child in self.pairs():
            if key.text not in valid:
                message = f"unknown key {quote(key.text)}; {self.findings.suggest(key.text, valid)}"
                self.findings.error(key, child.path, message)
            else:
                children[key.text] = child
        section = Section(self, children)
        for name in required if isinstance(self.node, MapNode) else ():
            if not section.given(name):
                section.missing(name)
        return section

    def items(self) -> list["Field"]:
        """The entries of a list; anything but a list is a problem."""
        match self.node:
            case ListNode(items=items):
                return [Field(item, f"{self.path}[{i}]", self.findings) for i, item in enumerate(items)]
            case ScalarNode(text=text) if text:
                self.error(f"must be a list, such as [{', '.join(clip(text).split())}]")
            case node:
                self.error(f"must be a list, not {_kind(node)}")
        return []

    def text(self, check: Check = anything) -> str:
        """A text that YAML, too, takes for one: `yes` or `1.0` must be quoted."""
        if isinstance(self.node, ScalarNode) and not self.node.null and (reading := self.node.reading):
            self.error(f'YAML takes {clip(self.node.text)} for {reading}; quote it: "{clip(self.node.text)}"')
            return ""
        return self.source(check)

    def source(self, check: Check = anything) -> str:
        """A text, number or boolean, as the text that stands in the file: `1.10` stays `1.10`."""
        if not isinstance(self.node, ScalarNode):
            self.error(f"must be a text, not {_kind(self.node)}")
        elif self.node.null:
            self.error(_null_message(self.node.text))
        elif complaint := check(self.node.text):
            self.error(f"{quote(self.node.text)} {complaint}")
        else:
            return self.node.text
        return ""

    def choice(self, what: str, valid: Iterable[str]) -> str:
        """One of the words `valid`, or "" after a problem that names the nearest; `what` says what they are."""
        word = self.text()
        if not word or word in valid:
            return word
        self.error(f"{quote(word)} is no {what}; {self.findings.suggest(word, valid)}")
        return ""

    def flag(self) -> bool:
        """True or false in any spelling that YAML 1.1 knows, quoted or not."""
        word = self.source()
        if word and word.lower() not in _FLAGS:
            self.error(f"{quote(word)} must be true or false")
        return _FLAGS.get(word.lower(), False)

    def json(self) -> Json:
        """Any value. A plain scalar is null, a boolean or a number only where it is spelled just as JSON spells it.

        All else stays the text that was written: `yes`, `1.10`, `0755` and `2026-01-31` are texts.
        """
        match self.node:
            case ListNode():
                return [item.json() for item in self.items()]
            case MapNode():
                return {key.text: child.json() for key, child in self.pairs()}
            case ScalarNode() as scalar:
                return _scalar_json(scalar)
            case node:
                raise TypeError(f"no such node: {node}")


@dataclass(frozen=True, slots=True)
class Section:
    """The known children of a map. One that is null counts as not given, as in Kubernetes."""

    field: Field
    children: dict[str, Field]

    def given(self, key: str) -> Field | None:
        """The value under `key`, unless there is none or it is null."""
        child = self.children.get(key)
        return None if child is None or child.null else child

    def read(self, key: str, reader: Callable[[Field], T], default: T) -> T:
        """What `reader` makes of the value under `key`, or `default` where none is given."""
        child = self.given(key)
        return default if child is None else reader(child)

    def text(self, key: str, check: Check, default: str = "") -> str:
        """The text under `key`, or `default` where none is given."""
        return self.read(key, lambda child: child.text(check), default)

    def section(self, key: str, valid: Sequence[str], required: Sequence[str] = ()) -> "Section":
        """The map under `key`, or an empty one where none is given."""
        return self.read(key, lambda child: child.section(valid, required), Section(self.field, {}))

    def missing(self, key: str) -> None:
        """Take in the problem that `key` is null, or else not there, at the place of the map that should hold it."""
        path = self.field.child_path(key)
        if child := self.children.get(key):
            self.field.findings.error(child.node, path, "is empty")
        else:
            self.field.findings.error(self.field.node, path, "is missing")


def _kind(node: Node) -> str:
    match node:
        case MapNode():
            return "a map"
        case ListNode():
            return "a list"
        case ScalarNode() as scalar:
            return "an empty value" if scalar.null else scalar.reading or "a text"
        case _:
            raise TypeError(f"no such node: {node}")


def _null_message(text: str) -> str:
    if text:
        return f'YAML takes {text} for null; quote it: "{text}"'
    return "is empty; a value is missing here (what follows an unquoted # is a comment)"


def _scalar_json(scalar: ScalarNode) -> Json:
    text = scalar.text
    if not scalar.plain:
        return text
    if scalar.null:
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text) and str(int(text)) == text:
        return int(text)
    if _DECIMAL.fullmatch(text) and repr(float(text)) == text:
        return float(text)
    return text
