"""What a shell completes: commands and options by argcomplete, names of pipelines, builds and stages by the service.

A completion never waits long, never starts a service, and never says anything but what it found.
"""

import os
from argparse import Action, Namespace, _SubParsersAction
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from threading import Thread

import argcomplete

from cli.build_name import build_name
from cli.client import Client
from cli.command import Parser
from cli.program import LocalProgram
from cli.records import name_of
from cli.remote import named_remote
from cli.service import recorded
from shared.state_folder import state_folder

LIMIT_S = 1.0
"""How long a person waits for all that one Tab asks for; what was found until then is shown."""
NEWEST = 20

Complete = Callable[..., list[str]]
Completer = Callable[[Client, Namespace, str], Iterable[str]]


def complete(parser: Parser) -> None:
    """Answer the shell that calls, and end the process."""
    for action in _actions(parser):
        completer = _COMPLETERS.get(action.dest)
        if completer and not action.choices:
            action.completer = _quiet(completer)  # type: ignore[attr-defined]  # as argcomplete wants it
    argcomplete.autocomplete(parser, always_complete_options=False)


def _actions(parser: Parser) -> Iterator[Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, _SubParsersAction):
            for sub in action.choices.values():
                yield from _actions(sub)


def _quiet(completer: Completer) -> Complete:
    def asked(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
        found: list[str] = []

        def ask() -> None:
            with suppress(Exception):  # a completion that fails completes nothing; the command itself will say why
                there = named_remote(os.environ) or recorded(state_folder(os.environ))
                client = Client(there.url, there.token, timeout_s=LIMIT_S)
                for name in completer(client, parsed_args, prefix):
                    if name.startswith(prefix):
                        found.append(name)

        asking = Thread(target=ask, daemon=True)
        asking.start()
        asking.join(LIMIT_S)
        return list(found)

    return asked


def _pipelines(client: Client, _args: Namespace, _prefix: str) -> Iterable[str]:
    return (record["repository"] for record in client.pipelines())


def _builds(client: Client, args: Namespace, prefix: str) -> Iterator[str]:
    for repository in _pipelines(client, args, prefix):
        if repository.startswith(prefix) or prefix.startswith(f"{repository}/"):
            yield from (str(name_of(build)) for build in client.builds(repository, NEWEST))


def _names(client: Client, args: Namespace, prefix: str) -> Iterable[str]:
    """What `get`, `describe` and `delete` name depends on what they are about."""
    match str(args.what).removesuffix("s"):
        case "pipeline":
            return _pipelines(client, args, prefix)
        case "build" | "stage":
            return _builds(client, args, prefix)
        case _:
            return []


def _stages(client: Client, args: Namespace, _prefix: str) -> Iterable[str]:
    named = args.build if "build" in args else args.name
    build = client.build(build_name(str(named), LocalProgram()))
    return [stage["id"] for stage in build["stages"]]


_COMPLETERS: dict[str, Completer] = {
    "pipeline": _pipelines,
    "repository": _pipelines,
    "build": _builds,
    "name": _names,
    "stage": _stages,
}
