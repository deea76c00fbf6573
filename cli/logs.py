"""`kontinuous logs`: a build's logs on stdout, byte for byte; on a terminal without the control codes in them."""

import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator

from cli import interrupts, service
from cli.build_name import build_name, find_stage
from cli.client import Client
from cli.follow import follow_build, follow_log, read_log
from cli.log_lines import LogLines
from cli.program import LocalProgram
from cli.records import BuildName
from cli.screen import Screen
from shared.api_records import Build, Stage
from shared.errors import EXIT_SUCCESS, InputError
from shared.status import Status


def execute(args: Namespace, program: LocalProgram) -> int:
    """Print the logs of the stages that were asked for, one after another."""
    screen = Screen(sys.stderr)
    with interrupts.interruptible():
        name = build_name(args.build, program)
        with service.chosen(program, screen) as opened:
            build = opened.client.build(name)
            wanted = _wanted(build, args.stage, args.attempt)
            for stage in wanted:
                for count, (attempt, log) in enumerate(_logs(opened.client, name, stage, args)):
                    if len(wanted) > 1 or count:
                        screen.line(f"==> {stage['name']}{f' (attempt {attempt})' if attempt > 1 else ''}")
                    _print(log)
    return EXIT_SUCCESS


def _wanted(build: Build, name: str | None, attempt: int | None) -> list[Stage]:
    if name is None:
        if attempt is not None:
            raise InputError("--attempt counts the attempts of one stage; say which with --stage")
        return build["stages"]
    stage = find_stage(build["stages"], name)
    if attempt is not None and attempt > stage["attempt"]:
        raise InputError(f"there is no attempt {attempt} of {stage['name']!r}; there were {stage['attempt']}")
    return [stage]


def _logs(client: Client, name: BuildName, stage: Stage, args: Namespace) -> Iterator[tuple[int, Iterable[bytes]]]:
    """The attempt to print and its log, none where the stage never ran; of one that is followed, also those after it.

    An attempt that the infrastructure failed before the work began is followed by another.
    """
    if args.attempt or not args.follow:
        attempt, read = args.attempt or stage["attempt"], follow_log if args.follow else read_log
        if attempt:
            yield attempt, read(client, name, stage["id"], attempt)
        return
    printed = 0
    while (stage := _begun(client, name, stage))["attempt"] > printed:
        printed = stage["attempt"]
        yield printed, follow_log(client, name, stage["id"], printed)


def _begun(client: Client, name: BuildName, stage: Stage) -> Stage:
    """Wait until the stage runs or will not run any more."""
    for build in follow_build(client, name):
        stage = find_stage(build["stages"], stage["id"])
        if stage["status"] != Status.PENDING:
            break
    return stage


def _print(blocks: Iterable[bytes]) -> None:
    for block in _safe(blocks) if sys.stdout.isatty() else blocks:
        sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()


def _safe(blocks: Iterable[bytes]) -> Iterator[bytes]:
    splitter = LogLines(color=True)
    for block in blocks:
        yield "".join(f"{line}\n" for line in splitter.feed(block)).encode()
    yield "".join(f"{line}\n" for line in splitter.finish()).encode()
