"""A file of Kubernetes Secret documents, as `kubectl apply` takes it, into the secrets of a run."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from shared.errors import InputError

MAX_BYTES = 1024 * 1024  # Kubernetes' own limit for one Secret

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")


@dataclass(frozen=True, slots=True)
class Secret:
    """One Secret. `namespace` is "" where the file names none; `data` values are base64."""

    name: str
    namespace: str
    data: Mapping[str, str]


def read_secrets(path: Path) -> tuple[Secret, ...]:
    """Read all Secrets of a YAML file; raises InputError that names file and line."""
    try:
        text = _text(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; give --secrets a YAML file of Kubernetes Secrets") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    reader = _Reader(path)
    secrets = tuple(reader.secret(document) for document in reader.documents(text))
    if not secrets:
        raise InputError(f"{path}: there is no Secret in this file")
    return secrets


def _text(path: Path) -> str:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: the file is larger than {MAX_BYTES // 1024} KiB")
    return data.decode()


class _Reader:
    """Turns YAML nodes into Secrets; knows the file's name for its errors."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def documents(self, text: str) -> Iterator[yaml.MappingNode]:
        try:
            for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
                if isinstance(node, yaml.MappingNode):
                    yield node
                elif node is not None and node.tag != "tag:yaml.org,2002:null":
                    self._fail(node, "a Secret document is a map with the keys apiVersion, kind, metadata and data")
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise InputError(f"{self._path}:{line}: this is not YAML: {error.problem}") from error
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(f"{self._path}: this is not YAML: {error}") from error

    def secret(self, document: yaml.MappingNode) -> Secret:
        top = self._map(document)
        kind = top.get("kind")
        if kind is None or self._string(kind, "kind") != "Secret":
            self._fail(kind or document, "kind must be Secret")
        metadata = self._map(top["metadata"]) if "metadata" in top else self._fail(document, "metadata.name is missing")
        if "name" not in metadata:
            self._fail(top["metadata"], "metadata.name is missing")
        namespace = self._name(metadata["namespace"], "metadata.namespace") if "namespace" in metadata else ""
        return Secret(self._name(metadata["name"], "metadata.name"), namespace, self._values(top))

    def _values(self, top: Mapping[str, yaml.Node]) -> Mapping[str, str]:
        """All values as base64; as in Kubernetes, stringData wins over data."""
        encoded = {key: self._base64(node, key) for key, node in self._entries(top.get("data"))}
        plain = {key: self._string(node, f"stringData.{key}") for key, node in self._entries(top.get("stringData"))}
        return encoded | {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}

    def _entries(self, node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return
        for key, value in self._map(node).items():
            if not _KEY.fullmatch(key):
                self._fail(value, f"the key {key!r} may hold only letters, digits, dashes, dots and underscores")
            yield key, value

    def _map(self, node: yaml.Node) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, "a map is wanted here")
        result: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._string(key, "a key")
            if name in result:
                self._fail(key, f"{name} is there twice")
            result[name] = value
        return result

    def _string(self, node: yaml.Node, what: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            self._fail(node, f"{what} must be a text; put it in quotes")
        return str(node.value)

    def _name(self, node: yaml.Node, what: str) -> str:
        text = self._string(node, what)
        if not _NAME.fullmatch(text):
            self._fail(node, f"{what} may hold only lower case letters, digits, dashes and dots")
        return text

    def _base64(self, node: yaml.Node, key: str) -> str:
        if not isinstance(node, yaml.ScalarNode):
            self._fail(node, f"data.{key} must be base64")
        text = "".join(str(node.value).split())
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self._fail(node, f"data.{key} is not base64; put plain text below stringData")
        return text

    def _fail(self, node: yaml.Node, message: str) -> NoReturn:
        raise InputError(f"{self._path}:{node.start_mark.line + 1}: {message}")
