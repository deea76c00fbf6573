"""`kontinuous get`: list builds, pipelines, or the stages of a build."""

import sys
from argparse import Namespace

from cli import service
from cli.build_name import build_name, current_repository
from cli.client import Client
from cli.output import show
from cli.program import LocalProgram
from cli.records import name_of
from cli.screen import Screen
from cli.summary import stage_table
from cli.table import moment, seconds, table
from shared.api_records import Build
from shared.errors import EXIT_SUCCESS, InputError, NotFound

BUILD_HEADINGS = ("BUILD", "STATUS", "BRANCH", "COMMIT", "CREATED (UTC)", "SECONDS")


def execute(args: Namespace, program: LocalProgram) -> int:
    """List what was asked for, newest first."""
    if (args.what == "stages") != (args.build is not None):
        raise InputError("`get stages` wants a BUILD; `get builds` and `get pipelines` take none")
    name = build_name(args.build, program) if args.build else None
    with service.chosen(program, Screen(sys.stderr)) as opened:
        match args.what:
            case "builds":
                builds = _builds(opened.client, _repository(args, program), args.limit)
                show(builds, args.output, lambda: _build_table(builds))
            case "pipelines":
                pipelines = opened.client.pipelines()
                rows = [(p["repository"], moment(p["created_at"])) for p in pipelines]
                show(pipelines, args.output, lambda: table(("PIPELINE", "CREATED (UTC)"), rows))
            case "stages" if name:
                build = opened.client.build(name)
                show(build["stages"], args.output, lambda: stage_table(build))
            case _:
                raise InputError(f"there is no list of {args.what}")
    return EXIT_SUCCESS


def _repository(args: Namespace, program: LocalProgram) -> str:
    """The repository to list builds of: the one asked for, else the current folder's, else "" for all."""
    if args.pipeline:
        return str(args.pipeline)
    try:
        return current_repository(program)
    except InputError:
        return ""


def _builds(client: Client, repository: str, limit: int) -> list[Build]:
    if repository:
        try:
            return client.builds(repository, limit)
        except NotFound:
            return []  # nothing was ever built from it
    every = [build for pipeline in client.pipelines() for build in client.builds(pipeline["repository"], limit)]
    return sorted(every, key=lambda build: build["created_at"], reverse=True)[:limit]


def _build_table(builds: list[Build]) -> list[str]:
    return table(BUILD_HEADINGS, map(_row, builds))


def _row(build: Build) -> tuple[str, ...]:
    branch, sha = build["commit"]["branch"], build["commit"]["sha"][:10]
    return str(name_of(build)), build["status"], branch, sha, moment(build["created_at"]), seconds(build["seconds"])
