"""One build from its start to its end: handed over, started, followed, cancelled on Ctrl-C, and its result shown."""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from cli import interrupts
from cli.client import Client
from cli.follow import follow_build
from cli.order import Order
from cli.output import show
from cli.program import LocalProgram
from cli.progress import Progress
from cli.records import name_of
from cli.screen import Screen
from cli.service import Service
from cli.summary import report
from shared.api_records import Build, Stage
from shared.errors import Conflict, InfrastructureError
from shared.status import Status

PASSING = (
    "The service ends with the command that started it, so the build is followed to its end; "
    "`kontinuous serve` keeps one up."
)
CANCEL_LIMIT_S = 60.0  # a stage has 25 s to stop; then its containers are removed


def build(order: Order, service: Service, program: LocalProgram, screen: Screen, output: str) -> Build:
    """Run a whole build and give it as it ended; the first Ctrl-C cancels it, the second ends this process at once."""
    source = _hand_over(order, service.client, program, screen)
    return build_of(source["repository"], source["ref"] or source["sha"], order.only, service, screen, output)


def build_of(repository: str, ref: str, only: list[str], service: Service, screen: Screen, output: str) -> Build:
    """The same for a repository that the service knows."""
    return to_its_end(lambda: service.client.start_build(repository, ref, only), service, screen, output)


def to_its_end(
    start: Callable[[], Build], service: Service, screen: Screen, output: str, before: Iterable[Stage] = ()
) -> Build:
    """Follow the build that `start` gives; what the stages `before` have done is not shown again."""
    with interrupts.deferred() as noted:
        started = start()
    progress = Progress(service.client, name_of(started), screen)
    progress.pass_over(before)
    try:
        noted.raise_now()
        ended = _follow(service.client, started, progress, screen)
    except KeyboardInterrupt:
        interrupts.leave_at_the_next()
        screen.line("Cancelling the build … (Ctrl-C again: leave at once)")
        ended = _cancel(service.client, started, progress, screen)
    finally:
        progress.close()
    screen.lines(report(ended, service, progress.tail))
    if output != "table":
        show(ended, output, list)
    return ended


def is_followed(asked: bool, service: Service, screen: Screen) -> bool:
    """Whether to follow a build: where that was asked for, or where the service would end before the build does."""
    if service.passing and not asked:
        screen.line(PASSING)
    return asked or service.passing


def _hand_over(order: Order, client: Client, program: LocalProgram, screen: Screen) -> Mapping[str, Any]:
    """Give the service the secrets and the commit; returns what `local source` says of the commit."""
    for secret in order.secrets:
        client.put_secret(secret.namespace or order.checkout.pipeline.namespace, secret.name, secret.data)
    source = program.ask(*order.source_arguments(), say=screen.line)
    client.create_pipeline(source["repository"])
    return source


def _follow(client: Client, started: Build, progress: Progress, screen: Screen) -> Build:
    commit = f"commit {started['commit']['sha'][:10]} {started['commit']['branch']}".rstrip()
    screen.line(f"Build {started['number']} of {started['repository']}, {commit}")
    ended = _show_each(follow_build(client, name_of(started)), progress, started)
    if not Status(ended["status"]).finished:
        raise InfrastructureError(f"the service let go of build {started['number']} while it is {ended['status']}")
    return ended


def _cancel(client: Client, started: Build, progress: Progress, screen: Screen) -> Build:
    """Cancel the build and wait for its end, at most CANCEL_LIMIT_S; gives it as it is then."""
    with suppress(Conflict):  # it ended just before
        client.cancel(name_of(started))
    deadline = time.monotonic() + CANCEL_LIMIT_S
    ended = _show_each(follow_build(client, name_of(started), deadline), progress, started)
    if not Status(ended["status"]).finished:
        screen.line(f"The build did not end within {CANCEL_LIMIT_S:.0f} s; the service goes on cancelling it.")
    return ended


def _show_each(states: Iterable[Build], progress: Progress, build: Build) -> Build:
    """Show each state of the build as it comes; gives the newest."""
    for state in states:
        build = state
        progress.show(build)
    return build
