"""The catalogue of stage types and notifiers: which params each one takes, as data.

A stage type that an operator adds is one more entry, with a JSON Schema as its rules (`shared.catalogue`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.json_value import Json
from shared.model import COMMAND, DOCKER_BUILD, DOCKER_PUBLISH
from shared.value_formats import Format


class ParamKind(StrEnum):
    """What a param's value must be. `any` is any JSON value; `texts` a list of texts; `flag` true or false."""

    ANY = "any"
    TEXT = "text"
    TEXTS = "texts"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Param:
    """One known param of a stage type.

    `aliases` are other spellings, read as the param itself. `format` narrows a text. `secret` says that the
    value is meant to be a key of one of the stage's secrets, so that a stage without any is warned of.
    """

    kind: ParamKind = ParamKind.ANY
    required: bool = False
    aliases: tuple[str, ...] = ()
    format: Format = Format.ANY
    secret: bool = False


@dataclass(frozen=True, slots=True)
class ParamSchema:
    """The params of one stage type. `wants` names, for a flag, the params that are required where it is true.

    `rules` is a JSON Schema that holds for all of them together. `variables` says that each param is a variable of our
    own container, where some names would steer the programs in it.
    """

    params: Mapping[str, Param] = field(default_factory=dict)
    wants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: Mapping[str, Json] = field(default_factory=dict)
    variables: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """All names of params that are known, in every spelling."""
        own = tuple(name for canonical, param in self.params.items() for name in (canonical, *param.aliases))
        return (*own, *self.rules.get("properties", ()))

    @property
    def canonical_names(self) -> Mapping[str, str]:
        """The param that each alias stands for."""
        return {alias: name for name, param in self.params.items() for alias in param.aliases}


_JSON_TYPES: Mapping[ParamKind, Mapping[str, Json]] = {
    ParamKind.ANY: {},
    ParamKind.TEXT: {"type": ["string", "number", "boolean"]},
    ParamKind.TEXTS: {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
    ParamKind.FLAG: {"type": ["boolean", "string"]},
}


def as_json_schema(schema: ParamSchema) -> Mapping[str, Json]:
    """The params of a type as a JSON Schema: for those who only want to know; we check the built-in ones ourselves."""
    if schema.rules or not schema.params:
        return schema.rules
    required = [name for name, param in schema.params.items() if param.required]
    properties = {name: _JSON_TYPES[param.kind] for name, param in schema.params.items()}
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


STAGE_TYPES: Mapping[str, ParamSchema] = {
    DOCKER_BUILD: ParamSchema(
        {
            "dockerfile_path": Param(ParamKind.TEXT, format=Format.FOLDER),
            "dockerfile_name": Param(ParamKind.TEXT, format=Format.FILE_NAME),
        }
    ),
    COMMAND: ParamSchema(
        {
            "command": Param(ParamKind.TEXTS, required=True),
            "args": Param(ParamKind.TEXTS),
            "image": Param(ParamKind.TEXT, format=Format.IMAGE),
            "working_dir": Param(ParamKind.TEXT, format=Format.PATH),
        }
    ),
    DOCKER_PUBLISH: ParamSchema(
        {
            "external_registry": Param(ParamKind.TEXT, required=True, format=Format.REGISTRY),
            "external_image_name": Param(ParamKind.TEXT, required=True, format=Format.IMAGE_NAME),
            "require_credentials": Param(ParamKind.FLAG, aliases=("require_crendentials",)),
            "username": Param(ParamKind.TEXT, secret=True),
            "password": Param(ParamKind.TEXT, secret=True),
            "email": Param(ParamKind.TEXT, secret=True),
        },
        wants={"require_credentials": ("username", "password")},
    ),
}

MAIL = "mail"
TEAMS = "teams"
DISCORD = "discord"
SLACK = "slack"
_SERVICE = ParamSchema({"url": Param(ParamKind.TEXT, required=True, format=Format.SERVICE)})

NOTIFIERS: Mapping[str, ParamSchema] = {
    SLACK: ParamSchema(
        {
            "url": Param(ParamKind.TEXT, required=True, format=Format.URL),
            "channel": Param(ParamKind.TEXT),
            "username": Param(ParamKind.TEXT),
        }
    ),
    MAIL: _SERVICE,
    TEAMS: _SERVICE,
    DISCORD: _SERVICE,
}
